"""The line as fans meet it: join, wait, leave.

A poll costs a trip to Redis only where something may have happened to this very place: near
the head, after admission, and for places that came back after a loss. Everyone else is answered
from a snapshot of the line, a second old (app/domain/line.py).
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from threading import BoundedSemaphore
from time import sleep
from typing import NamedTuple

from app.clock import monotonic
from app.domain import line as rules
from app.domain.errors import (
    LineLost,
    LineUnavailable,
    NoPlace,
    NotNow,
    NotOnSale,
    TooManyJoins,
)
from app.domain.events import (
    EventFacts,
    joinable,
    phase,
    real_deadline,
    sale_time_ms,
)
from app.domain.line import LineStatus
from app.domain.places import ADMITTED, ENDED, LEFT, LIVE, MERGED, WAITING, PlaceFacts
from app.domain.tokens import PassToken, PlaceToken, new_id
from app.extensions import settings
from app.line import verbs
from app.services import catalogue, heads
from app.services.pictures import Picture, forget_all, picture
from app.services.scenes import Depth, Scene, scene_of
from app.store import places as store
from app.store.db import autocommit_engine, transaction, translated

__all__ = [
    "LineStatus",
    "current_pass",
    "forget_all",
    "glance",
    "join",
    "join_at_once",
    "leave",
    "status",
]

_LONGEST_WAIT_S = 2.0
_BETWEEN_TRIES_S = 0.1
# A lost copy is usually back within a second, so a few may wait for it; but each one who waits
# takes a thread from those who only want to know where they stand.
_MOST_WAITING = 3
_waiting = BoundedSemaphore(_MOST_WAITING)
# Merges of merges: every step goes to a lower number, so this only stops a fault from looping.
_MOST_MERGES = 8


class _Found(NamedTuple):
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


def join(slug: str, visitor: str, token: PlaceToken | None = None, network: str = "") -> PlaceToken:
    """A place in the line: the one that the browser or the visitor has, else a new one.

    `network` is where the visitor comes from (app/domain/networks.py); without one, nothing
    limits how many join. Waits up to 2 s for a copy that is being rebuilt. Raises EventUnknown,
    NotOnSale (closed), TooManyJoins, LineUnavailable.
    """
    try:
        return _join(slug, visitor, token, network)
    except LineLost:
        # While Postgres is away nobody writes the copy anew.
        if catalogue.silent(slug) or not _waiting.acquire(blocking=False):
            raise
    try:
        return _join_soon(slug, visitor, token, network)
    finally:
        _waiting.release()


def _join_soon(slug: str, visitor: str, token: PlaceToken | None, network: str) -> PlaceToken:
    deadline = monotonic() + _LONGEST_WAIT_S
    while True:
        sleep(_BETWEEN_TRIES_S)
        catalogue.forget(slug)
        try:
            return _join(slug, visitor, token, network)
        except LineLost:
            if catalogue.silent(slug) or monotonic() > deadline:
                raise


def _join(slug: str, visitor: str, token: PlaceToken | None, network: str) -> PlaceToken:
    facts = catalogue.facts(slug)
    now = phase(facts, catalogue.moment(facts))
    if not joinable(now):
        raise NotOnSale(now)
    if token is not None and token.event_id == facts.id:
        found = _find(facts, token, visitor)
        if found.state in LIVE or found.claim_live:
            return found.token
    return _take_place(facts, visitor, network)


def _take_place(facts: EventFacts, visitor: str, network: str) -> PlaceToken:
    limit = settings.joins_per_minute if network else 0
    place_id, number = verbs.join(facts.id, facts.epoch, visitor, new_id(), network, limit)
    return PlaceToken(facts.id, facts.epoch, place_id, number)


def join_at_once(
    facts: EventFacts, visitor: str, network: str, token: PlaceToken | None
) -> PlaceToken | None:
    """As join(), in one trip to Redis; None if more than that is needed, or something is amiss.

    Whoever is answered None may ask join(): doing both changes nothing.
    """
    if token is not None or not joinable(phase(facts, catalogue.moment(facts))):
        return None
    try:
        return _take_place(facts, visitor, network)
    except (LineUnavailable, TooManyJoins):
        return None


def status(slug: str, token: PlaceToken) -> LineStatus:
    """Where this place stands, and what the browser is to carry from now on.

    While Redis is away this is the last that was known, and `line_safe` is False. Raises
    EventUnknown, NoPlace (a place in another event's line), StoreUnavailable.
    """
    facts = catalogue.facts(slug)
    if token.event_id != facts.id:
        raise NoPlace
    return glance(facts, token) or _inquire(facts, token)


def glance(facts: EventFacts, token: PlaceToken) -> LineStatus | None:
    """As status(), without a question to Postgres and with one to Redis at most; None if it
    takes more. `token` is one of this event."""
    seen = picture(facts)
    scene = scene_of(facts, seen)
    if scene.sale == "closed":
        if seen.snapshot and seen.knows_far_back(facts, token):
            return _told(scene, _Found(token, WAITING, about=True))
        return None
    if not seen.away and seen.snapshot and seen.knows_far_back(facts, token):
        ahead = seen.snapshot.ahead(token.number)
        return _told(scene, _Found(token, WAITING, ahead=ahead, about=True))
    if seen.away:
        known = seen.surely_waited(token)
        return _told(scene, _last_seen(seen, token)) if known else None
    try:
        standing = verbs.status(facts.id, facts.epoch, token.place_id)
    except LineUnavailable:
        return None
    if standing.state == "unknown":
        return None
    return _told(scene, _found(facts, token, standing))


class FarBack(NamedTuple):
    """A place that shares what it is told with all at its depth."""

    depth: Depth
    number: int
    next_poll_seconds: int


def without_asking(facts: EventFacts, token: PlaceToken) -> FarBack | LineStatus | None:
    """As glance(), for a poll that this process can answer by itself: most of a long line, and its
    head while a crowd asks, as of a tenth of a second ago at most. None for any other place.

    For polls only, which come every other second: whoever just left or claimed must not be told
    that they wait.
    """
    seen = picture(facts)
    scene = scene_of(facts, seen)
    if seen.away or scene.sale == "closed" or token.epoch != facts.epoch:
        return None
    if scene.far_after < token.number <= scene.far_until and token.place_id not in seen.gone:
        return _far_back(scene, token)
    ahead = heads.rank(facts, token.place_id)
    return None if ahead is None else _told(scene, _Found(token, WAITING, ahead=ahead))


def _far_back(scene: Scene, token: PlaceToken) -> FarBack:
    snapshot = scene.seen.snapshot
    assert snapshot is not None
    at = snapshot.depth(token.number)
    depth = scene.depths.get(at)
    if depth is None:
        found = _Found(token, WAITING, ahead=snapshot.ahead_at(at), about=True)
        depth = scene.depths[at] = Depth(*_told_and_delay(scene, found), {})
    poll = rules.jitter(depth.delay, random.random())  # noqa: S311  (no secret)
    return FarBack(depth, token.number, poll)


def _inquire(facts: EventFacts, token: PlaceToken) -> LineStatus:
    """Where a place stands of which neither the picture nor Redis can tell all."""
    seen = picture(facts)
    scene = scene_of(facts, seen)
    if scene.sale == "closed":
        return _told(scene, _find_after_close(facts, token))
    if not seen.away:
        try:
            return _told(scene, _find(facts, token))
        except NotNow:
            # Redis, or Postgres where it had to be asked.
            scene = scene_of(facts, replace(seen, away=True))
    return _told(scene, _last_known(facts, scene.seen, token))


def current_pass(slug: str, token: PlaceToken) -> PassToken | None:
    """The pass of this place while it has one, from Postgres when Redis is away.

    Raises EventUnknown, NoPlace, StoreUnavailable when neither answers.
    """
    told = status(slug, token)
    if told.line_safe or told.pass_token is not None:
        return told.pass_token
    facts = catalogue.facts(slug)
    found = _on_record(facts, token)
    if found is None or found.pass_until is None:
        return None
    return _pass(facts, found, found.pass_until)


def leave(slug: str, token: PlaceToken) -> None:
    """Give the place up, for good. Raises EventUnknown, NoPlace, LineUnavailable."""
    facts = catalogue.facts(slug)
    if token.event_id != facts.id:
        raise NoPlace
    known = verbs.leave(facts.id, facts.epoch, token.place_id)
    # Postgres is told as well, and not only by the journal a second later: whoever joins again and
    # proves the same address must not be merged into the place that was just left. Where Redis did
    # not know the place (of a lost second, or ended already), only this keeps it from coming back.
    try:
        with transaction() as session:
            store.insert(session, facts.id, token.place_id, token.number, token.epoch)
            store.end(session, facts.id, token.place_id, LEFT)
    except NotNow:
        if not known:
            raise


def _find(facts: EventFacts, token: PlaceToken, visitor: str = "") -> _Found:
    """Where a place stands, from Redis, and from Postgres if Redis does not know it."""
    standing = verbs.status(facts.id, facts.epoch, token.place_id)
    if standing.state == "unknown":
        return _look_up(facts, token, visitor)
    return _found(facts, token, standing)


def _last_known(facts: EventFacts, seen: Picture, token: PlaceToken) -> _Found:
    """While Redis is away: those who may have been admitted, or have ended, are looked up in
    Postgres, so that they can go on to claim. A process that never saw the line looks up
    everyone; the others spare Postgres those who were far back when the line was last seen."""
    if not seen.surely_waited(token):
        with suppress(NotNow):
            found = _on_record(facts, token)
            if found is not None:
                return found
    return _last_seen(seen, token)


def _last_seen(seen: Picture, token: PlaceToken) -> _Found:
    return _Found(token, WAITING, ahead=seen.last_known_ahead(token.number), about=True)


def _on_record(facts: EventFacts, token: PlaceToken) -> _Found | None:
    """A place that has ended, or has a pass, according to Postgres; None while it waits."""
    place = _followed(facts, token.place_id)
    if place is None:
        return None
    mine = token
    if place.place_id != token.place_id:
        mine = PlaceToken(facts.id, place.epoch, place.place_id, place.number)
    if place.state in ENDED:
        return _ended(mine, place)
    now = sale_time_ms(facts, catalogue.moment(facts))
    if place.state != ADMITTED or place.pass_until is None or place.pass_until <= now:
        return None
    return _Found(mine, ADMITTED, turn=place.turn, pass_until=place.pass_until)


def _found(facts: EventFacts, token: PlaceToken, standing: verbs.Standing) -> _Found:
    if standing.state not in LIVE:
        return _Found(token, standing.state)
    return _Found(
        # Signed anew for this epoch: this copy knows the place, so if a later answer does not,
        # the place has ended.
        PlaceToken(facts.id, facts.epoch, token.place_id, standing.number),
        standing.state,
        turn=standing.turn,
        ahead=standing.ahead if standing.state == WAITING else None,
        pass_until=standing.pass_until if standing.state == ADMITTED else None,
    )


def _look_up(facts: EventFacts, token: PlaceToken, visitor: str) -> _Found:
    """A place that this copy does not know: ended, merged, or of the lost second."""
    place = _followed(facts, token.place_id)
    if place is None:
        if token.epoch >= facts.epoch:
            # Given in this copy's life and no longer in it: it has ended.
            return _Found(token, LEFT)
        return _put_back(facts, token, None, visitor)
    mine = PlaceToken(facts.id, place.epoch, place.place_id, place.number)
    if place.state in ENDED:
        return _ended(mine, place)
    if place.place_id == token.place_id:
        return _put_back(facts, mine, place, visitor)
    standing = verbs.status(facts.id, facts.epoch, place.place_id)
    if standing.state == "unknown":
        return _put_back(facts, mine, place, visitor)
    return _found(facts, mine, standing)


def _ended(token: PlaceToken, place: PlaceFacts) -> _Found:
    return _Found(
        token, place.state, claim_reference=place.claim_reference, claim_live=place.claim_live
    )


def _put_back(
    facts: EventFacts, token: PlaceToken, place: PlaceFacts | None, visitor: str
) -> _Found:
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
        return _Found(token, LEFT)
    standing = verbs.status(facts.id, facts.epoch, token.place_id)
    if standing.state == "unknown":
        raise LineUnavailable
    return _found(facts, token, standing)


def _find_after_close(facts: EventFacts, token: PlaceToken) -> _Found:
    """Only Postgres is asked, whether the place was used: the line itself is over."""
    waiting = _Found(token, WAITING)
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


def _told(scene: Scene, found: _Found) -> LineStatus:
    """The same in the words of the page."""
    told, _ = _told_and_delay(scene, found)
    return told


def _told_and_delay(scene: Scene, found: _Found) -> tuple[LineStatus, float]:
    """As _told(), and when to ask again before the jitter."""
    facts, seen, now = scene.facts, scene.seen, scene.now
    sale, stands = scene.sale, scene.stands
    state = rules.shown_state(found.state, sale, scene.availability)
    has_pass = found.pass_until is not None and sale in ("on_sale", "paused")
    if state == "admitted" and (found.pass_until or 0) <= sale_time_ms(facts, now):
        # Only the beat says whether the place is over or goes back into the line, and it is late.
        state, has_pass = "overdue", False
    eta = planned = earliest = latest = None
    if found.ahead is not None:
        planned = rules.eta_seconds(found.ahead, facts.admit_per_minute, scene.until_start)
        if state in ("waiting", "before") and not stands:
            as_planned = scene.rate == facts.admit_per_minute
            eta = planned
            if not as_planned:
                eta = rules.eta_seconds(found.ahead, scene.rate, scene.until_start)
        if eta is not None and planned is not None:
            earliest, latest = rules.eta_range(
                eta, planned, scene.until_start, scene.unsure, scene.seen_pace
            )
    delay = rules.poll_delay(state, eta, planned)
    pass_until = found.pass_until if has_pass else None
    told = LineStatus(
        state=state,
        number=found.token.number,
        ahead=found.ahead,
        ahead_exact=found.ahead is not None and not found.about,
        eta_seconds=eta,
        eta_earliest=earliest,
        eta_latest=latest,
        slow=scene.slow,
        next_poll_seconds=rules.jitter(delay, random.random()),  # noqa: S311  (no secret)
        message=stands or facts.message,
        message_at=None if stands else facts.message_at,
        updated_at=seen.taken_at if found.about else now,
        pass_until=None if pass_until is None else real_deadline(facts, pass_until, now),
        pass_token=None if pass_until is None else _pass(facts, found, pass_until),
        place_token=found.token,
        claim_reference=found.claim_reference,
        claim_live=found.claim_live or found.claim_reference is None,
        line_safe=scene.line_safe,
    )
    return told, delay


def _pass(facts: EventFacts, found: _Found, pass_until: int) -> PassToken:
    place = found.token
    return PassToken(facts.id, facts.epoch, place.place_id, place.number, found.turn, pass_until)


def imagined(
    facts: EventFacts,
    seen: Picture,
    token: PlaceToken,
    state: str,
    *,
    ahead: int | None = None,
    about: bool = False,
    pass_until: int | None = None,
    claim_reference: str | None = None,
    claim_live: bool = False,
) -> LineStatus:
    """What a place would be told that stood like this in such a line. Asks nobody; for previews."""
    found = _Found(
        token,
        state,
        ahead=ahead,
        about=about,
        pass_until=pass_until,
        claim_reference=claim_reference,
        claim_live=claim_live,
    )
    return _told(scene_of(facts, seen), found)
