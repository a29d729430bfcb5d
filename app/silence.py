"""What a process remembers of a server that did not answer.

Without it every thread in turn would wait out the whole deadline of a dead server, and those who
need nothing of that server would wait behind them. Postgres and the line's Redis have one each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from app import clock


class Silence:
    """Refuses at once for `pause` seconds after a failure; then one caller looks whether the
    server is back, for up to `longest_look` seconds, while the others are still refused. Who looks
    is refused, too, if `knock` says that nobody is there.

    One for each process and server; safe for threads.
    """

    def __init__(
        self,
        pause: float,
        longest_look: float,
        now: Callable[[], float] = clock.monotonic,
        knock: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pause, self._longest_look, self._now, self._knock = pause, longest_look, now, knock
        self._lock = threading.Lock()
        # Whether the server did not answer the last time.
        self.is_feared = False
        self._refuse_until = 0.0
        self._looker = 0

    def refuses(self) -> bool:
        """Whether to ask nothing of the server now. Who hears False while it is silent is the one
        who looks, and may ask as often as that takes."""
        if not self.is_feared:
            return False
        me = threading.get_ident()
        with self._lock:
            if not self.is_feared or self._looker == me:
                return False
            if self._now() < self._refuse_until:
                return True
            # A looker that never comes back is followed by another.
            self._looker, self._refuse_until = me, self._now() + self._longest_look
        if self._knock():
            return False
        self.began()
        return True

    def began(self) -> None:
        """The server did not answer."""
        with self._lock:
            self.is_feared, self._looker = True, 0
            self._refuse_until = self._now() + self._pause

    def looked(self) -> None:
        """Called at the end of every call, however it ended: the server is not silent any more,
        if this was the one who looks and nothing began() meanwhile."""
        if self.is_feared and self._looker == threading.get_ident():
            self.forget()

    def forget(self) -> None:
        """Be as if the server had always answered."""
        with self._lock:
            self.is_feared, self._looker = False, 0
