"""Where one place stands: asked of Redis, of Postgres where Redis does not know it, and of the
last picture of the line while neither can tell."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from app.domain.errors import LineUnavailable, NotNow
from app.domain.events import EventFacts, sale_time_ms
from app.domain.places import (
    ADMITTED,
    LEFT,
    LIVE,
    MERGED,
    OUT_OF_LINE,
    WAITING,
    PlaceFacts,
    Removal,
)
from app.domain.tokens import PlaceToken
from app.line import verbs
from app.services import catalogue
from app.services.pictures import Picture
from app.store import places as store
from app.store.db import autocommit_engine, translated

# Merges of merges: every step goes to a lower number, so this only stops a fault from looping.
_MOST_MERGES = 8


class Found(NamedTuple):
    """Where a place stands; `token` is the place the browser is to carry from now on.

    `state` is one of app/domain/places.py; `ahead` is exact unless `about`.
    """

    token: PlaceToken
    state: str
    turn: int = 0
    ahead: int | None = None
    about: bool = False
    pass_until: int | None = None
    claim_reference: str | None = None
    claim_live: bool = False
    removal: Removal | None = None


def find(facts: EventFacts, token: PlaceToken, visitor: str = "") -> Found:
    """Where a place stands, from Redis, and from Postgres if Redis does not know it."""
    standing = verbs.status(facts.id, facts.epoch, token.place_id)
    if standing.state == "unknown":
        return _look_up(facts, token, visitor)
    return of_redis(facts, token, standing)


def last_known(facts: EventFacts, seen: Picture, token: PlaceToken) -> Found:
    """While Redis is away: those who may have been admitted, or have ended, are looked up in
    Postgres, so that they can go on to claim. A process that never saw the line looks up
    everyone; the others spare Postgres those who were far back when the line was last seen."""
    if not seen.surely_waited(token):
        with suppress(NotNow):
            found = on_record(facts, token)
            if found is not None:
                return found
    return last_seen(seen, token)


def last_seen(seen: Picture, token: PlaceToken) -> Found:
    return Found(token, WAITING, ahead=seen.last_known_ahead(token.number), about=True)


def on_record(facts: EventFacts, token: PlaceToken) -> Found | None:
    """A place that has ended, or has a pass, according to Postgres; None while it waits."""
    place = _followed(facts, token.place_id)
    if place is None:
        return None
    mine = token
    if place.place_id != token.place_id:
        mine = PlaceToken(facts.id, place.epoch, place.place_id, place.number)
    if place.state in OUT_OF_LINE:
        return _ended(mine, place)
    now = sale_time_ms(facts, catalogue.moment(facts))
    if place.state != ADMITTED or place.pass_until is None or place.pass_until <= now:
        return None
    return Found(mine, ADMITTED, turn=place.turn, pass_until=place.pass_until)


def of_redis(facts: EventFacts, token: PlaceToken, standing: verbs.Standing) -> Found:
    if standing.state not in LIVE:
        return Found(token, standing.state)
    return Found(
        # Signed anew for this epoch: this copy knows the place, so if a later answer does not,
        # the place has ended.
        PlaceToken(facts.id, facts.epoch, token.place_id, standing.number),
        standing.state,
        turn=standing.turn,
        ahead=standing.ahead if standing.state == WAITING else None,
        pass_until=standing.pass_until if standing.state == ADMITTED else None,
    )


def _look_up(facts: EventFacts, token: PlaceToken, visitor: str) -> Found:
    """A place that this copy does not know: ended, merged, or of the lost second."""
    place = _followed(facts, token.place_id)
    if place is None:
        if token.epoch >= facts.epoch:
            # Given in this copy's life and no longer in it: it has ended.
            return Found(token, LEFT)
        return _put_back(facts, token, None, visitor)
    mine = PlaceToken(facts.id, place.epoch, place.place_id, place.number)
    if place.state in OUT_OF_LINE:
        return _ended(mine, place)
    if place.place_id == token.place_id:
        return _put_back(facts, mine, place, visitor)
    standing = verbs.status(facts.id, facts.epoch, place.place_id)
    if standing.state == "unknown":
        return _put_back(facts, mine, place, visitor)
    return of_redis(facts, mine, standing)


def _ended(token: PlaceToken, place: PlaceFacts) -> Found:
    return Found(
        token,
        place.state,
        claim_reference=place.claim_reference,
        claim_live=place.claim_live,
        removal=place.removal,
    )


def _put_back(
    facts: EventFacts, token: PlaceToken, place: PlaceFacts | None, visitor: str
) -> Found:
    """Put a place that only the browser, or only Postgres, knows back in at its own number."""
    live = verbs.restore(
        facts.id,
        facts.epoch,
        token.place_id,
        (place.visitor if place else None) or visitor,
        token.number,
        turn=place.turn if place else 0,
        pass_until=place.pass_until if place and place.state == ADMITTED else None,
    )
    if not live:
        return Found(token, LEFT)
    standing = verbs.status(facts.id, facts.epoch, token.place_id)
    if standing.state == "unknown":
        raise LineUnavailable
    return of_redis(facts, token, standing)


def find_after_close(facts: EventFacts, token: PlaceToken) -> Found:
    """Only Postgres is asked, whether the place was used: the line itself is over."""
    waiting = Found(token, WAITING)
    try:
        place = _followed(facts, token.place_id)
    except NotNow:
        return waiting
    return waiting if place is None or place.state in LIVE else _ended(token, place)


def _followed(facts: EventFacts, place_id: str) -> PlaceFacts | None:
    """What Postgres knows of a place, or of the one that it was merged into."""
    with translated(), autocommit_engine().connect() as connection:
        place = store.look(connection, facts.id, place_id)
        for _ in range(_MOST_MERGES):
            if place is None or place.state != MERGED or place.merged_into is None:
                break
            place = store.look(connection, facts.id, place.merged_into)
        return place
