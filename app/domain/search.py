"""What somebody may mean by what they typed into the search box of support."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.references import (
    ALPHABET,
    as_claim_reference,
    as_place_reference,
    as_ticket_code,
    payment_reference,
)

LONGEST = 200
# What a beginning has to have, so that a few letters do not find half of everybody.
_SHORTEST_BEGINNING = 3
_SHORTEST_PHONE = 6
_IN_ADDRESSES = "abcdefghijklmnopqrstuvwxyz0123456789.@_-+"
# An address longer than this has too many neighbours to ask for.
_LONGEST_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Meant:
    """Everything that a text can stand for; each None or empty where it cannot be that."""

    email: str | None = None
    claim: str | None = None
    payments: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    place: tuple[int, int] | None = None

    @property
    def anything(self) -> bool:
        return bool(self.email or self.claim or self.payments or self.codes or self.place)


@dataclass(frozen=True, slots=True)
class Near:
    """What comes close to a text: addresses and references that differ by one mistake, and words
    that an address, a name or a phone number may begin with or hold."""

    emails: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    beginning: str | None = None
    name: str | None = None
    phone: str | None = None

    @property
    def anything(self) -> bool:
        return bool(self.emails or self.claims or self.beginning or self.name or self.phone)


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
        place=as_place_reference(text),
    )


def near(text: str) -> Near:
    """What a text may mean that means nothing exactly, because it is not finished or not right."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST]
    word = text.lower()
    claim = as_claim_reference(text)
    digits = "".join(ch for ch in text if ch.isdigit())
    only_digits = not any(ch.isalpha() for ch in text)
    return Near(
        emails=_addresses_near("".join(word.split())) if "@" in word else (),
        claims=_references_near(claim) if claim else (),
        beginning=word if " " not in word and len(word) >= _SHORTEST_BEGINNING else None,
        name=word if not digits and "@" not in word and len(word) >= _SHORTEST_BEGINNING else None,
        # As people write them, with or without a country's number: the end is what counts.
        phone=digits.lstrip("0") if only_digits and len(digits) >= _SHORTEST_PHONE else None,
    )


def _references_near(claim: str) -> tuple[str, ...]:
    """The references that differ in one letter, or in two neighbours that changed places."""
    letters = claim.removeprefix("FQ-").replace("-", "")
    found = _one_mistake(letters, ALPHABET, same_length=True)
    return _distinct(*(as_claim_reference(one) for one in found if one != letters))


def _addresses_near(address: str) -> tuple[str, ...]:
    """The addresses that differ by a letter too many, too few or wrong, or by two neighbours that
    changed places."""
    if not 5 <= len(address) <= _LONGEST_ADDRESS:
        return ()
    found = _one_mistake(address, _IN_ADDRESSES)
    return _distinct(*(one for one in found if one != address and one.count("@") == 1))


def _one_mistake(word: str, letters: str, same_length: bool = False) -> Iterator[str]:
    for index in range(len(word)):
        head, tail = word[:index], word[index:]
        yield from (head + letter + tail[1:] for letter in letters)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        if not same_length:
            yield head + tail[1:]
            yield from (head + letter + tail for letter in letters)
    if not same_length:
        yield from (word + letter for letter in letters)


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
