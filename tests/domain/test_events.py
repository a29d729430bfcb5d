"""The rules of a sale."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import StateGone
from app.domain.events import (
    EventFacts,
    after,
    availability,
    can,
    guarded_number,
    joinable,
    phase,
    phase_lasts,
    real_deadline,
    sale_time_ms,
    to_ms,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVENT = EventFacts(
    id=1,
    organisation_id=1,
    slug="a-night",
    title="A night",
    venue="Eko Hotel",
    description="",
    starts_at=NOON + 240 * HOUR,
    time_zone="Africa/Lagos",
    state="on_sale",
    sale_starts_at=NOON,
    sale_ends_at=NOON + 24 * HOUR,
    capacity=100,
    price=500_000,
    currency="NGN",
    max_per_fan=4,
    hold_seconds=600,
    pass_seconds=300,
    admit_per_minute=60,
    pass_capacity=50,
    message="",
    message_at=None,
    pause_reason="",
    paused_at=None,
    pause_next_word_at=None,
    paused_ms=0,
    epoch=1,
    number_floor=0,
    journaled_number=0,
    guard_number=None,
    guard_until=None,
    free=10,
    held=0,
    sold=90,
    as_of=NOON,
)


@pytest.mark.parametrize(
    ("state", "now", "expected"),
    [
        ("draft", NOON + HOUR, "draft"),
        ("published", NOON - HOUR, "before"),
        ("published", NOON + HOUR, "before"),
        ("on_sale", NOON - HOUR, "before"),
        ("on_sale", NOON, "on_sale"),
        ("on_sale", NOON + 24 * HOUR, "closed"),
        ("paused", NOON + HOUR, "paused"),
        ("paused", NOON + 25 * HOUR, "closed"),
        ("closed", NOON + HOUR, "closed"),
    ],
)
def test_phases(state: str, now: datetime, expected: str) -> None:
    assert phase(replace(EVENT, state=state), now) == expected


@pytest.mark.parametrize("state", ["draft", "published", "on_sale", "paused", "closed"])
@pytest.mark.parametrize("hours", [-1, 0, 1, 23.5, 24, 25])
def test_a_phase_lasts_until_an_end_of_the_sale_and_no_longer(state: str, hours: float) -> None:
    facts, now = replace(EVENT, state=state), NOON + hours * HOUR
    lasts = phase_lasts(facts, now)
    last = now + 100 * HOUR if math.isinf(lasts) else now + timedelta(seconds=lasts - 0.001)
    assert phase(facts, last) == phase(facts, now)
    if state == "on_sale" and hours < 24:
        assert phase(facts, now + timedelta(seconds=lasts)) != phase(facts, now)


def test_fans_join_before_during_and_in_a_pause() -> None:
    assert [
        p
        for p in ("draft", "before", "on_sale", "paused", "closed")
        if joinable(p)  # type: ignore[arg-type]
    ] == ["before", "on_sale", "paused"]


@pytest.mark.parametrize(
    ("free", "held", "expected"),
    [(1, 0, "free"), (1, 9, "free"), (0, 1, "none_free"), (0, 0, "sold_out")],
)
def test_availability(free: int, held: int, expected: str) -> None:
    assert availability(replace(EVENT, free=free, held=held)) == expected


def test_sale_time_stands_still_in_a_pause_and_has_no_gaps() -> None:
    assert sale_time_ms(EVENT, NOON) == to_ms(NOON)
    paused = replace(EVENT, paused_at=NOON)
    assert sale_time_ms(paused, NOON + HOUR) == to_ms(NOON)
    resumed = replace(EVENT, paused_ms=3_600_000)
    assert sale_time_ms(resumed, NOON + HOUR) == to_ms(NOON)


def test_the_real_deadline_of_a_pass_moves_with_the_pauses() -> None:
    pass_until = sale_time_ms(EVENT, NOON) + 300_000
    assert real_deadline(EVENT, pass_until, NOON) == NOON + timedelta(minutes=5)
    resumed = replace(EVENT, paused_ms=3_600_000)
    assert real_deadline(resumed, pass_until, NOON + HOUR) == NOON + HOUR + timedelta(minutes=5)
    paused = replace(EVENT, paused_at=NOON + timedelta(minutes=1))
    at = NOON + HOUR
    assert real_deadline(paused, pass_until, at) == at + timedelta(minutes=4)


def test_the_guard_ends_by_itself() -> None:
    assert guarded_number(EVENT, NOON) is None
    guarded = replace(EVENT, guard_number=0, guard_until=NOON + HOUR)
    assert guarded_number(guarded, NOON) == 0, "nobody at all, if nothing was journaled"
    assert guarded_number(guarded, NOON + HOUR) is None


def test_the_verbs_lead_from_draft_to_closed() -> None:
    state = "draft"
    for verb in ("publish", "open", "pause", "resume", "pause", "close"):
        state = after(state, verb)
    assert state == "closed"


@pytest.mark.parametrize(
    ("state", "verb"),
    [("draft", "open"), ("closed", "resume"), ("closed", "close"), ("published", "pause")],
)
def test_a_verb_that_does_not_fit_is_refused(state: str, verb: str) -> None:
    assert not can(state, verb)
    with pytest.raises(StateGone):
        after(state, verb)
