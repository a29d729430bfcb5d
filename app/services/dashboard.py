"""The live picture of a sale: what Postgres knows for certain, and the line as Redis sees it."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.errors import LineUnavailable
from app.domain.events import DRAFT, EventFacts
from app.line import verbs
from app.services import events
from app.services.staff import StaffMember
from app.store import dashboard as store
from app.store.db import transaction

# Dashboards want no list of ended places, so they say they know them all.
_ALL_KNOWN = 2**31
# An outbox row older than this says that nobody is working it off; the sweep comes every second.
LATE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class LiveNumbers:
    """One event this moment. `event` has the tickets free, held and sold, and the time.

    `line_away` says that Redis could not be asked: `waiting` and `inside` are then what the
    records say, which may be a second or more behind. Money is in the smallest unit.
    """

    event: EventFacts
    waiting: int
    inside: int
    line_away: bool
    money_taken: int
    claims_last_minute: int
    oldest_debt_seconds: float | None

    @property
    def debt_is_late(self) -> bool:
        return self.oldest_debt_seconds is not None and self.oldest_debt_seconds > LATE_SECONDS


def live(staff: StaffMember, slug: str) -> LiveNumbers:
    """The figures of an event of the person's own organisation. Raises EventUnknown."""
    event = events.look(staff, slug)
    with transaction() as session:
        figures = store.figures(session, event.id)
    waiting, inside, away = _in_line(event)
    return LiveNumbers(
        event=event,
        waiting=waiting,
        inside=inside,
        line_away=away,
        money_taken=figures.money_taken,
        claims_last_minute=figures.claims_last_minute,
        oldest_debt_seconds=figures.oldest_debt_seconds,
    )


def _in_line(event: EventFacts) -> tuple[int, int, bool]:
    """(waiting, inside, whether Redis was away)."""
    if event.state == DRAFT:
        return 0, 0, False
    try:
        line, _ = verbs.snapshot(event.id, event.epoch, _ALL_KNOWN)
    except LineUnavailable:
        with transaction() as session:
            waiting, inside = store.in_line(session, event.id)
        return waiting, inside, True
    return line.waiting, line.inside, False
