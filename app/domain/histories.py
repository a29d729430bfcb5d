"""The plain history of a place: joined, moved, slowed because, your turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.places import ADMITTED, EXPIRED, LEFT, MERGED, REMOVED, USED

# So many moves are told; more would be a table.
_MOST_MOVES = 6
# A line that lets in less than half of its pace for so long moves slowly.
_SLOW_FOR = 3
_SLOW_PART = 0.5
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PlaceDates:
    """One place and its moments, as Postgres knows them."""

    number: int
    state: str
    turn: int
    joined_at: datetime
    admitted_at: datetime | None
    ended_at: datetime | None
    proven_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """Something done to the sale: paused, resumed, closed, changed the rate."""

    at: datetime
    verb: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Minute:
    """How many were let in within the minute that begins at `at`; `top` is the highest number."""

    at: datetime
    admitted: int
    top: int


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a history, by its `kind` and what belongs `to` it.

    Of the place: joined (number), proven, turn, returned, used, left, expired, merged, removed;
    moved (top).
    Of the line: started, slow (until), pace (before, after), paused (reason), resumed, closed.
    """

    at: datetime
    kind: str
    to: Mapping[str, Any] = field(default_factory=dict)


def history(
    place: PlaceDates,
    changes: Sequence[Change],
    minutes: Sequence[Minute],
    rate: int,
    started_at: datetime,
    now: datetime,
) -> list[Step]:
    """Everything that happened to this place, in order. `rate` is admissions per minute, and the
    sale starts, or started, at `started_at`."""
    end = place.ended_at or place.admitted_at or now
    waited = [
        one
        for one in minutes
        if place.joined_at <= one.at + _MINUTE and one.at < (place.admitted_at or end)
    ]
    steps = [
        *_own(place),
        *([Step(started_at, "started")] if place.joined_at <= started_at <= end else []),
        *(_changed(one) for one in changes if place.joined_at <= one.at <= end),
        *_moves([one for one in waited if one.top < place.number and one.at + _MINUTE <= end]),
        *_slow(waited, changes, rate, now),
    ]
    return sorted(steps, key=lambda step: step.at)


def _own(place: PlaceDates) -> Iterator[Step]:
    yield Step(place.joined_at, "joined", {"number": place.number})
    if place.proven_at:
        yield Step(place.proven_at, "proven")
    if place.admitted_at and place.state != MERGED:
        yield Step(place.admitted_at, "turn")
    if place.ended_at and place.state in (USED, LEFT, EXPIRED, MERGED, REMOVED):
        yield Step(place.ended_at, place.state)
    elif place.turn and place.state != ADMITTED and place.admitted_at:
        # The pass ran out while nothing was free: nobody wrote down when.
        yield Step(place.admitted_at, "returned")


def _changed(change: Change) -> Step:
    if change.verb == "changed the rate":
        before, after = change.detail["admit_per_minute"]
        return Step(change.at, "pace", {"before": before, "after": after})
    reason = str(change.detail.get("reason", "")) if change.verb == "paused" else ""
    return Step(change.at, change.verb, {"reason": reason})


def _moves(minutes: Sequence[Minute]) -> Iterator[Step]:
    """A few moments, evenly spread, and how far the line had come by then."""
    every = -(-len(minutes) // _MOST_MOVES) or 1
    top = 0
    for index, one in enumerate(minutes):
        if one.top > top and (len(minutes) - 1 - index) % every == 0:
            yield Step(one.at + _MINUTE, "moved", {"top": one.top})
        top = max(top, one.top)


def _slow(
    minutes: Sequence[Minute], changes: Sequence[Change], rate: int, now: datetime
) -> Iterator[Step]:
    """The times in which the line moved slowly although the sale went on."""
    counts = {one.at: one.admitted for one in minutes}
    if not counts:
        return
    at, since = min(counts), None
    # The minute that goes on now is not over.
    last = min(max(counts) + _MINUTE, now - _MINUTE)
    while at <= last:
        slow = counts.get(at, 0) < rate * _SLOW_PART and not _stood(at, changes)
        if slow and since is None:
            since = at
        if since is not None and (not slow or at + _MINUTE > last):
            if at - since >= _SLOW_FOR * _MINUTE:
                yield Step(since, "slow", {"until": at})
            since = None
        at += _MINUTE


def _stood(minute: datetime, changes: Sequence[Change]) -> bool:
    """Whether the sale was paused in any part of this minute, or had not begun."""
    standing = False
    for change in changes:
        if change.at >= minute + _MINUTE:
            break
        if change.at >= minute and change.verb in ("paused", "resumed"):
            return True
        standing = change.verb == "paused" or (standing and change.verb == "changed the rate")
    return standing
