"""References that people read aloud: unguessable, and kind to mishearing."""

from __future__ import annotations

import re
import secrets

# Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 10
_TICKET_LENGTH = 16
# 32 divides the 256 values of a byte, so that each letter is as likely as any other.
_OF_BYTES = (ALPHABET * 8).encode()
_HEARD = str.maketrans("ILO", "110")
_BETWEEN = re.compile(r"[\W_]+")
_OURS = re.compile(f"[{ALPHABET}]+")


def claim_reference() -> str:
    """A new claim reference such as FQ-7K3M-9QXD-R2: 50 random bits."""
    return _grouped(_random(_LENGTH))


def _random(count: int) -> str:
    """So many letters at random, 5 bits each."""
    return secrets.token_bytes(count).translate(_OF_BYTES).decode()


def _heard(text: str) -> str:
    """What somebody meant by `text`, without what stands between its letters."""
    return _BETWEEN.sub("", text.upper()).translate(_HEARD)


def as_claim_reference(text: str) -> str | None:
    """The claim reference that somebody meant by `text`, or None if it cannot be one.

    Case, spaces and dashes do not matter, nor does O for 0 or I and L for 1.
    """
    body = _heard(text).removeprefix("FQ")
    return _grouped(body) if len(body) == _LENGTH and _OURS.fullmatch(body) else None


def ticket_code() -> str:
    """A new ticket code such as 7K3M9QXDR2B04ZTV: 80 random bits, so nobody guesses another's."""
    return _random(_TICKET_LENGTH)


def as_ticket_code(text: str) -> str | None:
    """The ticket code that somebody meant, read as kindly as a claim's reference, or None."""
    code = _heard(text)
    return code if len(code) == _TICKET_LENGTH and _OURS.fullmatch(code) else None


def payment_reference(claim: str, attempt: int) -> str:
    """The reference of the n-th payment of a claim, such as FQ-7K3M-9QXD-R2-1.

    The gateway allows only letters, digits and - . = in it.
    """
    return f"{claim}-{attempt}"


def place_reference(event_id: int, number: int) -> str:
    """What a fan in the line reads out, such as P3-1204-7K. The last two characters notice a
    digit that was misheard, or two that changed places."""
    return f"P{event_id}-{number}-{_check(event_id, number)}"


def as_place_reference(text: str) -> tuple[int, int] | None:
    """(event id, number) of a place's reference, or None if it cannot be one."""
    parts = re.fullmatch(
        r"P(\d{1,9})[\s-]*[-\s](\d{1,15})[\s-]*([0-9A-Z]{2})", text.strip().upper()
    )
    if parts is None:
        return None
    event_id, number = int(parts[1]), int(parts[2])
    heard = parts[3].translate(_HEARD)
    return (event_id, number) if heard == _check(event_id, number) else None


def _check(event_id: int, number: int) -> str:
    # The remainder of a prime: no single digit and no swap of two neighbours leaves it the same.
    high, low = divmod((event_id * 97 + number) * 37 % 1021, 32)
    return ALPHABET[high] + ALPHABET[low]


def _grouped(body: str) -> str:
    return f"FQ-{body[:4]}-{body[4:8]}-{body[8:]}"
