"""What a browser carries: signed, never encrypted, and each good for one purpose only.

Each purpose has a key of its own, so a place does not pass for a pass. No token holds a time
of signing: what may run out says so in a field of its own, in the clock that decides it.

A token is its fields and their signature, with dots between: keyed BLAKE2b (RFC 7693, a MAC by
itself) in URL-safe base64. Every poll reads one; itsdangerous took five times as long.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from operator import call
from os import urandom
from typing import ClassVar, Self, TypeVar

_LONGEST = 256
# Part of each purpose: tokens of another format are thereby tokens for something else.
_FORMAT = 2
# 144 bits: 24 characters without padding, in the head of polls that hand over a pass.
_SIGNATURE_BYTES = 18
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


AN_ID = re.compile(r"[A-Za-z0-9_-]{16}")


def new_id() -> str:
    """16 characters for a place or a visitor: 96 random bits, safe in URLs and cookies."""
    return _as_text(urandom(12))


def sign(kind: str, body: str, key: str) -> str:
    """Sign the fields of a token, with dots between, for one purpose."""
    return f"{body}.{_signature(kind, body, key)}"


def _signature(kind: str, body: str, key: str) -> str:
    mac = _unsigned(kind, key).copy()
    mac.update(body.encode())
    return _as_text(mac.digest())


def _as_text(raw: bytes) -> str:
    # As urlsafe_b64encode(), in one step; multiples of three bytes need no padding.
    return b2a_base64(raw, newline=False).translate(_URL_SAFE).decode()


@lru_cache(maxsize=64)
def _unsigned(kind: str, key: str) -> blake2b:
    """The start of every signature for one purpose."""
    own_key = blake2b(f"fairqueue.{kind}.{_FORMAT}:{key}".encode(), digest_size=32).digest()
    return blake2b(key=own_key, digest_size=_SIGNATURE_BYTES)


class _Token:
    """A frozen dataclass of str and int fields that can sign itself."""

    __slots__: tuple[str, ...] = ()
    KIND: ClassVar[str]
    TYPES: ClassVar[tuple[type[str] | type[int], ...]]

    def sign(self, key: str) -> str:
        body = ".".join([str(getattr(self, name)) for name in self.__slots__])
        return sign(self.KIND, body, key)

    @classmethod
    def read(cls, text: str | None, key: str) -> Self | None:
        """The token, or None when it is missing, altered, or signed for something else."""
        return cls._read(text, key) if text and len(text) <= _LONGEST else None

    @classmethod
    def _read(cls, text: str, key: str) -> Self | None:
        return _parsed(cls, text, key)


_Kind = TypeVar("_Kind", bound=_Token)


def _parsed(kind: type[_Kind], text: str, key: str) -> _Kind | None:
    body, _, signature = text.rpartition(".")
    # compare_digest() compares text only if it is ASCII.
    if not text.isascii() or not compare_digest(signature, _signature(kind.KIND, body, key)):
        return None
    fields = body.split(".")
    if len(fields) != len(kind.TYPES):
        return None
    try:
        return kind(*map(call, kind.TYPES, fields))
    except ValueError:
        return None


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

    @classmethod
    @lru_cache(maxsize=65_536)
    def _read(cls, text: str, key: str) -> Self | None:
        # Kept, about 500 bytes each, because a browser shows the same one at every poll.
        return _parsed(cls, text, key)


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


@dataclass(frozen=True, slots=True)
class TicketToken(_Token):
    """What a ticket's QR code holds: that we gave this code, not that it still counts."""

    KIND = "ticket"
    TYPES = (str,)

    code: str


@dataclass(frozen=True, slots=True)
class CarryToken(_Token):
    """Carries a place to another browser, once; what it carries, and whether it did, is in
    Postgres."""

    KIND = "carry"
    TYPES = (str,)

    carry_id: str


@dataclass(frozen=True, slots=True)
class ChallengeToken(_Token):
    """A sum that one place is to work out by `over_at` (s since 1970), app/domain/proofs.py."""

    KIND = "challenge"
    TYPES = (int, str, str, str, int)

    event_id: int
    place_id: str
    salt: str
    digest: str
    over_at: int


@dataclass(frozen=True, slots=True)
class FormToken(_Token):
    """A form that we gave to this browser, for browsers that do not say which site sends it."""

    KIND = "form"
    TYPES = (str,)

    visitor: str


@dataclass(frozen=True, slots=True)
class ResetToken(_Token):
    """Lets somebody of the staff choose a new password, once; the row says whether it was used."""

    KIND = "reset"
    TYPES = (str,)

    link_id: str


@dataclass(frozen=True, slots=True)
class InvitationToken(_Token):
    """Lets somebody become one of the staff, once."""

    KIND = "invitation"
    TYPES = (str,)

    link_id: str


@dataclass(frozen=True, slots=True)
class HalfwayToken(_Token):
    """Somebody of the staff whose password was right, and whose code is awaited until then."""

    KIND = "halfway"
    TYPES = (int, str, int)

    staff_id: int
    mark: str
    until: int
