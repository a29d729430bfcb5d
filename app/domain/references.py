"""References that people read aloud: unguessable, and kind to mishearing."""

from __future__ import annotations

import secrets

# Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HEARD = str.maketrans("ILO", "110")
_LENGTH = 10
_TICKET_LENGTH = 16


def claim_reference() -> str:
    """A new claim reference such as FQ-7K3M-9QXD-R2: 50 random bits."""
    return _grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)))


def as_claim_reference(text: str) -> str | None:
    """The claim reference that somebody meant by `text`, or None if it cannot be one.

    Case, spaces and dashes do not matter, nor does O for 0 or I and L for 1.
    """
    letters = "".join(ch for ch in text.upper() if ch.isalnum())
    body = letters.removeprefix("FQ").translate(_HEARD)
    if len(body) != _LENGTH or not set(body) <= set(_ALPHABET):
        return None
    return _grouped(body)


def ticket_code() -> str:
    """A new ticket code such as 7K3M9QXDR2B04ZTV: 80 random bits, so nobody guesses another's."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_TICKET_LENGTH))


def as_ticket_code(text: str) -> str | None:
    """The ticket code that somebody meant, read as kindly as a claim's reference, or None."""
    code = "".join(ch for ch in text.upper() if ch.isalnum()).translate(_HEARD)
    return code if len(code) == _TICKET_LENGTH and set(code) <= set(_ALPHABET) else None


def payment_reference(claim: str, attempt: int) -> str:
    """The reference of the n-th payment of a claim, such as FQ-7K3M-9QXD-R2-1.

    The gateway allows only letters, digits and - . = in it.
    """
    return f"{claim}-{attempt}"


def _grouped(body: str) -> str:
    return f"FQ-{body[:4]}-{body[4:8]}-{body[8:]}"
