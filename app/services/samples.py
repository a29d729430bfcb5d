"""Samples of every sale: what its chart is drawn from, and the sign that the beats go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain import charts, funnel
from app.domain.errors import LineUnavailable
from app.domain.events import CLOSED, EventFacts
from app.services.dashboard import in_line
from app.store import checks, dashboard
from app.store import samples as store
from app.store.db import autocommit_engine, translated
from app.store.samples import Healed, Sampled

# What a chart may show: the last hour, or everything there is.
HOUR = "hour"
ALL = "all"
# More than there are dots across a telephone.
_POINTS = 240


@dataclass(frozen=True, slots=True)
class Story:
    """How a sale has gone: `chart` and `funnel` are None before two samples were taken, and the
    funnel is of `at`. `healed` has the latest first."""

    span: str
    chart: charts.Chart | None
    funnel: tuple[funnel.Step, ...] | None
    at: datetime | None
    healed: list[Healed]


def story(event: EventFacts, span: str = "") -> Story:
    """How the sale of an event has gone; `span` is HOUR or ALL, anything else the one that fits."""
    if span not in (HOUR, ALL):
        span = ALL if event.state == CLOSED else HOUR
    since = event.as_of - timedelta(hours=1) if span == HOUR else datetime(2000, 1, 1, tzinfo=UTC)
    with translated(), autocommit_engine().connect() as connection:
        found = store.chart(connection, event.id, since, _POINTS)
        healed = store.healed(connection, event.id)
    last = found[-1] if found else None
    return Story(
        span=span,
        chart=charts.draw(found, event.capacity),
        funnel=funnel.steps(last.joined, last.admitted, last.claimed, last.paid) if last else None,
        at=last.at if last else None,
        healed=healed,
    )


def samples_once() -> int:
    """Take a sample of every event that is not over: how many. Ten seconds have one each."""
    checks.beat()
    with translated(), autocommit_engine().connect() as connection:
        found = store.events(connection)
    return store.take({event.event_id: _in_line(event) for event in found}) if found else 0


def thin_once() -> int:
    """Remove what a chart of a long sale does not need: how many samples."""
    return store.thin()


def _in_line(event: Sampled) -> tuple[int, int]:
    if not event.live:
        return 0, 0
    try:
        return in_line(event.event_id, event.epoch)
    except LineUnavailable:
        with translated(), autocommit_engine().connect() as connection:
            return dashboard.in_line(connection, event.event_id)
