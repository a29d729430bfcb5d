"""What a place is told, in the words of the page: where it stands, seen beside the scene."""

from __future__ import annotations

import random

from app.domain import line as rules
from app.domain.events import EventFacts, real_deadline, sale_time_ms
from app.domain.line import LineStatus
from app.domain.places import WAITING, Removal
from app.domain.tokens import PassToken, PlaceToken
from app.services.pictures import Picture
from app.services.scenes import Depth, Scene, scene_of
from app.services.standing import Found


def far_back(scene: Scene, number: int) -> Depth:
    """What a place of this number is told that is far back in this scene."""
    snapshot = scene.seen.snapshot
    assert snapshot is not None
    pivot = snapshot.depth(number)
    depth = scene.far.get(pivot)
    if depth is None:
        depth = scene.far[pivot] = _depth(scene, snapshot.ahead_at(pivot), about=True)
    return depth


def near(scene: Scene, ahead: int) -> Depth:
    """What a place is told before which so many wait, by Redis' own count."""
    depth = scene.near.get(ahead)
    if depth is None:
        depth = scene.near[ahead] = _depth(scene, ahead, about=False)
    return depth


def _depth(scene: Scene, ahead: int, about: bool) -> Depth:
    anybody = PlaceToken(scene.facts.id, scene.facts.epoch, "", 0)
    return Depth(*_told_and_delay(scene, Found(anybody, WAITING, ahead=ahead, about=about)), {})


def next_poll(delay: float) -> int:
    """In how many seconds to ask again: `delay`, but not for all at once."""
    return rules.jitter(delay, random.random())  # noqa: S311  # nosec B311 # no secret


def told(scene: Scene, found: Found) -> LineStatus:
    """Where a place stands, in the words of the page."""
    return _told_and_delay(scene, found)[0]


def _told_and_delay(scene: Scene, found: Found) -> tuple[LineStatus, float]:
    """As told(), and when to ask again before the jitter."""
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
            eta = rules.eta_seconds(found.ahead, scene.rate, scene.until_start)
        if eta is not None and planned is not None:
            earliest, latest = rules.eta_range(
                eta, planned, scene.until_start, scene.unsure, scene.seen_pace
            )
    delay = rules.poll_delay(state, eta, planned)
    pass_until = found.pass_until if has_pass else None
    status = LineStatus(
        state=state,
        number=found.token.number,
        ahead=found.ahead,
        ahead_exact=found.ahead is not None and not found.about,
        eta_seconds=eta,
        eta_earliest=earliest,
        eta_latest=latest,
        slow=scene.slow,
        next_poll_seconds=next_poll(delay),
        message=stands or facts.message,
        message_at=None if stands else facts.message_at,
        updated_at=seen.taken_at if found.about else now,
        pass_until=None if pass_until is None else real_deadline(facts, pass_until, now),
        pass_token=None if pass_until is None else pass_of(facts, found, pass_until),
        place_token=found.token,
        claim_reference=found.claim_reference,
        claim_live=found.claim_live or found.claim_reference is None,
        line_safe=scene.line_safe,
        removal=found.removal,
    )
    return status, delay


def pass_of(facts: EventFacts, found: Found, pass_until: int) -> PassToken:
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
    removal: Removal | None = None,
) -> LineStatus:
    """What a place would be told that stood like this in such a line. Asks nobody; for previews."""
    found = Found(
        token,
        state,
        ahead=ahead,
        about=about,
        pass_until=pass_until,
        claim_reference=claim_reference,
        claim_live=claim_live,
        removal=removal,
    )
    return told(scene_of(facts, seen), found)
