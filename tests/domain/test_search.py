"""What support may mean by what is typed into the search box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import search


@pytest.mark.parametrize(
    "text", ["Ada@Example.com", " ada@example.com ", "ada @ example.com", "ADA@EXAMPLE.COM\n"]
)
def test_an_address_is_an_address_in_any_case(text):
    meant = search.read(text)
    assert meant == search.Meant(email="ada@example.com")


@pytest.mark.parametrize(
    "text",
    ["FQ-7K3M-9QXD-R2", "fq 7k3m 9qxd r2", "7K3M9QXDR2", "fq7k3m9qxdr2", "FQ–7K3M–9QXD–R2"],
)
def test_a_claim_reference_is_forgiven_its_case_spaces_and_dashes(text):
    assert search.read(text).claim == "FQ-7K3M-9QXD-R2"


def test_letters_that_are_misheard_mean_the_digits():
    assert search.read("FQ-7KOM-9QXD-RI").claim == "FQ-7K0M-9QXD-R1"


@pytest.mark.parametrize(
    "text", ["FQ-7K3M-9QXD-R2-1", "fq 7k3m 9qxd r2 1", "FQ7K3M9QXDR21", "7k3m-9qxd-r2-1"]
)
def test_a_payment_reference_is_forgiven_too(text):
    meant = search.read(text)
    assert "FQ-7K3M-9QXD-R2-1" in meant.payments
    assert meant.claim is None


def test_the_twelfth_attempt_has_two_digits():
    assert "FQ-7K3M-9QXD-R2-12" in search.read("fq-7k3m-9qxd-r2-12").payments


@pytest.mark.parametrize("text", ["", "   ", "---", "\0"])
def test_nothing_means_nothing(text):
    assert not search.read(text).anything


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    meant = search.read(text)
    assert all(len(code) <= search.LONGEST * 3 for code in meant.codes)
    assert "\0" not in repr(meant).replace("\\x00", "\0")


@pytest.mark.parametrize(
    "typed",
    ["FQ-7K3M-9QXD-R3", "FQ-7K3M-9QDX-R2", "fq 7k3n 9qxd r2", "FQ-K73M-9QXD-R2"],
    ids=["a wrong letter", "two that changed places", "another wrong letter", "at the beginning"],
)
def test_a_reference_with_one_mistake_is_near_the_right_one(typed):
    assert "FQ-7K3M-9QXD-R2" in search.near(typed).claims
    assert search.read(typed).claim not in search.near(typed).claims


@pytest.mark.parametrize(
    "typed",
    [
        "ada@exmple.com",
        "ada@example.con",
        "aada@example.com",
        "daa@example.com",
        "ada@example.comm",
    ],
)
def test_an_address_with_one_mistake_is_near_the_right_one(typed):
    assert "ada@example.com" in search.near(typed).emails


@pytest.mark.parametrize("typed", ["ada@example.com" * 10, "a@b", "FQ-7K3M", "Ada Obi"])
def test_what_has_too_many_neighbours_or_none_has_none(typed):
    assert (search.near(typed).emails, search.near(typed).claims) == ((), ())


def test_beginnings_names_and_phone_numbers_are_near_what_holds_them():
    assert search.near("Ada").beginning == "ada"
    assert search.near("Ada  Obi") == search.Near(name="ada obi")
    assert search.near("0803 123-4567").phone == "8031234567"
    assert not search.near("ad").anything


@given(st.text())
def test_any_text_has_few_neighbours(text):
    near = search.near(text)
    assert len(near.emails) < 64 * 85
    assert len(near.claims) < 400
