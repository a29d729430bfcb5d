"""What a browser carries."""

from __future__ import annotations

import pytest

from app.domain.tokens import (
    CarryToken,
    ChallengeToken,
    ClaimLink,
    FanToken,
    FormToken,
    PassToken,
    PlaceToken,
    TicketToken,
    VisitorToken,
    new_id,
    sign,
)

KEY = "a key of the tests, and no other"
TOKENS = [
    VisitorToken("0123456789abcdef"),
    PlaceToken(3, 2, "-_34567890abcdef", 12),
    PassToken(3, 2, "-_34567890abcdef", 12, 0, 1_700_000_000_000),
    FanToken(77),
    ClaimLink("FQ-7K3M-9QXD-R2"),
    TicketToken("7K3M9QXDR2B04ZTV"),
    CarryToken("0123456789abcdef"),
    FormToken("0123456789abcdef"),
    ChallengeToken(3, "-_34567890abcdef", "0123456789abcdef", "0f" * 32, 1_700_000_000),
]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.KIND)
def test_a_signed_token_reads_back(token: PlaceToken) -> None:
    assert type(token).read(token.sign(KEY), KEY) == token


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.KIND)
def test_no_token_passes_for_another_kind(token: PlaceToken) -> None:
    text = token.sign(KEY)
    for other in TOKENS:
        if other is not token:
            assert type(other).read(text, KEY) is None


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.KIND)
def test_an_altered_token_is_nothing(token: PlaceToken) -> None:
    text = token.sign(KEY)
    kind = type(token)
    assert kind.read(text, KEY + "x") is None
    for index in range(len(text)):
        other = "A" if text[index] != "A" else "B"
        altered = text[:index] + other + text[index + 1 :]
        assert kind.read(altered, KEY) is None


@pytest.mark.parametrize(
    "text", [None, "", ".", "x", "a.b.c.d.e", "é.ü", "9" * 10_000, "\x00.\x00"]
)
def test_garbage_is_nothing(text: str | None) -> None:
    for token in TOKENS:
        assert type(token).read(text, KEY) is None


def test_well_signed_fields_of_the_wrong_form_are_nothing() -> None:
    assert PlaceToken.read(sign("place", "three.2.id.12", KEY), KEY) is None
    assert PlaceToken.read(sign("place", "3.2.id", KEY), KEY) is None


def test_ids_are_16_characters_without_a_dot() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 16 and "." not in one for one in ids)
