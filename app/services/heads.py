"""Who waits first, asked for once where many ask at once.

While polls near the head come one by one, each asks Redis about its own place. When a crowd comes,
one of them brings the whole head along, and for a tenth of a second nobody else need ask.
"""

from __future__ import annotations

from threading import Lock

from app.clock import monotonic
from app.domain.errors import LineUnavailable
from app.domain.events import EventFacts
from app.domain.line import HEAD
from app.line import verbs

# For so long a head is good (s), and so late an admitted fan may hear of it at most one poll more.
_MAX_AGE_S = 0.1
# So many polls within that time are a crowd: for fewer, a head costs more than it spares.
CROWD = 6


class _Head:
    """The head of one event's line."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ranks: dict[str, int] = {}
        self._epoch = 0
        self._good_until = float("-inf")
        self._counted_until = float("-inf")
        self._came = 0

    def rank(self, facts: EventFacts, place_id: str) -> int | None:
        now = monotonic()
        if now > self._good_until and not (self._is_crowd(now) and self._take(facts, now)):
            return None
        return self._ranks.get(place_id) if self._epoch == facts.epoch else None

    def _is_crowd(self, now: float) -> bool:
        if now > self._counted_until:
            self._counted_until, self._came = now + _MAX_AGE_S, 0
        # Threads may count one another's away; then it is a crowd one poll later.
        self._came += 1
        return self._came >= CROWD

    def _take(self, facts: EventFacts, now: float) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        try:
            places = verbs.head(facts.id, facts.epoch, HEAD)
        except LineUnavailable:
            # Whoever asks for one place is told so, too, and knows what to say.
            return False
        else:
            self._ranks = {place: rank for rank, place in enumerate(places)}
            self._epoch, self._good_until = facts.epoch, now + _MAX_AGE_S
            return True
        finally:
            self._lock.release()


_heads: dict[int, _Head] = {}


def rank(facts: EventFacts, place_id: str) -> int | None:
    """How many wait before this place, as of a tenth of a second ago at most; None if only Redis
    can tell. Asks it in a crowd only."""
    head = _heads.get(facts.id)
    if head is None:
        head = _heads.setdefault(facts.id, _Head())
    return head.rank(facts, place_id)


def forget_all() -> None:
    """Forget every head."""
    _heads.clear()
