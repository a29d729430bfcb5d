"""How a process of jobs ends: it begins nothing new, and what is in hand gets some seconds.

What takes longer than that is cut off, and nothing is lost by it: a tick comes again, and an
outbox entry comes back when its `taken_until` has passed, to a handler that is safe to repeat.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from app import clock

log = logging.getLogger("jobs.ending")

# SIGTERM to the end, in seconds, at the most: under ten, as every program of FairQueue. A call
# to a silent gateway takes longer (GATEWAY_TIMEOUT, twice for some), and is what is cut off.
LONGEST_END = 8.0
_LOOK_EVERY = 0.25

# A plain list: an Event may be locked by the very code that a signal interrupts.
_asked: list[bool] = []


def ask(*_: object) -> None:
    """Begin nothing new from now on. Safe in a signal handler."""
    _asked.append(True)


def asked() -> bool:
    """Whether this process is to end."""
    return bool(_asked)


def leave(status: int = 0) -> None:
    """End this process at once, its work being done.

    Taking a large application apart costs Python a third of a second, and at the end of a run
    every process would do it at the same time.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def leave_in_time(longest: float = LONGEST_END) -> None:
    """See to it that this process is over `longest` seconds after it was asked to end.

    A thread that looks, because a signal handler cannot safely start anything, and the alarm
    of this process belongs to RQ.
    """
    threading.Thread(target=_watch, args=(longest,), name="ending", daemon=True).start()


def _watch(longest: float) -> None:
    while not asked():
        time.sleep(_LOOK_EVERY)
    deadline = clock.monotonic() + longest - _LOOK_EVERY
    while clock.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    log.warning("the work in hand takes too long to wait for; it will be done again")
    leave(1)
