"""A value that a process keeps for a moment and shares between its threads."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from app.clock import monotonic
from app.domain.errors import NotNow

Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """Holds what `load` returned, for `max_age` seconds.

    The first caller who finds it older loads it anew while the others get the old value at
    once. When loading fails with NotNow, the old value stays and nobody tries again for
    `max_age`; `failing` is then True.
    """

    def __init__(self, load: Callable[[], Value], max_age: float) -> None:
        self._load = load
        self._max_age = max_age
        self._lock = Lock()
        self._value: Value | None = None
        self._failure: NotNow | None = None
        self._tried_at = float("-inf")
        self.loaded_at = float("-inf")

    @property
    def failing(self) -> bool:
        return self._failure is not None

    def stale(self) -> None:
        """Have the next caller load it anew, whatever its age."""
        self._tried_at = float("-inf")

    def forget(self) -> None:
        """Be as if nothing had ever been loaded."""
        self._value = self._failure = None
        self._tried_at = self.loaded_at = float("-inf")

    def peek(self) -> Value | None:
        """The value, if get() would return it without loading."""
        if monotonic() - self._tried_at <= self._max_age or self._lock.locked():
            return self._value
        return None

    def get(self) -> Value:
        """The value. Raises what `load` raises; NotNow only when there is no value at all."""
        old = monotonic() - self._tried_at > self._max_age
        # Whoever has nothing to show must wait for the one who is loading.
        if old and self._lock.acquire(blocking=self._value is None):
            try:
                self._refresh()
            finally:
                self._lock.release()
        if self._value is None:
            raise type(self._failure or NotNow()) from self._failure
        return self._value

    def _refresh(self) -> None:
        if monotonic() - self._tried_at <= self._max_age:
            return  # Another thread did it while this one waited for the lock.
        try:
            value = self._load()
        except NotNow as exc:
            self._failure = exc
            self._tried_at = monotonic()
            return
        self._value, self._failure = value, None
        self._tried_at = self.loaded_at = monotonic()
