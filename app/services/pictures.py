"""One picture of each line per process, taken anew by the first request that finds it older
than a second."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from app.clock import monotonic
from app.domain.errors import LineUnavailable
from app.domain.events import EventFacts, phase
from app.domain.line import Snapshot, head_of, observed_rate
from app.domain.tokens import PlaceToken
from app.line import verbs
from app.services import catalogue

_MAX_AGE_S = 1.0
# The pace of admission is what was seen over this time: long enough for a beat that stutters,
# short enough to notice that the organiser changed the rate.
_OBSERVED_S = 60.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A line as this process last saw it. `away` says that Redis did not answer since, or has no
    valid copy; `snapshot` is None if it never did. `observed_rate` is admissions per minute, 0
    while the line stands still, None if that was not seen for long enough."""

    snapshot: Snapshot | None
    gone: frozenset[str] | set[str]
    away: bool
    taken_at: datetime
    observed_rate: float | None

    def knows_far_back(self, facts: EventFacts, token: PlaceToken) -> bool:
        """Whether the place is surely waiting, so far back that "about" will do."""
        snapshot = self.snapshot
        if snapshot is None or snapshot.epoch != facts.epoch:
            return False
        if token.epoch < facts.epoch - 1:
            return False
        if token.epoch < facts.epoch and token.number > (facts.guard_number or 0):
            # Perhaps of the second that was lost: it has to be put back in.
            return False
        far = snapshot.is_far_back(token.number, head_of(facts.admit_per_minute))
        return far and token.place_id not in self.gone

    def last_known_ahead(self, number: int) -> int | None:
        """How many were before this number when the line was last seen; None if nobody knows.

        A number below the head of the line is one that waits no more, or went back in since: it
        is not the next one.
        """
        snapshot = self.snapshot
        if snapshot is None or not snapshot.numbers or number < snapshot.numbers[0]:
            return None
        return snapshot.ahead(number)

    def surely_waited(self, token: PlaceToken) -> bool:
        """Whether the place was far back in the line when that was last seen."""
        snapshot = self.snapshot
        if snapshot is None or token.place_id in self.gone:
            return False
        return snapshot.is_far_back(token.number)


class _Camera:
    """Takes the pictures of one event's line."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._picture: Picture | None = None
        self._tried_at = float("-inf")
        # Grows while an epoch lasts; other threads only ask whether a place is in it.
        self._gone: set[str] = set()
        self._gone_count = 0
        self._admissions: deque[tuple[float, int]] = deque()

    def look(self, facts: EventFacts) -> Picture:
        # Only who has no picture at all waits for the one who is taking it.
        if self._is_old() and self._lock.acquire(blocking=self._picture is None):
            try:
                if self._is_old():
                    self._picture = self._take(facts)
                    self._tried_at = monotonic()
            finally:
                self._lock.release()
        assert self._picture is not None
        return self._picture

    def _is_old(self) -> bool:
        return monotonic() - self._tried_at > _MAX_AGE_S

    def _take(self, facts: EventFacts) -> Picture:
        last = self._picture
        if last is None or last.snapshot is None or last.snapshot.epoch != facts.epoch:
            self._gone, self._gone_count = set(), 0
            self._admissions.clear()
        try:
            snapshot, gone = verbs.snapshot(facts.id, facts.epoch, self._gone_count)
        except LineUnavailable:
            if last is None:
                return Picture(None, self._gone, True, catalogue.moment(facts), None)
            return Picture(last.snapshot, last.gone, True, last.taken_at, last.observed_rate)
        self._gone.update(gone)
        self._gone_count += len(gone)
        now = catalogue.moment(facts)
        return Picture(snapshot, self._gone, False, now, self._observe(facts, snapshot, now))

    def _observe(self, facts: EventFacts, snapshot: Snapshot, moment: datetime) -> float | None:
        """Admissions per minute, of the time in which the sale was open and somebody waited."""
        if phase(facts, moment) != "on_sale" or snapshot.waiting == 0:
            self._admissions.clear()
            return None
        now = monotonic()
        self._admissions.append((now, snapshot.admitted))
        while self._admissions[0][0] < now - _OBSERVED_S:
            self._admissions.popleft()
        since, before = self._admissions[0]
        # As lua/admit.lua counts: nobody is let in beyond the tickets that are free.
        full = snapshot.inside >= min(facts.pass_capacity, snapshot.free)
        return observed_rate(snapshot.admitted - before, now - since, full)


_cameras: dict[int, _Camera] = {}


def picture(facts: EventFacts) -> Picture:
    """The line of an event, at most about a second old while Redis answers."""
    camera = _cameras.get(facts.id)
    if camera is None:
        camera = _cameras.setdefault(facts.id, _Camera())
    return camera.look(facts)


def forget_all() -> None:
    """Forget every line."""
    _cameras.clear()
