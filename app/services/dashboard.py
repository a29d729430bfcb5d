"""The live picture of a sale: what Postgres knows for certain, and the line as Redis sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain import sale_health
from app.domain.errors import EventUnknown, LineUnavailable
from app.domain.events import CLOSED, DRAFT, EventFacts
from app.extensions import settings
from app.line import verbs
from app.services.staff import StaffMember
from app.store import dashboard as store
from app.store.db import autocommit_engine, translated
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
    `gateway_away_since` is None while the gateway answers. `sampled_at` is when the beats last
    looked at the event, `standing_since` since when nobody has been admitted as far as they saw.
    """

    event: EventFacts
    waiting: int
    inside: int
    line_away: bool
    sums: list[Sums]
    gateway_away_since: datetime | None
    claims_last_minute: int
    oldest_debt_seconds: float | None
    sampled_at: datetime | None
    standing_since: datetime | None

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

    @property
    def beats_stand(self) -> bool:
        """Whether the beats, which admit and heal, have not come by for too long."""
        return sale_health.beats_stand(self.event, self.sampled_at)

    @property
    def line_stands(self) -> bool:
        """Whether people wait, tickets are free, there is room inside, and nobody moves."""
        return not self.line_away and sale_health.line_stands(
            self.event, self.waiting, self.inside, self.sampled_at, self.standing_since
        )

    @property
    def word_is_overdue(self) -> bool:
        """Whether the fans of a paused sale were promised a word that has not come."""
        promised = self.event.pause_next_word_at
        return promised is not None and promised < self.event.as_of


def _oldest_doubt(row: Sums) -> datetime:
    assert row.oldest_doubt is not None
    return row.oldest_doubt


def live(staff: StaffMember, slug: str) -> LiveNumbers:
    """The figures of an event of the person's own organisation. Raises EventUnknown."""
    with translated(), autocommit_engine().connect() as connection:
        figures = store.figures(connection, staff.organisation_id, slug)
        if figures is None:
            raise EventUnknown
        event = figures.event
        waiting, inside, line_away = 0, 0, False
        if event.state == CLOSED:
            # Its line may have been dropped from Redis, and does not move anyhow.
            waiting, inside = store.in_line(connection, event.id)
        elif event.state != DRAFT:
            try:
                waiting, inside = in_line(event.id, event.epoch)
            except LineUnavailable:
                waiting, inside = store.in_line(connection, event.id)
                line_away = True
    return LiveNumbers(
        event=event,
        waiting=waiting,
        inside=inside,
        line_away=line_away,
        sums=_own_currency_first(figures.sums, event.currency),
        gateway_away_since=figures.gateway_away_since,
        claims_last_minute=figures.claims_last_minute,
        oldest_debt_seconds=figures.oldest_debt_seconds,
        sampled_at=figures.sampled_at,
        standing_since=figures.standing_since,
    )


def in_line(event_id: int, epoch: int) -> tuple[int, int]:
    """(waiting, inside) this moment. Raises LineUnavailable."""
    line, _ = verbs.snapshot(event_id, epoch, _ALL_KNOWN)
    return line.waiting, line.inside


def _own_currency_first(sums: list[Sums], currency: str) -> list[Sums]:
    """What came in in a wrong currency stands below, and nothing at all is a nought."""
    own = [row for row in sums if row.currency == currency]
    nothing = Sums(currency, 0, 0, 0, 0, 0, 0, 0, None, None)
    return (own or [nothing]) + [row for row in sums if row.currency != currency]
