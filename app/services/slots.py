"""No more than so many at a time in one process, so that the others have threads left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from app.domain.errors import Busy

# Who finds every slot taken waits so long for one (s). A busy machine takes a tenth of that for a
# claim, so only servers that hang make anyone wait in vain.
PATIENCE = 0.5


class Slots:
    """Safe for threads. While no slot has come free since somebody waited in vain, the next are
    refused at once: a thread that waits is one that answers nobody."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken = 0
        self._stuck = False

    @contextmanager
    def one_of(self, most: int) -> Iterator[None]:
        """Hold one of `most` slots for the length of the block. Raises Busy."""
        with self._changed:
            if self._taken >= most and (self._stuck or not self._wait(most)):
                self._stuck = True
                raise Busy
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._stuck = False
                self._changed.notify()

    def _wait(self, most: int) -> bool:
        return self._changed.wait_for(lambda: self._taken < most, PATIENCE)
