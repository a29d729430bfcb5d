"""What the readiness list says of servers, beats and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.readiness import Limits, of_beats, of_rate, of_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class A:
    """A check; ages in seconds."""

    asked: float | None = None
    answered: float | None = None
    ok: bool | None = None

    @property
    def asked_at(self) -> datetime | None:
        return None if self.asked is None else NOW - timedelta(seconds=self.asked)

    @property
    def answered_at(self) -> datetime | None:
        return None if self.answered is None else NOW - timedelta(seconds=self.answered)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (None, "warm"),
        (A(asked=2), "asking"),
        (A(asked=2, answered=300, ok=True), "asking"),
        (A(asked=30), "bad"),
        (A(asked=30, answered=300, ok=True), "bad"),
        (A(asked=30, answered=29, ok=True), "good"),
        (A(asked=30, answered=29, ok=False), "bad"),
        (A(asked=7200, answered=7199, ok=True), "warm"),
    ],
    ids=[
        "never tried",
        "just asked",
        "asked again",
        "silent",
        "silent though it answered before",
        "works",
        "does not work",
        "worked long ago",
    ],
)
def test_a_server_is_ready_only_by_an_answer_that_is_fresh(check, verdict):
    assert of_server(check, NOW)[0] == verdict


def test_beats_go_only_while_they_were_seen_a_moment_ago():
    assert of_beats(None, NOW)[0] == "bad"
    assert of_beats(A(answered=9, ok=True), NOW)[0] == "good"
    assert of_beats(A(answered=40, ok=True), NOW)[0] == "bad"


# 5,000 tickets at two each, 60 a minute: 42 minutes.
SANE = Limits(
    capacity=5_000,
    max_per_fan=4,
    admit_per_minute=60,
    pass_capacity=100,
    pass_seconds=300,
    sale_seconds=7 * 24 * 3600,
)


def test_a_rate_that_fits_says_how_long_the_stock_lasts():
    verdict, said = of_rate(SANE)
    assert verdict == "good"
    assert said == ["If each buys 2, all tickets are claimed within 42 minutes."]


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({"sale_seconds": 1800}, "bad", "longer than the sale"),
        ({"pass_capacity": 20}, "warm", "The room inside is for 20 a minute"),
        ({"admit_per_minute": 60_000, "pass_capacity": 100_000}, "warm", "200 claims a second"),
        ({"capacity": 100}, "good", "Never more are inside than tickets are free"),
        ({"max_per_fan": 1}, "good", "If each buys one"),
    ],
)
def test_limits_that_do_not_fit_are_named(change, verdict, words):
    found, said = of_rate(replace(SANE, **change))
    assert found == verdict
    assert any(words in sentence for sentence in said), said
