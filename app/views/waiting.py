"""The waiting page and its fragment: rendered once for all fans in one situation, filled in for
each.

Most of it is the same for thousands: the state, the message, the tickets left. So the template
knows only a `Situation`, which many share, and leaves holes (`own.number` ...) for what is one
fan's own. A fragment with holes is a frame; it is good for as long as the facts of the event are,
one second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from flask import render_template
from markupsafe import Markup

from app.domain import line as rules
from app.domain.events import EventFacts, joinable, phase
from app.domain.line import LineStatus
from app.domain.places import Removal
from app.domain.references import place_reference
from app.domain.words import clock, clock_range, count, duration, duration_range
from app.languages import said
from app.services import catalogue
from app.services.scenes import Depth
from app.services.telling import next_poll
from app.views.frames import PAGE, Frame, hole

# How near somebody is, by the highest number of people ahead; the words change at these.
NEAR = (0, 9, 25, 99, 999)
FAR = 1000
_BANDS = (*NEAR, FAR)
# In these states somebody wonders whether tickets will be left.
HOPING = frozenset({"before", "waiting", "paused"})
# In these somebody may join again.
OVER = frozenset({"left", "expired", "removed", "claimed"})
# Frames of one event at one moment; claimed, suspended and removed places have one each.
_MOST_FRAMES = 500

# What is a fan's own even among those who wait at one depth of the line.
OWN = frozenset({"number", "poll"})


class Mine(NamedTuple):
    """What fills the holes: a fan's own `status`, and the field of the page's form."""

    event: EventFacts
    status: LineStatus
    now: datetime
    language: str
    form: str = ""

    def text(self, name: str) -> str:
        """What belongs into the hole of this name."""
        return HOLES[name](self)


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
    removal: Removal | None
    language: str


HOLES: dict[str, Callable[[Mine], str]] = {
    "number": lambda my: count(my.status.number, my.language),
    "ahead": lambda my: count(my.status.ahead or 0, my.language),
    "wanted": lambda my: count(round((my.status.ahead or 0) * _bought(my.event).most), my.language),
    "ahead_figure": lambda my: str(my.status.ahead or 0),
    "eta_figure": lambda my: str(my.status.eta_latest or 0),
    "wait": lambda my: said(
        duration_range(my.status.eta_earliest or 0, my.status.eta_latest or 0, my.language),
        my.language,
    ),
    "turn": lambda my: clock_range(
        my.now,
        my.status.eta_earliest or 0,
        my.status.eta_latest or 0,
        my.event.time_zone,
        my.language,
    ),
    "poll": lambda my: str(my.status.next_poll_seconds),
    "updated": lambda my: clock(my.status.updated_at, my.event.time_zone, seconds=True),
    "starts_in": lambda my: said(
        duration((my.event.sale_starts_at - my.now).total_seconds(), my.language), my.language
    ),
    "choose_by": lambda my: clock(my.status.pass_until or my.now, my.event.time_zone),
    "seconds_left": lambda my: str(
        max(0, int(((my.status.pass_until or my.now) - my.now).total_seconds()))
    ),
    "reference": lambda my: place_reference(my.event.id, my.status.number),
    "own_form": lambda my: my.form,
}


class _Marks:
    """In a template: a mark for each hole."""

    def __getattr__(self, name: str) -> str:
        return hole(name)


class _Own:
    """In a template: what is one fan's own."""

    def __init__(self, my: Mine) -> None:
        self._my = my

    def __getattr__(self, name: str) -> str:
        return self._my.text(name)


_MARKS = _Marks()


class Shown(NamedTuple):
    """What one frame shows: the fragment in a situation, or the whole page around it. `due` says
    that the place owes its proof of work, `known` that its address is proven."""

    here: Situation
    page: bool = False
    known: bool = False
    due: bool = False


# By slug: the facts that the frames were rendered from, and the frames.
_frames: dict[str, tuple[EventFacts, dict[Shown, Frame]]] = {}


def situation(my: Mine, proven: bool) -> Situation:
    event, status, now, language, _ = my
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
        removal=status.removal,
        language=language,
    )


