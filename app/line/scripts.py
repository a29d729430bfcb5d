"""The Lua scripts, read from lua/<verb>.lua once per process."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from pathlib import Path

FOLDER = Path(__file__).parent / "lua"


class Script:
    """One script and the digest that Redis knows it by."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (FOLDER / f"{name}.lua").read_text()
        # EVALSHA is defined on SHA-1; nothing here is kept secret by it.
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    return Script(name)
