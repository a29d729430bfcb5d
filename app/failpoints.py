"""Failpoints: named moments directly after each effect, where a process may be made to die.

Every effect (a commit, a script's reply, the gateway's answer, a mail taken, a job taken ...)
passes one of a few borders, and each border calls `reached`. A point names itself: the nearest
function above the borders, the border, and how often this process has been there, such as
`claims._try_together/line:take#1`. docs/faults.md tells how the tests use them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from threading import Lock
from types import FrameType

# These only carry an effect out; the point belongs to whoever wanted it.
BORDERS = (
    "app.extensions",
    "app.failpoints",
    "app.gateway",
    "app.line",
    "app.store",
    "jobs.wake",
)
_OUR_CODE = ("app", "jobs")

_watch: Callable[[str], None] | None = None


def reached(border: str, what: str = "") -> None:
    """An effect has just happened at `border` (which one, `what`): costs one look when off."""
    if _watch is not None:
        _watch(f"{_caller()}/{border}{what}")


def record(note: Callable[[str], None]) -> None:
    """From now on call `note` with the full name of each point passed, in order."""
    global _watch
    passed: Counter[str] = Counter()
    lock = Lock()

    def watch(name: str) -> None:
        with lock:
            passed[name] += 1
            note(f"{name}#{passed[name]}")

    _watch = watch


def arm(point: str) -> None:
    """Die by SIGKILL when the point of this full name is reached."""

    def note(name: str) -> None:
        if name == point:
            die()

    record(note)


def die() -> None:
    """End this process as a power cut would: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def _caller() -> str:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] in _OUR_CODE and not module.startswith(BORDERS):
            # A generator or a helper inside a function counts as that function.
            name = frame.f_code.co_qualname.partition(".<locals>")[0]
            return f"{module.rpartition('.')[2]}.{name}"
        frame = frame.f_back
    return "elsewhere"
