"""References that people read aloud."""

from __future__ import annotations

import re

import pytest

from app.domain.references import (
    as_claim_reference,
    as_place_reference,
    as_ticket_code,
    claim_reference,
    payment_reference,
    place_reference,
    ticket_code,
)


def test_a_reference_has_fifty_random_bits_and_no_letter_that_is_misheard():
    references = {claim_reference() for _ in range(1000)}
    assert len(references) == 1000
    assert all(
        re.fullmatch(r"FQ-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-..", r) for r in references
    )


@pytest.mark.parametrize(
    "said", ["FQ-7K3M-9QXD-R2", "fq 7k3m 9qxd r2", "7K3M9QXDR2", " fq-7k3m9qxd-r2. "]
)
def test_a_reference_is_understood_however_it_is_said(said):
    assert as_claim_reference(said) == "FQ-7K3M-9QXD-R2"


def test_letters_that_are_misheard_are_heard_as_digits():
    assert as_claim_reference("FQ-oI3M-9QXD-l2") == "FQ-013M-9QXD-12"


@pytest.mark.parametrize(
    "said", ["", "ada@example.com", "FQ-7K3M", "FQ-7K3M-9QXD-R22", "FQ-7K3M-9QXD-RU"]
)
def test_what_cannot_be_a_reference_is_none(said):
    assert as_claim_reference(said) is None


def test_a_payment_reference_uses_only_what_the_gateway_allows():
    assert re.fullmatch(r"[A-Za-z0-9.=-]+", payment_reference(claim_reference(), 12))


def test_a_ticket_code_is_understood_however_it_is_said():
    code = ticket_code()
    said = f" {code[:4].lower()} {code[4:8]}-{code[8:12]} {code[12:].lower()}"
    assert as_ticket_code(said) == code
    assert as_ticket_code("7K3M9QXDR2B04ZT") is None


def test_a_places_reference_is_read_kindly_and_notices_what_was_misheard() -> None:
    written = place_reference(3, 1204)
    assert as_place_reference(written) == (3, 1204)
    assert as_place_reference(f" {written.lower().replace('-', ' ')} ") == (3, 1204)
    for wrong in ("P3-1240", "P3-1214", "P4-1204", "P3-12040"):
        assert as_place_reference(f"{wrong}-{written[-2:]}") is None
    for nonsense in ("", "P", "P3", "FQ-7K3M-9QXD-R2", "1204", "P3-1204"):
        assert as_place_reference(nonsense) is None
