"""What "Pay" is answered while the gateway is asked for the page to pay at: rendered once for all
claims of one size, filled in for each (as app/views/waiting.py does for the line).

The frame is made from the claim that Flask has just answered with, and is good for as long as the
facts of the event are, one second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from markupsafe import escape

from app.domain.claims import HELD
from app.domain.events import EventFacts
from app.domain.payments import INITIALIZING
from app.domain.words import clock
from app.services import catalogue
from app.services.claims import ClaimView
from app.services.payments import Opened

# In an address a NUL is percent-encoded. No text in Postgres can hold one.
_HOLE = re.compile("(?:\0|%00)([a-z_]+)(?:\0|%00)")
_MOST_FRAMES = 100


class Size(NamedTuple):
    """What the template may know of a claim, apart from what is its own."""

    language: str
    quantity: int
    amount: int
    currency: str
    extended: bool


# By event: the facts that the frames were made from, and the frames, text and holes in turn.
_frames: dict[int, tuple[EventFacts, dict[Size, list[str]]]] = {}


def own_of(held_until: datetime, now: datetime, zone: str) -> dict[str, str]:
    """Moments that templates/claims/_claim.html says of one claim."""
    return {
        "until": clock(held_until, zone),
        "seconds_left": str(max(0, int((held_until - now).total_seconds()))),
        "updated": clock(now, zone, seconds=True),
    }


def fragment_if_known(reference: str, opened: Opened, language: str) -> str | None:
    """The fragment, unless it has to be rendered, which takes Flask."""
    facts, frames = _frames.get(opened.event_id, (None, {}))
    size = Size(language, opened.quantity, opened.amount, opened.currency, opened.extended)
    frame = frames.get(size)
    if facts is None or frame is None or catalogue.facts_if_known(facts.slug) is not facts:
        return None
    now = catalogue.moment(facts)
    if opened.held_until <= now:
        return None
    own = own_of(opened.held_until, now, facts.time_zone)
    own |= {"reference": reference, "name": escape(opened.name), "email": escape(opened.email)}
    pieces = frame.copy()
    pieces[1::2] = [own[hole] for hole in frame[1::2]]
    return "".join(pieces)


def wanted(found: ClaimView, language: str) -> bool:
    """Whether a frame can be made of this claim and is not there yet."""
    first = found.payment is not None and len(found.payments) == 1
    if not first or found.state != HELD or found.payments[0].state != INITIALIZING:
        return False
    facts, frames = _frames.get(found.event.id, (None, {}))
    return facts is not found.event or _size(found, language) not in frames


def marked(found: ClaimView) -> tuple[ClaimView, Mapping[str, str]]:
    """The claim with marks in place of what is its own, for rendering a frame."""
    marks = {name: f"\0{name}\0" for name in ("until", "seconds_left", "updated")}
    return replace(found, reference="\0reference\0", name="\0name\0", email="\0email\0"), marks


def keep(found: ClaimView, language: str, html: str) -> None:
    """Keep a fragment with marks as the frame for claims of this size."""
    facts, frames = _frames.get(found.event.id, (None, {}))
    if facts is not found.event:
        frames = {}
        _frames[found.event.id] = (found.event, frames)
    if len(frames) < _MOST_FRAMES:
        frames[_size(found, language)] = _HOLE.split(html)


def _size(found: ClaimView, language: str) -> Size:
    return Size(language, found.quantity, found.amount, found.currency, found.extended)
