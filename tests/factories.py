"""Rows for tests, made as the services would leave them. Each function commits."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from app.extensions import db
from app.store.models import (
    Claim,
    Event,
    Fan,
    Line,
    Organisation,
    Payment,
    Place,
    Staff,
    Ticket,
    Verification,
)

_serial = count(1)
# Of PasswordHasher, where the cost of a hash is not what is tested.
CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


def utc_now() -> datetime:
    return datetime.now(UTC)


def an_id() -> str:
    """16 characters, as place ids and visitor ids are."""
    return secrets.token_urlsafe(12)


def an_organisation(name: str = "Lagos Live") -> Organisation:
    return _saved(Organisation(name=name))


def a_staff_member(
    role: str = "organiser", organisation: Organisation | None = None, **overrides: Any
) -> Staff:
    """Somebody whose password is `password`."""
    from argon2 import PasswordHasher

    number = next(_serial)
    values = {
        "organisation_id": (organisation or an_organisation()).id,
        "email": f"{role}{number}@example.com",
        "name": f"{role.title()} {number}",
        "role": role,
        "password_hash": PasswordHasher(**CHEAP).hash("password"),
    }
    return _saved(Staff(**values | overrides))


def an_event(line: bool = True, **overrides: Any) -> Event:
    """An event on sale: 100 tickets of 5,000.00 NGN, sale open since an hour.

    With `line`, its Redis copy is written too. With state="draft" there are neither tickets nor
    a line.
    """
    organisation = overrides.pop("organisation", None)
    number = next(_serial)
    now = utc_now()
    values: dict[str, Any] = {
        "slug": f"event-{number}",
        "title": f"Event {number}",
        "venue": "Eko Hotel, Lagos",
        "starts_at": now + timedelta(days=30),
        "time_zone": "Africa/Lagos",
        "state": "on_sale",
        "sale_starts_at": now - timedelta(hours=1),
        "sale_ends_at": now + timedelta(days=7),
        "capacity": 100,
        "price": 500_000,
        "currency": "NGN",
        "admit_per_minute": 600,
        "pass_capacity": 50,
    }
    values |= overrides
    if "organisation_id" not in values:
        values["organisation_id"] = (organisation or an_organisation()).id
    if values["state"] == "paused":
        values = {"paused_at": now, "pause_reason": "The doors are stuck."} | values
    event = _saved(Event(**values))
    if event.state != "draft":
        db.session.add(Line(event_id=event.id))
        db.session.add_all(Ticket(event_id=event.id, number=n + 1) for n in range(event.capacity))
        db.session.commit()
        if line:
            write_line(event)
    return event


def write_line(event: Event) -> None:
    """Write (again) the Redis copy of the event's line from Postgres."""
    from app.services.rebuild import rebuild_once

    rebuild_once(event.id)
    db.session.refresh(event)


def a_fan(email: str | None = None) -> Fan:
    return _saved(Fan(email=email or f"fan{next(_serial)}@example.com"))


def a_place(event: Event, **overrides: Any) -> Place:
    """A row of `places` only; the Redis copy knows nothing of it until the line is rebuilt."""
    values: dict[str, Any] = {
        "id": an_id(),
        "event_id": event.id,
        "visitor": an_id(),
        "number": next(_serial),
        "epoch": 1,
        "joined_at": utc_now(),
    }
    return _saved(Place(**values | overrides))


def an_admitted_place(event: Event, fan: Fan | None = None, **overrides: Any) -> Place:
    """A row of `places` with a living pass, bound to a fan whose address is proven."""
    fan = fan or a_fan()
    now = utc_now()
    values: dict[str, Any] = {
        "state": "admitted",
        "admitted_at": now,
        "fan_id": fan.id,
        "pass_until": int(now.timestamp() * 1000) - event.paused_ms + event.pass_seconds * 1000,
    }
    place = a_place(event, **values | overrides)
    _saved(Verification(id=an_id(), place_id=place.id, email=fan.email, sent_at=now, proven_at=now))
    return place


def a_claim(event: Event, quantity: int = 1, fan: Fan | None = None, **overrides: Any) -> Claim:
    """A claim that holds the lowest free tickets, written straight into Postgres."""
    from app.domain.references import claim_reference

    fan = fan or a_fan()
    place = overrides.pop("place", None) or an_admitted_place(event, fan, state="used")
    now = utc_now()
    values: dict[str, Any] = {
        "reference": claim_reference(),
        "event_id": event.id,
        "fan_id": fan.id,
        "place_id": place.id,
        "form_key": an_id(),
        "quantity": quantity,
        "name": "Ada Obi",
        "phone": "",
        "unit_price": event.price,
        "amount": quantity * event.price,
        "currency": event.currency,
        "held_until": now + timedelta(seconds=event.hold_seconds),
    }
    claim = _saved(Claim(**values | overrides))
    if claim.state in ("HELD", "CONFIRMED"):
        tickets = db.session.query(Ticket).filter_by(event_id=event.id, claim_id=None)
        for ticket in tickets.order_by(Ticket.number).limit(quantity):
            ticket.claim_id = claim.id
    db.session.commit()
    return claim


def a_payment(claim: Claim, **overrides: Any) -> Payment:
    values: dict[str, Any] = {
        "claim_id": claim.id,
        "reference": f"FQP-{claim.reference[3:]}-{next(_serial)}",
        "amount": claim.amount,
        "currency": claim.currency,
    }
    return _saved(Payment(**values | overrides))


def _saved(row: Any) -> Any:
    db.session.add(row)
    db.session.commit()
    return row


@dataclass(frozen=True)
class Buyer:
    """Somebody at the head of the line with a proven address: everything a claim needs."""

    event_id: int
    fan_id: int
    email: str
    pass_token: Any

    def form(self, quantity: int = 1) -> Any:
        from app.domain.claims import ClaimForm

        return ClaimForm("Ada Obi", self.email, "", quantity)

    def claim(self, quantity: int = 1, form_key: str | None = None) -> str:
        """Claim through the service, once; the claim's reference."""
        from app.services import catalogue, claims

        facts = catalogue.facts_by_id(self.event_id)
        return claims.claim(
            facts, self.pass_token, self.fan_id, self.form(quantity), form_key or an_id()
        )


def a_buyer(event: Event, fan: Fan | None = None, **overrides: Any) -> Buyer:
    """A fan with an admitted place of the event and the pass for it."""
    from app.domain.tokens import PassToken

    fan = fan or a_fan()
    place = an_admitted_place(event, fan, **overrides)
    assert place.pass_until is not None
    token = PassToken(event.id, place.epoch, place.id, place.number, place.turn, place.pass_until)
    return Buyer(event.id, fan.id, fan.email, token)
