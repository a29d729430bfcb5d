"""What `make attack` forges: every kind of token that the code knows, at every door."""

from __future__ import annotations

import re

import pytest

from app.domain import tokens
from drill.attack import doors
from drill.attack.site import SECRET_KEY
from drill.attack.tokens import forgeries
from drill.product import ROOT

SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in ROOT.glob("app/**/*.py")}
# Where something is signed, or derived from the secret key.
SIGNERS = {
    "app/domain/codes.py",
    # Names a network in our own rows; nobody shows it to us.
    "app/domain/networks.py",
    "app/domain/second_factor.py",
    "app/domain/tokens.py",
    "app/gateway/signature.py",
    "app/services/staff.py",
}
# Two strings are compared there, and nothing is signed.
COMPARERS = {"app/domain/proofs.py", "app/views/staff.py"}


def found_in_code(pattern: str) -> set[str]:
    return {found for text in SOURCES.values() for found in re.findall(pattern, text)}


def test_the_attack_knows_every_kind_of_token_and_a_door_for_each() -> None:
    signed = {kind.KIND: kind for kind in tokens._Token.__subclasses__()}
    # A dataclass with slots leaves the class that it was made from behind.
    assert signed.keys() == doors.KINDS.keys()
    assert signed.keys() <= {door.key for door in doors.DOORS}


def test_a_new_purpose_of_the_secret_key_must_be_told_to_the_attack() -> None:
    assert found_in_code(r'"fairqueue\.([a-z]+)\.\S*[":]') == doors.DERIVED
    assert found_in_code(r'"fairqueue\.\{(\w+)\}') == {"kind"}


def test_whoever_signs_in_another_file_must_tell_the_attack() -> None:
    pattern = r"(?m)^(?:import hmac|from hmac|from itsdangerous)|blake2b|secret_key\.encode"
    signers = {path for path, text in SOURCES.items() if re.search(pattern, text)}
    assert signers == SIGNERS | COMPARERS


def test_a_new_cookie_or_field_of_the_session_must_be_told_to_the_attack() -> None:
    known = doors.SIGNED_COOKIES | doors.HINTS | {doors.SESSION}
    assert found_in_code(r"\bfq_[a-z]+") == known
    assert found_in_code(r'session(?:\[|\.get\()"(\w+)"') == {"form", "halfway"}


@pytest.mark.parametrize("kind", doors.KINDS)
def test_no_forgery_is_the_token_or_is_read_as_one(kind: str) -> None:
    made = doors.KINDS[kind]
    values = [1 if type_ is int else "abcdefghijklmnop" for type_ in made.TYPES]
    right = made(*values).sign(SECRET_KEY)
    forged = list(forgeries(kind, right))
    assert len(forged) > 2 * len(right)
    for why, text in forged:
        assert text != right, why
        assert made.read(text, SECRET_KEY) is None, why
    assert made.read(right, SECRET_KEY) == made(*values)


def test_each_door_has_a_name_of_its_own() -> None:
    names = [door.name for door in doors.DOORS]
    assert len(set(names)) == len(names) > 15
