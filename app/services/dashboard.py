"""The live picture of a sale: what Postgres knows for certain, and the line as Redis sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import LineUnavailable
from app.domain.events import DRAFT, EventFacts
from app.extensions import settings
from app.line import verbs
from app.services import events
from app.services.staff import StaffMember
from app.store import dashboard as store
from app.store import money
from app.store.db import transaction
from app.store.money import Sums

# Dashboards want no list of ended places, so they say they know them all.
_ALL_KNOWN = 2**31
# An outbox row older than this says that nobody is working it off; the sweep comes every second.
LATE_SECONDS = 30
# With a healthy gateway, certainty comes at the latest so long after a hold's hard limit.
CERTAIN_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class LiveNumbers:
    """One event this moment. `event` has the tickets free, held and sold, and the time.

    `line_away` says that Redis could not be asked: `waiting` and `inside` are then what the
    records say, which may be a second or more behind. `sums` has a row for each currency;
    `gateway_away_since` is None while the gateway answers.
    """

    event: EventFacts
    waiting: int
    inside: int
    line_away: bool
    sums: list[Sums]
    gateway_away_since: datetime | None
    claims_last_minute: int
    oldest_debt_seconds: float | None

    @property
    def debt_is_late(self) -> bool:
        return self.oldest_debt_seconds is not None and self.oldest_debt_seconds > LATE_SECONDS

    @property
    def doubt(self) -> Sums | None:
        """The currency with the oldest payment in doubt, or None."""
        doubtful = [row for row in self.sums if row.oldest_doubt is not None]
        return min(doubtful, key=_oldest_doubt, default=None)

    @property
    def doubt_is_late(self) -> bool:
        """Whether something has been in doubt for longer than a healthy gateway leaves it."""
        if self.doubt is None:
            return False
        usual = timedelta(seconds=self.event.hold_seconds + settings.hard_limit) + CERTAIN_AFTER
        return _oldest_doubt(self.doubt) < self.event.as_of - usual

    @property
    def money_is_moving(self) -> bool:
        return any(row.owed or row.in_doubt for row in self.sums)


def _oldest_doubt(row: Sums) -> datetime:
    assert row.oldest_doubt is not None
    return row.oldest_doubt


def live(staff: StaffMember, slug: str) -> LiveNumbers:
    """The figures of an event of the person's own organisation. Raises EventUnknown."""
    event = events.look(staff, slug)
    with transaction() as session:
        figures = store.figures(session, event.id)
        sums = money.sums(session, event.id)
        away_since = money.gateway_away_since(session)
    waiting, inside, line_away = _in_line(event)
    return LiveNumbers(
        event=event,
        waiting=waiting,
        inside=inside,
        line_away=line_away,
        sums=_own_currency_first(sums, event.currency),
        gateway_away_since=away_since,
        claims_last_minute=figures.claims_last_minute,
        oldest_debt_seconds=figures.oldest_debt_seconds,
    )


def _own_currency_first(sums: list[Sums], currency: str) -> list[Sums]:
    """What came in in a wrong currency stands below, and nothing at all is a nought."""
    own = [row for row in sums if row.currency == currency]
    nothing = Sums(currency, 0, 0, 0, 0, 0, 0, 0, None, None)
    return (own or [nothing]) + [row for row in sums if row.currency != currency]


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
