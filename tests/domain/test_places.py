"""A place only moves forward."""

from __future__ import annotations

import pytest

from app.domain.places import ENDED, moves_forward, rank


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0, "waiting"), (0, "admitted")),
        ((0, "waiting"), (0, "left")),
        ((0, "admitted"), (0, "used")),
        ((0, "admitted"), (1, "waiting")),
        ((1, "waiting"), (1, "admitted")),
        ((0, "waiting"), (2, "waiting")),
    ],
)
def test_forward(before: tuple[int, str], after: tuple[int, str]) -> None:
    assert moves_forward(*before, *after)
    assert not moves_forward(*after, *before)


@pytest.mark.parametrize("state", ENDED)
def test_what_has_ended_stays_ended(state: str) -> None:
    for later in ("waiting", "admitted", *ENDED):
        assert not moves_forward(0, state, 5, later)


def test_the_same_again_is_not_forward() -> None:
    assert not moves_forward(1, "admitted", 1, "admitted")


def test_an_unknown_word_is_a_fault() -> None:
    with pytest.raises(ValueError, match="not in"):
        rank("asleep")
