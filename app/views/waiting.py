"""The waiting page's fragment: rendered once for all fans in one situation, filled in for each.

Most of it is the same for thousands: the state, the message, the tickets left. So the template
knows only a `Situation`, which many share, and leaves holes (`own.number` ...) for what is one
fan's own. A fragment with holes is a frame; it is good for as long as the facts of the event are,
one second.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from flask import render_template

from app.domain.events import EventFacts, joinable, phase
from app.domain.line import FINISHED, LineStatus
from app.domain.words import clock, clock_at, count, duration
from app.languages import said
from app.services import catalogue

# How near somebody is, by the highest number of people ahead; the words change at these.
NEAR = (0, 9, 25, 99, 999)
FAR = 1000
_BANDS = (*NEAR, FAR)
# Frames of one event at one moment; claimed places have one each.
_MOST_FRAMES = 500

Hole = Callable[[EventFacts, LineStatus, datetime, str], str]


class Situation(NamedTuple):
    """What the template may know. `at_most_ahead` is one of NEAR, or FAR; None when unknown."""

    state: str
    at_most_ahead: int | None
    ahead_exact: bool
    has_eta: bool
    has_pass: bool
    has_started: bool
    line_safe: bool
    message: str
    message_at: datetime | None
    proven: bool
    can_join: bool
    claim_reference: str | None
    claim_live: bool
    language: str


HOLES: dict[str, Hole] = {
    "number": lambda event, status, now, language: count(status.number, language),
    "ahead": lambda event, status, now, language: count(status.ahead or 0, language),
    "wait": lambda event, status, now, language: _span(status.eta_seconds or 0, language),
    "turn": lambda event, status, now, language: clock_at(
        int(now.timestamp()) + (status.eta_seconds or 0), event.time_zone
    ),
    "poll": lambda event, status, now, language: str(status.next_poll_seconds),
    "updated": lambda event, status, now, language: clock(
        status.updated_at, event.time_zone, seconds=True
    ),
    "starts_in": lambda event, status, now, language: _span(
        (event.sale_starts_at - now).total_seconds(), language
    ),
    "choose_by": lambda event, status, now, language: clock(
        status.pass_until or now, event.time_zone
    ),
    "seconds_left": lambda event, status, now, language: str(
        max(0, int(((status.pass_until or now) - now).total_seconds()))
    ),
}


class Frame:
    """A rendered fragment with holes, in one language."""

    def __init__(self, html: str, language: str) -> None:
        self._language = language
        # Text and names of holes in turn. No text in Postgres can hold the character NUL.
        pieces = re.split("\0([a-z_]+)\0", html)
        self._pieces: list[str] = pieces
        self._holes = [(index, HOLES[pieces[index]]) for index in range(1, len(pieces), 2)]

    def fill(self, event: EventFacts, status: LineStatus, now: datetime) -> str:
        pieces = self._pieces.copy()
        for index, hole in self._holes:
            pieces[index] = hole(event, status, now, self._language)
        return "".join(pieces)


class _Marks:
    """In a template: a mark for each hole."""

    def __getattr__(self, name: str) -> str:
        return f"\0{name}\0"


class _Own:
    """In a template: what is one fan's own."""

    def __init__(self, *facts: Any) -> None:
        self._facts = facts

    def __getattr__(self, name: str) -> str:
        return HOLES[name](*self._facts)


_MARKS = _Marks()
# By slug: the facts that the frames were rendered from, and the frames.
_frames: dict[str, tuple[EventFacts, dict[Situation, Frame]]] = {}


def situation(
    event: EventFacts, status: LineStatus, proven: bool, language: str, now: datetime
) -> Situation:
    return Situation(
        state=status.state,
        at_most_ahead=_at_most(status.ahead),
        ahead_exact=status.ahead_exact,
        has_eta=status.eta_seconds is not None,
        has_pass=status.pass_until is not None,
        has_started=event.sale_starts_at <= now,
        line_safe=status.line_safe,
        message=status.message,
        message_at=status.message_at,
        proven=proven,
        can_join=joinable(phase(event, now)),
        claim_reference=status.claim_reference,
        claim_live=status.claim_live,
        language=language,
    )


def fragment_if_known(
    event: EventFacts, status: LineStatus, proven: bool, language: str
) -> str | None:
    """The fragment, unless it has to be rendered, which takes Flask."""
    facts, frames = _frames.get(event.slug, (None, {}))
    if facts is not event:
        return None
    now = catalogue.moment(event)
    frame = frames.get(situation(event, status, proven, language, now))
    return frame.fill(event, status, now) if frame else None


def fragment(event: EventFacts, status: LineStatus, proven: bool, language: str) -> str:
    """The fragment; `language` is the request's, as for page()."""
    now = catalogue.moment(event)
    here = situation(event, status, proven, language, now)
    facts, frames = _frames.get(event.slug, (None, {}))
    if facts is not event:
        frames = {}
        _frames[event.slug] = (event, frames)
    frame = frames.get(here)
    if frame is None:
        html = render_template("line/_status.html", **_shown(event, here, _MARKS))
        frame = Frame(html, language)
        if len(frames) < _MOST_FRAMES:
            frames[here] = frame
    return frame.fill(event, status, now)


def page(event: EventFacts, status: LineStatus, proven: bool, language: str) -> str:
    """The whole waiting page."""
    now = catalogue.moment(event)
    here = situation(event, status, proven, language, now)
    own = _Own(event, status, now, language)
    return render_template("line/wait.html", **_shown(event, here, own))


def _span(seconds: float, language: str) -> str:
    return said(duration(seconds, language), language)


def _at_most(ahead: int | None) -> int | None:
    if ahead is None:
        return None
    return _BANDS[bisect_left(NEAR, ahead)]


def _shown(event: EventFacts, here: Situation, own: _Marks | _Own) -> dict[str, object]:
    return {"event": event, "here": here, "own": own, "finished": FINISHED}
