"""Jobs for a worker in a process of its own."""

from __future__ import annotations

import time
from pathlib import Path


def touch(path: str) -> None:
    Path(path).touch()


def touch_slowly(begun: str, ended: str) -> None:
    Path(begun).touch()
    time.sleep(1.5)
    Path(ended).touch()


def fail() -> None:
    raise RuntimeError("on purpose")