class View(NamedTuple):
    """What one request shows: a frame, and what is the fan's own in it."""

    my: Mine
    shown: Shown

    def if_known(self, packed: bool) -> bytes | None:
        """It, gzipped if `packed`, unless its frame has to be rendered, which takes Flask."""
        frame = _frame_if_known(self.my.event, self.shown)
        return _filled(frame, self.my, packed) if frame else None

    def rendered(self, packed: bool) -> bytes:
        """It, gzipped if `packed`, its frame rendered by this request unless another one did."""
        return _filled(_frame(self.my.event, self.shown), self.my, packed)


def fragment(event: EventFacts, status: LineStatus, proven: bool, language: str) -> View:
    """The fragment; `language` is the request's, as for page()."""
    my = Mine(event, status, catalogue.moment(event), language)
    return View(my, Shown(situation(my, proven)))


def page(
    event: EventFacts, status: LineStatus, proven: bool, due: bool, language: str, form: str
) -> View:
    """The whole page, for a request whose address says a language at most. `form` is the field of
    its form (guard.field_of)."""
    my = Mine(event, status, catalogue.moment(event), language, form)
    return View(my, Shown(situation(my, proven), True, proven, due))


def shared_fragment_if_known(
    event: EventFacts, depth: Depth, number: int, language: str, packed: bool
) -> bytes | None:
    """The fragment of a fan with this number, who shares it with all at this depth, unless it has
    to be rendered."""
    frame = depth.shown.get(language)
    if frame is None:
        told = fragment(event, depth.told, False, language)
        whole = _frame_if_known(event, told.shown)
        if whole is None:
            return None
        frame = depth.shown[language] = whole.with_holes(OWN, told.my.text)
    own = {"number": count(number, language), "poll": str(next_poll(depth.delay))}
    return frame.filled([own[name] for name in frame.holes], packed)


def _frame_if_known(event: EventFacts, shown: Shown) -> Frame | None:
    facts, frames = _frames.get(event.slug, (None, {}))
    return frames.get(shown) if facts is event else None


def _filled(frame: Frame, my: Mine, packed: bool) -> bytes:
    return frame.filled([HOLES[name](my) for name in frame.holes], packed)


def lone_page(
    event: EventFacts,
    status: LineStatus,
    proven: bool,
    due: bool,
    language: str,
    still: bool = False,
) -> str:
    """As page(), for one request only; a page that is `still` asks for nothing by itself."""
    my = Mine(event, status, catalogue.moment(event), language)
    return render_template(
        "line/wait.html",
        **_context(event, situation(my, proven), _Own(my)),
        still=still,
        due=due,
        proven=proven,
    )


def _frame(event: EventFacts, shown: Shown) -> Frame:
    """Rendered by this request, unless another one did."""
    facts, frames = _frames.get(event.slug, (None, {}))
    if facts is not event:
        frames = {}
        _frames[event.slug] = (event, frames)
    frame = frames.get(shown)
    if frame is None:
        context = _context(event, shown.here, _MARKS)
        if shown.page:
            context |= {"due": shown.due, "proven": shown.known}
            context["own_form"] = lambda: Markup(hole("own_form"))  # noqa: S704  # nosec # ours
            frame = Frame(render_template("line/wait.html", **context), PAGE)
        else:
            frame = Frame(render_template("line/_status.html", **context))
        if len(frames) < _MOST_FRAMES:
            frames[shown] = frame
    return frame


def _chance(event: EventFacts, status: LineStatus) -> str:
    if status.ahead is None or event.free == 0 or status.state not in HOPING:
        return ""
    return rules.chance(status.ahead, event.free, _bought(event))


def _bought(event: EventFacts) -> rules.Usual:
    """What is usually bought at this event."""
    return rules.usual(event.held + event.sold, event.buyers, event.max_per_fan)


def _at_most(ahead: int | None) -> int | None:
    if ahead is None:
        return None
    return _BANDS[bisect_left(NEAR, ahead)]


def _context(event: EventFacts, here: Situation, own: _Marks | _Own) -> dict[str, Any]:
    return {
        "event": event,
        "here": here,
        "own": own,
        "finished": rules.FINISHED,
        "bought": _bought(event),
    }
