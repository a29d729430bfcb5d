"""Connections for statements that stand alone: a pool without SQLAlchemy in between.

SQLAlchemy's pool rolls back whenever a connection comes home and tells its listeners, which took
longer than the statement of a webhook itself. Nothing that stands alone leaves a transaction open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import getpid
from queue import Empty, SimpleQueue

from psycopg.pq import TransactionStatus

from app.domain.errors import Busy
from app.store.bounded import BoundedConnection

Connect = Callable[[], BoundedConnection]


class Pool:
    """At most `size` connections at work, the one used last first; who waits longer than `wait`
    seconds for one is told Busy. Created unbound."""

    def __init__(self) -> None:
        self._connect: Connect | None = None
        self._size, self._wait = 0, 0.0
        self._idle: deque[BoundedConnection] = deque()
        self._begin()

    def bind(self, connect: Connect, size: int, wait: float) -> None:
        """Make connections so from now on."""
        self.close()
        self._connect, self._size, self._wait = connect, size, wait
        self._begin()

    def _begin(self) -> None:
        self._process = getpid()
        self._idle = deque()
        # A semaphore of the standard library is written in Python, and takes eight times as long.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(self._size):
            self._free.put(None)

    @contextmanager
    def connection(self) -> Iterator[BoundedConnection]:
        """One that works. Raises Busy, and psycopg.OperationalError where none can be made."""
        if self._connect is None:
            raise RuntimeError("create_app() has not run in this process.")
        if self._process != getpid():
            # Made before a fork, they belong to the parent.
            self._begin()
        try:
            self._free.get(timeout=self._wait)
        except Empty:
            raise Busy from None
        try:
            mine = self._idle_one() or self._connect()
            try:
                yield mine
            finally:
                if mine.pgconn.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(mine)
                else:
                    # Broken, or left in the middle of an answer: nobody may have it after us.
                    mine.close()
        finally:
            self._free.put(None)

    def _idle_one(self) -> BoundedConnection | None:
        try:
            mine = self._idle.pop()
        except IndexError:
            return None
        if mine.has_ended():
            # Its server has gone since, and so have the others, most likely.
            mine.close()
            self.close()
            return None
        return mine

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()
