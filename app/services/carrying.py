"""Carry a place to another browser: a signed link that works once, for a few minutes.

Two browsers then show one and the same place, which does no harm: it buys once. What a fan asks for
carries the place alone, so that whoever gets it has to prove the fan's address again; a link in a
mail to the proven address carries that proof, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain import errors
from app.domain.events import EventFacts
from app.domain.places import LIVE, SUSPENDED
from app.domain.tokens import CarryToken, FanToken, PlaceToken, new_id
from app.extensions import settings
from app.services import links
from app.services.qr import drawing
from app.store import carries as store
from app.store import places
from app.store.db import transaction

MINUTES = 10
_LIVES = timedelta(minutes=MINUTES)
_LIMIT_WITHIN = timedelta(hours=1)
_MOST = 20


@dataclass(frozen=True, slots=True)
class Offer:
    """A link, its drawing as an inline SVG element, and when its time is over."""

    address: str
    qr: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Carried:
    """What a link carries. `fan` is there only when the link came in a mail."""

    place: PlaceToken
    fan: FanToken | None
    until: datetime
    alive: bool
    used: bool


def offer(facts: EventFacts, token: PlaceToken, language: str) -> Offer:
    """Make a link for this place, which opens in this language; those made before and not used
    are over.

    Raises NoPlace when the place has ended, TooManyLinks, StoreUnavailable.
    """
    carry_id = new_id()
    with transaction() as session:
        # The journal may not have brought the place yet.
        places.insert(session, facts.id, token.place_id, token.number, token.epoch)
        place = places.look(session, facts.id, token.place_id)
        if place is None or place.state not in (*LIVE, SUSPENDED):
            raise errors.NoPlace
        if store.made_lately(session, token.place_id, _LIMIT_WITHIN) >= _MOST:
            raise errors.TooManyLinks
        store.end_unused(session, token.place_id)
        store.add(session, carry_id, token.place_id, _LIVES)
        until = store.database_now(session) + _LIVES
    address = link(facts.slug, carry_id, language)
    return Offer(address, drawing(address), until)


def look(facts: EventFacts, text: str) -> Carried:
    """What a link carries; looking does not use it up, because chat programs look too.

    Raises LinkUnknown, StoreUnavailable.
    """
    carry = CarryToken.read(text, settings.secret_key)
    if carry is None:
        raise errors.LinkUnknown
    with transaction() as session:
        return _look(session, facts, carry.carry_id)


def take(facts: EventFacts, text: str, visitor: str) -> Carried:
    """Use a link up for this visitor. The same visitor may press twice, and has the same answer.

    Raises LinkUnknown, LinkOver, StoreUnavailable.
    """
    carry = CarryToken.read(text, settings.secret_key)
    if carry is None:
        raise errors.LinkUnknown
    with transaction() as session:
        found = _look(session, facts, carry.carry_id)
        if store.use(session, carry.carry_id, visitor):
            return found
        known = store.look(session, carry.carry_id)
    if known is None or known.used_by != visitor:
        raise errors.LinkOver
    return found


def link(slug: str, carry_id: str, language: str) -> str:
    """The address that carries; whoever opens it is asked before it is used up."""
    token = CarryToken(carry_id).sign(settings.secret_key)
    return links.link(f"/events/{slug}/line/carry/{token}", language)


def link_by_mail(carry_id: str, found: Mapping[str, Any], lives: timedelta) -> str:
    """A link that opens the place in any browser, with the proof of the address: mail reaches
    nobody but the fan. `found` is what outbox_facts() says of the place. Raises StoreUnavailable.
    """
    store.add_now(carry_id, found["place_id"], lives, found["fan_id"])
    return link(found["slug"], carry_id, found["language"])


def _look(session: store.Db, facts: EventFacts, carry_id: str) -> Carried:
    found = store.look(session, carry_id)
    if found is None or found.event_id != facts.id:
        raise errors.LinkUnknown
    return Carried(
        PlaceToken(facts.id, found.epoch, found.place_id, found.number),
        FanToken(found.fan_id) if found.fan_id is not None else None,
        found.expires_at,
        found.alive,
        found.used_by is not None,
    )
