"""What somebody may mean by what they typed into the search box of support."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.domain.references import as_claim_reference, as_ticket_code, payment_reference

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Meant:
    """Everything that a text can stand for; each None or empty where it cannot be that."""

    email: str | None = None
    claim: str | None = None
    payments: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.email or self.claim or self.payments or self.codes)


def read(text: str) -> Meant:
    """Forgives case, spaces and dashes; letters that are misheard in a reference, too."""
    text = text.replace("\0", "").strip()[:LONGEST]
    if "@" in text:
        return Meant(email="".join(text.split()).lower())
    letters = "".join(ch for ch in text if ch.isalnum())
    if not letters:
        return Meant()
    return Meant(
        claim=as_claim_reference(text),
        payments=_distinct(text.upper(), _as_payment_reference(letters)),
        codes=_distinct("".join(text.split()), as_ticket_code(text)),
    )


def _as_payment_reference(letters: str) -> str | None:
    """A payment's reference is its claim's with the number of the attempt behind it."""
    body = letters.upper().removeprefix("FQ")
    attempt = body[10:]
    claim = as_claim_reference(body[:10])
    if claim is None or not re.fullmatch("[0-9]{1,4}", attempt):
        return None
    return payment_reference(claim, int(attempt))


def _distinct(*texts: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
