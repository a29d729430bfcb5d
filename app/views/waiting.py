"""The waiting page's fragment: rendered once for all fans in one situation, filled in for each.

Most of it is the same for thousands: the state, the message, the tickets left. So the template
knows only a `Situation`, which many share, and leaves holes (`own.number` ...) for what is one
fan's own. A fragment with holes is a frame; it is good for as long as the facts of the event are,
one second.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from flask import render_template

from app.domain import line as rules
from app.domain.events import EventFacts, joinable, phase
from app.domain.line import LineStatus
from app.domain.references import place_reference
from app.domain.words import clock, clock_range, count, duration, duration_range
from app.languages import said
from app.services import catalogue
from app.services.telling import FarBack

# How near somebody is, by the highest number of people ahead; the words change at these.
NEAR = (0, 9, 25, 99, 999)
FAR = 1000
_BANDS = (*NEAR, FAR)
# In these states somebody wonders whether tickets will be left.
HOPING = frozenset({"before", "waiting", "paused"})
# In these somebody may join again.
OVER = frozenset({"left", "expired", "claimed"})
# Frames of one event at one moment; claimed places have one each.
_MOST_FRAMES = 500

Hole = Callable[[EventFacts, Any, datetime, str], str]
# What is a fan's own even among those who wait at one depth of the line.
OWN = frozenset({"number", "poll"})


class Situation(NamedTuple):
    """What the template may know. `at_most_ahead` is one of NEAR, or FAR; None when unknown.
    `chance` is one of app/domain/line.py, "" when there is nothing to say of it. `word_due` says
    that the next word that a paused sale promised is late."""

    state: str
    at_most_ahead: int | None
    ahead_exact: bool
    has_eta: bool
    slow: bool
    chance: str
    has_pass: bool
    has_started: bool
    word_due: bool
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
    "wanted": lambda event, status, now, language: count(
        round((status.ahead or 0) * _bought(event).most), language
    ),
    "ahead_figure": lambda event, status, now, language: str(status.ahead or 0),
    "eta_figure": lambda event, status, now, language: str(status.eta_latest or 0),
    "wait": lambda event, status, now, language: said(
        duration_range(status.eta_earliest or 0, status.eta_latest or 0, language), language
    ),
    "turn": lambda event, status, now, language: clock_range(
        now, status.eta_earliest or 0, status.eta_latest or 0, event.time_zone, language
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
        # What comes before the first hole is packed once for all. Level 1 and a window of 2 KB, the
        # size of a fragment, take a third of the time of the usual ones.
        self._packer = zlib.compressobj(1, zlib.DEFLATED, 16 + 11, 5)
        self._packed = self._packer.compress(pieces[0].encode())

    def shared(self, event: EventFacts, status: LineStatus, now: datetime) -> Frame:
        """The frame of all at one depth: only what is a fan's own is left open."""
        pieces = self._pieces.copy()
        for index, hole in self._holes:
            name = pieces[index]
            own = name in OWN
            pieces[index] = f"\0{name}\0" if own else hole(event, status, now, self._language)
        return Frame("".join(pieces), self._language)

    def fill(
        self, event: EventFacts, status: LineStatus | FarBack, now: datetime, packed: bool
    ) -> bytes:
        """The fragment of one fan, as it is or gzipped; of one far back for a shared frame only."""
        pieces = self._pieces.copy()
        for index, hole in self._holes:
            pieces[index] = hole(event, status, now, self._language)
        if not packed:
            return "".join(pieces).encode()
        pieces[0] = ""
        packer = self._packer.copy()
        return self._packed + packer.compress("".join(pieces).encode()) + packer.flush()


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
        slow=status.slow and status.state == "waiting",
        chance=_chance(event, status),
        has_pass=status.pass_until is not None,
        has_started=event.sale_starts_at <= now,
        word_due=event.pause_next_word_at is not None and event.pause_next_word_at <= now,
        line_safe=status.line_safe,
        message=status.message,
        message_at=status.message_at,
        # Only at the turn is there anything to say of it here.
        proven=proven or status.state != "admitted",
        # Whoever waits is not asked to join.
        can_join=status.state in OVER and joinable(phase(event, now)),
        claim_reference=status.claim_reference,
        claim_live=status.claim_live,
        language=language,
    )


def fragment_if_known(
    event: EventFacts, status: LineStatus, proven: bool, language: str, packed: bool
) -> bytes | None:
    """The fragment, unless it has to be rendered, which takes Flask."""
    now = catalogue.moment(event)
    frame = _frame_if_known(event, status, proven, language, now)
    return frame.fill(event, status, now, packed) if frame else None


def far_fragment_if_known(
    event: EventFacts, far: FarBack, language: str, packed: bool
) -> bytes | None:
    """As fragment_if_known(), for a fan who is far back."""
    shown = far.depth.shown
    frame = shown.get(language)
    if frame is None:
        told, now = far.depth.told, catalogue.moment(event)
        whole = _frame_if_known(event, told, False, language, now)
        if whole is None:
            return None
        frame = shown[language] = whole.shared(event, told, now)
    return frame.fill(event, far, event.as_of, packed)


def _frame_if_known(
    event: EventFacts, status: LineStatus, proven: bool, language: str, now: datetime
) -> Frame | None:
    facts, frames = _frames.get(event.slug, (None, {}))
    if facts is not event:
        return None
    return frames.get(situation(event, status, proven, language, now))


def fragment(
    event: EventFacts, status: LineStatus, proven: bool, language: str, packed: bool = False
) -> bytes:
    """The fragment, gzipped if `packed`; `language` is the request's, as for page()."""
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
    return frame.fill(event, status, now, packed)


def page(
    event: EventFacts,
    status: LineStatus,
    proven: bool,
    language: str,
    still: bool = False,
    due: bool = False,
) -> str:
    """The whole waiting page; one that is `still` asks for nothing by itself, and where work is
    `due` it says so."""
    now = catalogue.moment(event)
    here = situation(event, status, proven, language, now)
    own = _Own(event, status, now, language)
    return render_template(
        "line/wait.html",
        **_shown(event, here, own),
        still=still,
        due=due,
        proven=proven,
        reference=place_reference(event.id, status.number),
    )


def _chance(event: EventFacts, status: LineStatus) -> str:
    if status.ahead is None or event.free == 0 or status.state not in HOPING:
        return ""
    return rules.chance(status.ahead, event.free, _bought(event))


def _bought(event: EventFacts) -> rules.Usual:
    """What is usually bought at this event."""
    return rules.usual(event.held + event.sold, event.buyers, event.max_per_fan)


def _span(seconds: float, language: str) -> str:
    return said(duration(seconds, language), language)


def _at_most(ahead: int | None) -> int | None:
    if ahead is None:
        return None
    return _BANDS[bisect_left(NEAR, ahead)]


def _shown(event: EventFacts, here: Situation, own: _Marks | _Own) -> dict[str, object]:
    return {
        "event": event,
        "here": here,
        "own": own,
        "finished": rules.FINISHED,
        "bought": _bought(event),
    }
