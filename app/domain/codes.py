"""The six digits that prove an e-mail address: derived from the verification, never stored."""

from __future__ import annotations

import hmac
from hashlib import sha256

DIGITS = 6
TRIES = 5
# From the moment the mail was sent.
MINUTES = 10


def code_of(verification_id: str, key: str) -> str:
    """The code of a verification: six digits of an HMAC over its id (RFC 4226's truncation
    is not needed: 256 bits modulo a million favour no code measurably)."""
    digest = hmac.new(key.encode(), b"fairqueue.code." + verification_id.encode(), sha256).digest()
    return f"{int.from_bytes(digest, 'big') % 10**DIGITS:0{DIGITS}}"


def as_code(text: str) -> str | None:
    """The six digits that somebody typed, spaces and dashes forgiven; None for anything else."""
    code = "".join(text.replace("-", " ").split())
    return code if len(code) == DIGITS and code.isascii() and code.isdigit() else None


def matches(typed: str, code: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(typed.encode(), code.encode())
