"""Queries of support: finding a claim by what a fan can say. One organisation only, always."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    cast,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, joinedload, scoped_session

from app.domain.payments import Reason
from app.domain.refunds import FAILED, NEEDS_ATTENTION
from app.domain.search import Meant, Near
from app.store.models import (
    Claim,
    Event,
    Fan,
    OutboxEntry,
    Payment,
    Place,
    Refund,
    Ticket,
    Verification,
)

Db = Session | scoped_session[Session]

MOST_SHOWN = 50
_WRONG = (Reason.WRONG_AMOUNT, Reason.WRONG_CURRENCY)


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """A claim in a list of results. Money in the smallest unit."""

    reference: str
    state: str
    quantity: int
    amount: int
    currency: str
    name: str
    email: str
    created_at: datetime
    event_title: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A place in a line; `email` is the address that was proven for it, if one was."""

    id: str
    number: int
    state: str
    email: str | None
    joined_at: datetime
    admitted_at: datetime | None
    ended_at: datetime | None
    proven_at: datetime | None
    event_title: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Flagged:
    """A refund that somebody should look at. Money in the smallest unit."""

    claim: str
    payment: str
    state: str
    reason: str
    amount: int
    currency: str
    owed_at: datetime
    event_title: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that we owe, or that has gone."""

    owed_at: datetime
    sent_at: datetime | None
    attempts: int


def claims(session: Db, organisation_id: int, meant: Meant | Near) -> list[FoundClaim]:
    """The claims that this can mean, the newest first."""
    query: Select[*tuple[Any, ...]] = (
        select(
            Claim.reference,
            Claim.state,
            Claim.quantity,
            Claim.amount,
            Claim.currency,
            Claim.name,
            Fan.email,
            Claim.created_at,
            Event.title,
            Event.time_zone,
        )
        .join(Event, Event.id == Claim.event_id)
        .join(Fan, Fan.id == Claim.fan_id)
        .where(Event.organisation_id == organisation_id, or_(false(), *_conditions(meant)))
        .order_by(Claim.created_at.desc())
        .limit(MOST_SHOWN)
    )
    return [FoundClaim(*row) for row in session.execute(query)]


def _conditions(meant: Meant | Near) -> list[ColumnElement[bool]]:
    return _exactly(meant) if isinstance(meant, Meant) else _nearly(meant)


def _exactly(meant: Meant) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if meant.email:
        conditions.append(
            Claim.fan_id == select(Fan.id).where(Fan.email == meant.email).scalar_subquery()
        )
    if meant.claim:
        conditions.append(Claim.reference == meant.claim)
    if meant.payments:
        conditions.append(
            Claim.id.in_(select(Payment.claim_id).where(Payment.reference.in_(meant.payments)))
        )
    if meant.codes:
        conditions.append(Claim.id.in_(select(Ticket.claim_id).where(Ticket.code.in_(meant.codes))))
    if meant.place:
        event_id, number = meant.place
        conditions.append(
            Claim.place_id.in_(
                select(Place.id).where(Place.event_id == event_id, Place.number == number)
            )
        )
    return conditions


def _nearly(near: Near) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    fans = _fans_near(near)
    if fans:
        conditions.append(Claim.fan_id.in_(select(Fan.id).where(or_(*fans))))
    if near.claims:
        conditions.append(Claim.reference.in_(near.claims))
    if near.name:
        conditions.append(func.lower(Claim.name).contains(near.name, autoescape=True))
    if near.phone:
        digits = func.regexp_replace(Claim.phone, "[^0-9]", "", "g")
        conditions.append(digits.contains(near.phone, autoescape=True))
    return conditions


def _fans_near(near: Near) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if near.emails:
        # One array, not a parameter for each of some thousand neighbours.
        conditions.append(Fan.email == any_(cast(list(near.emails), ARRAY(Text))))
    if near.beginning:
        conditions.append(Fan.email.startswith(near.beginning, autoescape=True))
    return conditions


def places(session: Db, organisation_id: int, meant: Meant | Near) -> list[FoundPlace]:
    """The places that this can mean from which nothing was bought, the newest first."""
    conditions: list[ColumnElement[bool]] = []
    if isinstance(meant, Near):
        conditions = _fans_near(meant)
    elif meant.email:
        conditions = [Fan.email == meant.email]
    elif meant.place:
        event_id, number = meant.place
        conditions = [and_(Place.event_id == event_id, Place.number == number)]
    if not conditions:
        return []
    rows = session.execute(
        _places()
        .where(Event.organisation_id == organisation_id, Place.state != "used", or_(*conditions))
        .order_by(Place.joined_at.desc())
        .limit(MOST_SHOWN)
    )
    return [FoundPlace(*row) for row in rows]


def place(session: Db, place_id: str) -> FoundPlace | None:
    row = session.execute(_places().where(Place.id == place_id)).first()
    return FoundPlace(*row) if row is not None else None


def _places() -> Select[*tuple[Any, ...]]:
    proven_at = (
        select(func.min(Verification.proven_at))
        .where(Verification.place_id == Place.id)
        .correlate(Place)
        .scalar_subquery()
    )
    return (
        select(
            Place.id,
            Place.number,
            Place.state,
            Fan.email,
            Place.joined_at,
            Place.admitted_at,
            Place.ended_at,
            proven_at,
            Event.title,
            Event.time_zone,
        )
        .join(Event, Event.id == Place.event_id)
        .outerjoin(Fan, Fan.id == Place.fan_id)
    )


def lock_confirmed(session: Db, reference: str) -> tuple[int, int] | None:
    """(id, event id) of the claim if it is confirmed, its row locked."""
    row = session.execute(
        select(Claim.id, Claim.event_id)
        .where(Claim.reference == reference, Claim.state == "CONFIRMED")
        .with_for_update(of=Claim)
    ).first()
    return (row[0], row[1]) if row is not None else None


def payments(session: Db, claim_id: int) -> list[Payment]:
    """The payments of a claim with their refunds, oldest first."""
    return list(
        session.scalars(
            select(Payment)
            .where(Payment.claim_id == claim_id)
            .order_by(Payment.id)
            .options(joinedload(Payment.refund))
        )
    )


def flagged(session: Db, organisation_id: int) -> list[Flagged]:
    """Refunds that the gateway cannot finish, and those of sums that came in wrong; the oldest
    first."""
    rows = session.execute(
        select(
            Claim.reference,
            Payment.reference,
            Refund.state,
            Refund.reason,
            Refund.amount,
            Refund.currency,
            Refund.created_at,
            Event.title,
            Event.time_zone,
        )
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Claim, Claim.id == Payment.claim_id)
        .join(Event, Event.id == Claim.event_id)
        .where(
            Event.organisation_id == organisation_id,
            Refund.done_at.is_(None),
            or_(Refund.state.in_((FAILED, NEEDS_ATTENTION)), Refund.reason.in_(_WRONG)),
        )
        .order_by(Refund.created_at)
        .limit(MOST_SHOWN)
    )
    return [Flagged(*row) for row in rows]


def is_owed(session: Db, key: str) -> bool:
    """Whether the outbox has had an entry with this key."""
    return session.scalar(select(OutboxEntry.id).where(OutboxEntry.key == key)) is not None


def mails(session: Db, keys: Sequence[str]) -> list[Mail]:
    """What became of the mails with these outbox keys, the latest first."""
    rows = session.execute(
        select(OutboxEntry.created_at, OutboxEntry.done_at, OutboxEntry.attempts)
        .where(OutboxEntry.key.in_(keys))
        .order_by(OutboxEntry.id.desc())
    )
    return [Mail(*row) for row in rows]
