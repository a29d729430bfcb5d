"""Which passwords staff may have."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select

from app import extensions
from app.domain import errors
from app.domain.staff import Origin
from app.extensions import db
from app.services import common_passwords, staff
from app.store.models import Staff
from tests import factories

THERE = Origin("192.0.2.7", "00000000000000aa", "Firefox")
LONG = "x" * 60 + "ü🎟" * 34
KNOWN = "1q2w3e4r5t6y7u8i"


@pytest.fixture
def member(app):
    return staff.log_in(factories.a_staff_member().email, "password", THERE)


def test_the_list_of_common_passwords_is_the_one_that_was_measured():
    assert (
        hashlib.sha256(common_passwords._FILE.read_bytes()).hexdigest()
        == "c4a2f597a3de5f15e1c8529bc5369d2aef1f215a4082395172d311a51ef30556"
    )
    known = common_passwords._known()
    assert len(known) == 10_000
    assert all(12 <= len(one) <= staff.LONGEST_PASSWORD for one in known)


@pytest.mark.parametrize(
    "wanted",
    ["x" * 11, "x" + " " * 20 + "y", "x" * 129, KNOWN, f"{KNOWN} ", "QWERTYuiop123"],
)
def test_a_short_long_or_common_password_is_refused_wherever_one_is_chosen(member, wanted):
    with pytest.raises(errors.Invalid) as refused:
        staff.change_password(member, "password", wanted)
    assert list(refused.value.fields) == ["wanted"]
    with pytest.raises(errors.Refusal):
        staff.add("Lagos Live", "bisi@example.com", "Bisi", "support", wanted)


@pytest.mark.parametrize("wanted", [LONG, "  a sentence, with spaces  ", "пароль из двенадцати"])
def test_a_password_of_128_of_any_letters_counts_to_its_last_one(member, wanted):
    staff.change_password(member, "password", wanted)
    assert staff.log_in(member.email, wanted, THERE).id == member.id
    for other in (wanted[:-1], f"{wanted}!"):
        with pytest.raises(errors.LogInRefused):
            staff.log_in(member.email, other, THERE)


def test_a_password_is_kept_by_argon2id_at_the_cost_of_rfc_9106(member, dear_hashes):
    staff.change_password(member, "password", LONG)
    first = db.session.scalars(select(Staff.password_hash)).one()
    _, kind, version, cost, salt, _ = first.split("$")
    assert (kind, version, cost) == ("argon2id", "v=19", "m=65536,t=3,p=4")
    assert len(salt) * 6 >= 128
    assert staff.hashed(LONG) != first


def test_without_the_products_own_key_a_hash_is_nobodys(member, settings):
    staff.change_password(member, "password", LONG)
    kept = db.session.scalars(select(Staff.password_hash)).one()
    db.session.rollback()
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(kept.removeprefix("keyed:"), LONG)
    extensions.settings.bind(replace(settings, secret_key="another key, of a thief"), None)
    with pytest.raises(errors.LogInRefused):
        staff.log_in(member.email, LONG, THERE)
    extensions.settings.bind(settings, None)
    assert staff.log_in(member.email, LONG, THERE).id == member.id


def test_a_common_password_of_before_opens_nothing_any_more(member, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(staff, "is_common", lambda password: False)
        staff.change_password(member, "password", KNOWN)
    with pytest.raises(errors.PasswordCommon):
        staff.log_in(member.email, KNOWN, THERE)
    with pytest.raises(errors.LogInRefused) as wrong:
        staff.log_in(member.email, f"{KNOWN}8", THERE)
    assert not isinstance(wrong.value, errors.PasswordCommon)
