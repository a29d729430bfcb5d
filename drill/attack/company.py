"""Who sends the generated requests: fans at every step and colleagues of every role, at an event
and in an organisation of their own, made anew when a request has ended what they had."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from app.domain.tokens import (
    ClaimLink,
    FanToken,
    FormToken,
    InvitationToken,
    PassToken,
    PlaceToken,
    ResetToken,
    TicketToken,
    VisitorToken,
    new_id,
)
from app.views.previews import PREVIEWS
from drill.attack import addresses, cast, doors
from drill.attack.cast import Show, a_network
from drill.attack.inputs import Role
from drill.attack.site import SECRET_KEY, Site, Visitor

_ADMITTED = """
WITH fan AS (
    INSERT INTO fans (email) VALUES (%(email)s) RETURNING id
), place AS (
    INSERT INTO places (
        id, event_id, visitor, number, epoch, state, fan_id, pass_until, joined_at, admitted_at)
    SELECT %(place)s, e.id, %(visitor)s,
        -- Far behind those that Redis gives to who joins.
        900000000 + (random() * 900000000)::bigint, 1, 'admitted',
        fan.id, extract(epoch FROM now())::bigint * 1000 - e.paused_ms + e.pass_seconds * 1000,
        now(), now()
    FROM fan, events e WHERE e.id = %(event)s
    RETURNING id, fan_id, number, epoch, turn, pass_until
), proof AS (
    INSERT INTO verifications (id, place_id, email, sent_at, proven_at)
    SELECT %(asked)s, id, %(email)s, now(), now() FROM place
)
SELECT * FROM place
"""
_ALIVE = {
    "waits": "SELECT 1 FROM events WHERE id = %(id)s AND state = 'on_sale'",
    "head": "SELECT 1 FROM places WHERE id = %(id)s AND state = 'admitted'",
    "claim": "SELECT 1 FROM claims WHERE reference = %(id)s AND state = %(state)s",
}
_COLLEAGUE = (
    "INSERT INTO staff (organisation_id, email, name, role, password_hash)"
    " VALUES (%(group)s, %(email)s, 'Chidi', 'support', 'none') RETURNING id"
)
_LINK = (
    "INSERT INTO staff_links (id, kind, organisation_id, staff_id, email, role, expires_at) VALUES"
    " (%(id)s, %(kind)s, %(group)s, %(staff)s, %(email)s, %(role)s, now() + interval '1 hour')"
    " RETURNING id"
)
_OPEN_LINKS = "SELECT 1 FROM staff_links WHERE id = ANY(%(ids)s) AND ended_at IS NOT NULL"
# As a form of an organiser says it; each value is right somewhere.
EVENT_FIELDS: Mapping[str, Sequence[str]] = {
    "title": ("An evening", "Nights of Lagos"),
    "slug": ("", "an-evening"),
    "venue": ("Eko Hotel, Lagos",),
    "description": ("Doors open at six.", ""),
    "time_zone": ("Africa/Lagos", "UTC"),
    "starts_at": ("2031-03-20T19:30",),
    "sale_starts_at": ("2030-03-20T12:00",),
    "sale_ends_at": ("2031-03-19T12:00",),
    "capacity": ("50", "60"),
    "price": ("15,000", "20"),
    "currency": ("NGN", "USD"),
    "max_per_fan": ("4",),
    "hold_minutes": ("10",),
    "pass_minutes": ("5",),
    "admit_per_minute": ("600", "6000"),
    "pass_capacity": ("50", "10"),
    "proof": ("off", "light"),
}
FIELDS: Mapping[str, Sequence[str]] = {
    "name": ("Ada Obi",),
    "phone": ("+234 803 123 4567", ""),
    "quantity": ("1", "2"),
    "number": ("7",),
    "then": ("claim", "proof"),
    "seen": ("on_sale", "paused", "published", "HELD", "CONFIRMED", "6000", "50", "organiser", ""),
    "reason": ("The doors are stuck.",),
    "next_word": ("19:30", ""),
    "message": ("All is well.", ""),
    "note": ("Paid back at the counter.",),
    "start": ("now",),
    "present": ("a wrong password",),
    "wanted": ("another password of mine",),
    "password": ("another password of mine",),
    "role": ("support", "organiser"),
    "required": ("no",),
    "domains": ("mailinator.com\nexample.org",),
    "next": ("/organiser/", "/support/"),
    "q": ("Ada", "FQ-0000-0000-00"),
    "ticket": (TicketToken("7K3M9QXDR2B04ZTV").sign(SECRET_KEY),),
}


# A role, and whether it still has what it had.
Made = tuple[Role, Callable[[], bool]]
Maker = Callable[[], Made]


class Company:
    """`roles` are all of them. `renew()` makes those anew that have lost what they had."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.group = cast.an_organisation(site)
        # Somebody to be disabled, enabled, made an admin: not one of those who do that.
        facts = {"group": self.group, "email": f"chidi-{secrets.token_hex(4)}@mallory.example"}
        ((self.victim,),) = site.rows(_COLLEAGUE, **facts)
        # Claims are written straight into Postgres, so nobody joins the line of their event.
        self.shop, self.show = self._show(), self._show()
        self.roles: dict[str, Role] = {}
        self.lives: dict[str, Callable[[], bool]] = {}
        self.renew()

    def renew(self) -> None:
        """Look after each of them."""
        if not self._is("waits", self.show.id):
            self.show, self.lives = self._show(), {}
        makers: dict[str, Maker] = {
            "stranger": self._stranger,
            "the gateway": self._gateway,
            "fan in line": self._waiting,
            "fan at the head": self._head,
            "fan with a hold": self._holder,
            "fan with tickets": self._owner,
            **{role: partial(self._colleague, role) for role in addresses.OF_STAFF},
            "colleague whose code is awaited": self._halfway,
        }
        for name, make in makers.items():
            if name not in self.lives or not self.lives[name]():
                self.roles[name], self.lives[name] = make()

    def _is(self, what: str, id: Any, state: str = "") -> bool:
        return bool(self.site.rows(_ALIVE[what], id=id, state=state))

    def _show(self) -> Show:
        return cast.a_show(
            self.site, pass_seconds=3600, pass_capacity=1, organisation_id=self.group
        )

    def _identifiers(self, **more: Sequence[str]) -> dict[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {
            "slug": (self.show.slug,),
            "name": tuple(PREVIEWS),
            "filename": ("style.css", "page.js"),
            "reference": ("FQ-0000-0000-00",),
        }
        return {**found, **more}

    def _link(self, kind: str, role: str | None) -> str:
        link, email = new_id(), f"new-{secrets.token_hex(5)}@mallory.example"
        facts = {"id": link, "kind": kind, "group": self.group, "staff": self.victim}
        self.site.rows(_LINK, **facts, email=email, role=role)
        return link

    def _stranger(self) -> Made:
        """Nobody, with every link that mails have."""
        visitor = VisitorToken(new_id())
        reset, invitation = self._link("reset", None), self._link("invitation", "support")
        links = (
            ResetToken(reset).sign(SECRET_KEY),
            InvitationToken(invitation).sign(SECRET_KEY),
            doors.a_carry(cast.joined(self.show)),
        )
        fields = {**FIELDS, "email": ("ada@example.com",), "code": ("123456",)}
        everyone = frozenset({addresses.EVERYONE, addresses.LINK, addresses.GATEWAY})
        made = Role(
            "stranger",
            {"fq_visitor": visitor.sign(SECRET_KEY), doors.SESSION: _session()},
            self._identifiers(token=links),
            fields,
            "a token",
            everyone,
        )
        return made, lambda: not self.site.rows(_OPEN_LINKS, ids=[reset, invitation])

    def _gateway(self) -> Made:
        key = self.site.settings.paystack_secret_key
        whose = frozenset({addresses.GATEWAY})
        return Role("the gateway", {}, {}, {}, "", whose, key), lambda: True

    def _halfway(self) -> Made:
        email = f"half-{secrets.token_hex(5)}@mallory.example"
        self.site.rows(_COLLEAGUE, group=self.group, email=email)
        token = doors.a_halfway(self.site, {"email": email}, lasts=3600)
        name, whose = "colleague whose code is awaited", frozenset({addresses.EVERYONE})
        fields = {"code": ("123456",), "next": ("/organiser/",)}
        cookies = {doors.SESSION: _session(halfway=token)}
        return Role(name, cookies, self._identifiers(), fields, "a token", whose), lambda: True

    def _fan(self, name: str, cookies: Mapping[str, str], email: str, **more: Any) -> Role:
        token = FormToken(cookies["fq_visitor"].partition(".")[0]).sign(SECRET_KEY)
        fields = {
            **{key: FIELDS[key] for key in ("name", "phone", "quantity", "number", "then")},
            "email": (email,),
            "code": ("123456",),
            "form_key": _keys(),
            **more.pop("fields", {}),
        }
        own = frozenset({addresses.PLACE, addresses.CLAIM, addresses.EVERYONE})
        return Role(name, cookies, self._identifiers(**more), fields, token, own)

    def _waiting(self) -> Made:
        fan, elsewhere = cast.joined(self.show), cast.joined(self.show)
        more = {
            "token": (doors.a_carry(elsewhere),),
            "fields": {"challenge": (doors.a_challenge(fan),)},
        }
        place = fan.carried("place").split(".")[2]
        query = "SELECT 1 FROM places WHERE id = %(id)s AND state IN ('left', 'expired', 'merged')"
        role = self._fan("fan in line", fan.browser.cookies, fan.email, **more)
        return role, lambda: not self.site.rows(query, id=place)

    def _head(self) -> Made:
        email = f"fan-{secrets.token_hex(6)}@example.com"
        facts = {"email": email, "place": new_id(), "visitor": new_id(), "asked": new_id()}
        (row,) = self.site.rows(_ADMITTED, event=self.show.id, **facts)
        kept = (self.show.id, row.epoch, row.id, row.number)
        cookies = {
            "fq_visitor": VisitorToken(facts["visitor"]).sign(SECRET_KEY),
            f"fq_place_{self.show.id}": PlaceToken(*kept).sign(SECRET_KEY),
            f"fq_pass_{self.show.id}": PassToken(*kept, row.turn, row.pass_until).sign(SECRET_KEY),
            "fq_fan": FanToken(row.fan_id).sign(SECRET_KEY),
        }
        return self._fan("fan at the head", cookies, email), lambda: self._is("head", row.id)

    def _holder(self) -> Made:
        held = self.site.till.hold(self.shop.id)
        role = self._with_claim("fan with a hold", held.reference, held.email)
        return role, lambda: self._is("claim", held.reference, "HELD")

    def _owner(self) -> Made:
        held = self.site.till.hold(self.shop.id)
        held.at_checkout(held.open_checkout(cast.PATIENCE), "pay")
        held.wait(lambda: held.state == "CONFIRMED", cast.PATIENCE)
        role = self._with_claim("fan with tickets", held.reference, held.email)
        return role, lambda: self._is("claim", held.reference, "CONFIRMED")

    def _with_claim(self, name: str, reference: str, email: str) -> Role:
        cookies = {
            "fq_visitor": VisitorToken(new_id()).sign(SECRET_KEY),
            f"fq_claim_{reference}": ClaimLink(reference).sign(SECRET_KEY),
        }
        return self._fan(name, cookies, email, reference=(reference,))

    def _colleague(self, role: str) -> Made:
        browser = cast.colleague_of(self.site, role, self.group)
        token = cast.form_token(browser.ask("GET", "/staff/account/"))
        ((session,),) = self.site.rows(
            "SELECT id FROM staff_sessions WHERE address = %(address)s ORDER BY id DESC LIMIT 1",
            address=browser.network,
        )
        invitation = self._link("invitation", "support")
        known = self._identifiers(
            reference=[
                self.roles[name].identifiers["reference"][0]
                for name in ("fan with a hold", "fan with tickets")
            ],
            staff_id=(str(self.victim),),
            session_id=(str(session), "1"),
            link_id=(invitation,),
        )
        fields = {**FIELDS, **EVENT_FIELDS, "email": ("new@example.com",), "form_key": _keys()}
        own = frozenset(whose for whose, roles in addresses.ROLES_OF.items() if role in roles)
        made = Role(role, dict(browser.cookies), known, fields, token, own)
        return made, lambda: _in(browser)


def _in(browser: Visitor) -> bool:
    once = Visitor(browser.site, a_network(), dict(browser.cookies))
    return once.ask("GET", "/staff/account/").status == 200


def _session(**values: str) -> str:
    return doors.session_cookie({"form": "a token", **values})


def _keys() -> tuple[str, ...]:
    return tuple(secrets.token_urlsafe(16) for _ in range(9))
