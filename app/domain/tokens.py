"""What a browser carries: signed, never encrypted, and each good for one purpose only.

The purpose is the signer's salt, so a place does not pass for a pass. No token holds a time
of signing: what may run out says so in a field of its own, in the clock that decides it.
"""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import ClassVar, Self

from itsdangerous import BadSignature, Signer

_LONGEST = 256


def new_id() -> str:
    """16 characters for a place or a visitor: 96 random bits, safe in URLs and cookies."""
    return secrets.token_urlsafe(12)


def sign(kind: str, fields: tuple[str | int, ...], key: str) -> str:
    """Sign fields (which hold no dot) for one purpose."""
    return _signer(kind, key).sign(".".join(map(str, fields))).decode()


def read(kind: str, text: str | None, key: str) -> list[str] | None:
    """The fields of a token signed for this purpose; None for anything else."""
    if not text or len(text) > _LONGEST:
        return None
    try:
        return _signer(kind, key).unsign(text).decode().split(".")
    except (BadSignature, UnicodeError):
        return None


@lru_cache(maxsize=64)
def _signer(kind: str, key: str) -> Signer:
    return Signer(key, salt=f"fairqueue.{kind}")


class _Token:
    """A frozen dataclass of str and int fields that can sign itself."""

    KIND: ClassVar[str]
    TYPES: ClassVar[tuple[type[str] | type[int], ...]]

    def sign(self, key: str) -> str:
        return sign(self.KIND, astuple(self), key)  # type: ignore[call-overload]

    @classmethod
    def read(cls, text: str | None, key: str) -> Self | None:
        """The token, or None when it is missing, altered, or signed for something else."""
        fields = read(cls.KIND, text, key)
        if fields is None or len(fields) != len(cls.TYPES):
            return None
        try:
            values = [kind(field) for kind, field in zip(cls.TYPES, fields, strict=True)]
        except ValueError:
            return None
        return cls(*values)


@dataclass(frozen=True, slots=True)
class VisitorToken(_Token):
    """One browser, so that a double tap makes one place."""

    KIND = "visitor"
    TYPES = (str,)

    visitor: str


@dataclass(frozen=True, slots=True)
class PlaceToken(_Token):
    """A numbered position in the line of one event, given in one epoch of its Redis copy."""

    KIND = "place"
    TYPES = (int, int, str, int)

    event_id: int
    epoch: int
    place_id: str
    number: int


@dataclass(frozen=True, slots=True)
class PassToken(_Token):
    """The right to claim; `pass_until` is sale time in milliseconds (see Event.paused_ms)."""

    KIND = "pass"
    TYPES = (int, int, str, int, int, int)

    event_id: int
    epoch: int
    place_id: str
    number: int
    turn: int
    pass_until: int


@dataclass(frozen=True, slots=True)
class FanToken(_Token):
    """A fan who proved an address in this browser."""

    KIND = "fan"
    TYPES = (int,)

    fan_id: int


@dataclass(frozen=True, slots=True)
class ClaimLink(_Token):
    """Opens one claim: a reference alone is read aloud to support, so it opens nothing."""

    KIND = "claim"
    TYPES = (str,)

    reference: str
