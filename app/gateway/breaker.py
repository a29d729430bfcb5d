"""A gateway that is down is asked by one call at a time, so that the rest need not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from app import clock

# So many calls in a row without an answer are an outage, not an accident.
_SILENT_IN_A_ROW = 5
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 30.0


class Breaker:
    """Counts calls that were not answered; one per process, safe for threads.

    While it is open, one call per pause goes through to see whether the gateway is back.
    """

    def __init__(self, now: Callable[[], float] = clock.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._silent = 0
        self._pause = 0.0
        self._closed_again_at = 0.0

    def refuses_for(self) -> float:
        """Seconds to wait before asking; 0 means: ask now."""
        with self._lock:
            if self._silent < _SILENT_IN_A_ROW:
                return 0.0
            left = self._closed_again_at - self._now()
            if left > 0:
                return left
            # This caller is the one who looks; the others wait for another pause.
            self._closed_again_at = self._now() + self._pause
            return 0.0

    def answered(self) -> None:
        """The gateway spoke, whatever it said."""
        with self._lock:
            self._silent, self._pause = 0, 0.0

    def silent(self) -> None:
        """No answer, or none that makes sense."""
        with self._lock:
            self._silent += 1
            if self._silent >= _SILENT_IN_A_ROW:
                self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
                self._closed_again_at = self._now() + self._pause
