"""The fairness report: who came how far, how long they waited, and whether anybody was passed."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.events import EventFacts
from app.services import events
from app.services.staff import StaffMember
from app.store import reports as store
from app.store.db import snapshot
from app.store.money import Sums
from app.store.reports import Counts, Quarter


@dataclass(frozen=True, slots=True)
class Report:
    """One event. `over` says that nothing can change any more but refunds."""

    event: EventFacts
    counts: Counts
    quarters: list[Quarter]
    sums: list[Sums]

    @property
    def over(self) -> bool:
        return self.event.state == "closed" and self.event.held == 0


def report(staff: StaffMember, slug: str) -> Report:
    """All of one moment of the database. Raises EventUnknown."""
    event = events.look(staff, slug)
    with snapshot(seconds=10) as connection:
        return Report(
            event,
            store.counts(connection, event.id),
            store.quarters(connection, event.id),
            store.sums(connection, event.id),
        )
