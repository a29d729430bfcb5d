"""What a claim form may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.errors import AddressDiffers, Invalid
from app.domain.said import say

HELD = "HELD"
CONFIRMED = "CONFIRMED"
REFUNDED = "REFUNDED"
RELEASED = "RELEASED"
EXPIRED = "EXPIRED"
LIVE = (HELD, CONFIRMED)

_NAME_LENGTH = 100
_PHONE_CHARACTERS = set("0123456789+-() ")


@dataclass(frozen=True, slots=True)
class ClaimForm:
    """A claim form that makes sense. `email` is the address as it was typed, perhaps empty: whether
    it is the proven one is for the claim to say."""

    name: str
    email: str
    phone: str
    quantity: int


def check_form(
    values: Mapping[str, str], max_per_fan: int, proven_email: str | None = None
) -> ClaimForm:
    """Read a claim form; with the proven address, compare the one in the form.

    Raises Invalid with a sentence per field, or AddressDiffers when only the address is wrong.
    """
    wrong: dict[str, str] = {}
    name = " ".join(values.get("name", "").split())
    if not name:
        wrong["name"] = say("Please tell us your name.")
    elif len(name) > _NAME_LENGTH or not name.isprintable():
        wrong["name"] = say("Please use at most %(most)s letters.", most=_NAME_LENGTH)
    phone = " ".join(values.get("phone", "").split())
    if phone and (not set(phone) <= _PHONE_CHARACTERS or not 6 <= len(phone) <= 24):
        wrong["phone"] = say("Please write the number with digits only, such as +234 803 123 4567.")
    quantity = _quantity(values.get("quantity", ""))
    if not 1 <= quantity <= max_per_fan:
        wrong["quantity"] = say("You may have 1 to %(most)s tickets.", most=max_per_fan)
    email = values.get("email", "").strip().lower()
    if proven_email is not None and email not in ("", proven_email):
        if not wrong:
            raise address_differs(proven_email)
        wrong |= address_differs(proven_email).fields
    if wrong:
        raise Invalid(wrong)
    # Letters that no proven address holds, and that Postgres could not even compare.
    typed = email if email.isprintable() else "?"
    return ClaimForm(name, typed or proven_email or "", phone, quantity)


def address_differs(proven_email: str) -> AddressDiffers:
    sentence = say("Tickets go to the address that you proved: %(email)s.", email=proven_email)
    return AddressDiffers({"email": sentence})


def _quantity(text: str) -> int:
    text = text.strip()
    # Bounded before int(): a million digits are an attack, not a number.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
