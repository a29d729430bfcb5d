"""The line as fans meet it: join, wait, leave.

A poll costs a trip to Redis only where something may have happened to this very place: near
the head, after admission, and for places that came back after a loss. Everyone else is answered
from a snapshot of the line, a second old (app/domain/line.py).
"""

from __future__ import annotations

from dataclasses import replace
from threading import BoundedSemaphore
from time import sleep

from app.clock import monotonic
from app.domain.errors import LineLost, LineUnavailable, NoPlace, NotNow, NotOnSale, TooManyJoins
from app.domain.events import EventFacts, joinable, phase
from app.domain.line import LineStatus
from app.domain.networks import network_mark
from app.domain.places import LEFT, LIVE, SUSPENDED, WAITING
from app.domain.tokens import PassToken, PlaceToken, new_id
from app.extensions import settings
from app.line import verbs
from app.services import catalogue, heads, standing, telling
from app.services.pictures import forget_all, picture
from app.services.scenes import Depth, scene_of
from app.store import places as store
from app.store.db import transaction

__all__ = [
    "LineStatus",
    "current_pass",
    "forget_all",
    "glance",
    "join",
    "join_at_once",
    "leave",
    "status",
    "without_asking",
]

_LONGEST_WAIT_S = 2.0
_BETWEEN_TRIES_S = 0.1
# A lost copy is usually back within a second, so a few may wait for it; but each one who waits
# takes a thread from those who only want to know where they stand.
_MOST_WAITING = 3
_waiting = BoundedSemaphore(_MOST_WAITING)


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
        found = standing.find(facts, token, visitor)
        if found.state in (*LIVE, SUSPENDED) or found.claim_live:
            return found.token
    return _take_place(facts, visitor, network)


def _take_place(facts: EventFacts, visitor: str, network: str) -> PlaceToken:
    limit = settings.joins_per_minute if network else 0
    mark = network_mark(facts.id, network, settings.secret_key)
    place_id, number = verbs.join(facts.id, facts.epoch, visitor, new_id(), network, limit, mark)
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


def status(slug: str, token: PlaceToken, visitor: str = "") -> LineStatus:
    """Where this place stands, and what the browser is to carry from now on. `visitor` is whose
    browser it is, which a place that only the browser knows any more is put back with.

    While Redis is away this is the last that was known, and `line_safe` is False. Raises
    EventUnknown, NoPlace (a place in another event's line), StoreUnavailable.
    """
    facts = catalogue.facts(slug)
    if token.event_id != facts.id:
        raise NoPlace
    return glance(facts, token) or _inquire(facts, token, visitor)


def glance(facts: EventFacts, token: PlaceToken) -> LineStatus | None:
    """As status(), without a question to Postgres and with one to Redis at most; None if it
    takes more. `token` is one of this event."""
    seen = picture(facts)
    scene = scene_of(facts, seen)
    if scene.sale == "closed":
        if seen.snapshot and seen.knows_far_back(facts, token):
            return telling.told(scene, standing.Found(token, WAITING, about=True))
        return None
    if not seen.away and seen.snapshot and seen.knows_far_back(facts, token):
        ahead = seen.snapshot.ahead(token.number)
        return telling.told(scene, standing.Found(token, WAITING, ahead=ahead, about=True))
    if seen.away:
        known = seen.surely_waited(token)
        return telling.told(scene, standing.last_seen(seen, token)) if known else None
    try:
        answer = verbs.status(facts.id, facts.epoch, token.place_id)
    except LineUnavailable:
        return None
    if answer.state == "unknown":
        return None
    return telling.told(scene, standing.of_redis(facts, token, answer))


def without_asking(facts: EventFacts, token: PlaceToken) -> Depth | None:
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
        return telling.far_back(scene, token.number)
    ahead = heads.rank(facts, token.place_id)
    return None if ahead is None else telling.near(scene, ahead)


def _inquire(facts: EventFacts, token: PlaceToken, visitor: str) -> LineStatus:
    """Where a place stands of which neither the picture nor Redis can tell all."""
    seen = picture(facts)
    scene = scene_of(facts, seen)
    if scene.sale == "closed":
        return telling.told(scene, standing.find_after_close(facts, token))
    if not seen.away:
        try:
            return telling.told(scene, standing.find(facts, token, visitor))
        except NotNow:
            # Redis, or Postgres where it had to be asked.
            scene = scene_of(facts, replace(seen, away=True))
    return telling.told(scene, standing.last_known(facts, scene.seen, token))


def current_pass(slug: str, token: PlaceToken) -> PassToken | None:
    """The pass of this place while it has one, from Postgres when Redis is away.

    Raises EventUnknown, NoPlace, StoreUnavailable when neither answers.
    """
    shown = status(slug, token)
    if shown.line_safe or shown.pass_token is not None:
        return shown.pass_token
    facts = catalogue.facts(slug)
    found = standing.on_record(facts, token)
    if found is None or found.pass_until is None:
        return None
    return telling.pass_of(facts, found, found.pass_until)


def leave(slug: str, token: PlaceToken) -> None:
    """Give the place up, for good. Raises EventUnknown, NoPlace, LineUnavailable."""
    facts = catalogue.facts(slug)
    if token.event_id != facts.id:
        raise NoPlace
    try:
        known = verbs.leave(facts.id, facts.epoch, token.place_id)
    except LineLost:
        # Nobody writes the copy of a sale that is over anew: Postgres alone has to know.
        if phase(facts, catalogue.moment(facts)) != "closed":
            raise
        known = False
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
