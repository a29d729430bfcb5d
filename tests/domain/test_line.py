"""What the waiting page says."""

from __future__ import annotations

from bisect import bisect_left
from random import Random

import pytest

from app.domain import line as rules
from app.domain.line import (
    HEAD,
    STEP,
    Snapshot,
    eta_seconds,
    expected_rate,
    head_of,
    jitter,
    observed_rate,
    poll_delay,
    shown_state,
)


def snapshot(numbers: list[int], top: int = 0) -> Snapshot:
    """As lua/snapshot.lua takes it of a line with these numbers."""
    ranks = []
    rank = 0
    while rank < len(numbers):
        ranks.append(rank)
        if rank == len(numbers) - 1:
            break
        rank = min(max(rank + STEP, int(rank * 1.01)), len(numbers) - 1)
    return Snapshot(
        epoch=1,
        waiting=len(numbers),
        inside=0,
        free=0,
        last_number=max(numbers, default=0),
        admitted=0,
        top=top,
        ranks=tuple(ranks),
        numbers=tuple(numbers[rank] for rank in ranks),
    )


def test_the_estimate_is_within_one_percent_behind_the_head() -> None:
    # Gaps of very different size: others left, and a loss of Redis made a jump of a million.
    numbers = [n for n in range(1, 40_000) if n % 7 and n % 1000 > 90]
    numbers += list(range(1_000_000, 1_020_000, 3))
    taken = snapshot(numbers)
    for rank in range(HEAD, len(numbers), 97):
        assert abs(taken.ahead(numbers[rank]) - rank) <= rank / 100


def test_the_estimate_near_the_head_is_within_a_step() -> None:
    numbers = list(range(3, 3000, 2))
    taken = snapshot(numbers)
    for number in range(1, 1000):
        assert abs(taken.ahead(number) - bisect_left(numbers, number)) <= STEP


def test_behind_the_last_everybody_is_ahead() -> None:
    assert snapshot([1, 2, 3]).ahead(99) == 3
    assert snapshot([]).ahead(99) == 0


def test_far_back_begins_behind_the_head() -> None:
    taken = snapshot(list(range(1, 2001)))
    assert not taken.is_far_back(HEAD + 1)
    assert taken.is_far_back(HEAD + 2)
    assert taken.is_far_back(2000)
    assert not taken.is_far_back(2001), "a number that was not given yet needs a look"


@pytest.mark.parametrize("length", [0, 1, 499, 500])
def test_nobody_is_far_back_in_a_short_line(length: int) -> None:
    taken = snapshot(list(range(1, length + 1)))
    assert not any(taken.is_far_back(number) for number in range(1, length + 1))


def test_numbers_that_were_admitted_once_are_never_far_back() -> None:
    taken = snapshot(list(range(1, 2001)), top=1500)
    assert not taken.is_far_back(1400)
    assert taken.is_far_back(1501)


@pytest.mark.parametrize(
    ("state", "phase", "availability", "shown"),
    [
        ("waiting", "before", "free", "before"),
        ("waiting", "on_sale", "free", "waiting"),
        ("waiting", "on_sale", "none_free", "none_free"),
        ("waiting", "on_sale", "sold_out", "sold_out"),
        ("waiting", "paused", "sold_out", "paused"),
        ("waiting", "closed", "free", "closed"),
        ("admitted", "on_sale", "free", "admitted"),
        ("admitted", "on_sale", "none_free", "admitted"),
        ("admitted", "on_sale", "sold_out", "sold_out"),
        ("admitted", "paused", "free", "paused"),
        ("used", "closed", "sold_out", "claimed"),
        ("left", "closed", "free", "left"),
        ("expired", "on_sale", "free", "expired"),
    ],
)
def test_the_word_for_the_page(state: str, phase: str, availability: str, shown: str) -> None:
    assert shown_state(state, phase, availability) == shown  # type: ignore[arg-type]


def test_the_expected_wait() -> None:
    assert eta_seconds(120, 60, 0) == 120
    assert eta_seconds(0, 60, 0) == 0
    assert eta_seconds(60, 60, 300) == 360
    assert eta_seconds(10, 0, 0) is None


def test_the_slower_of_plan_and_observation_sets_the_pace() -> None:
    assert expected_rate(600, None) == 600
    assert expected_rate(600, 50.5) == 50.5
    assert expected_rate(600, 900) == 600
    assert expected_rate(600, 0.0) == 0


def test_a_line_that_stands_still_has_no_pace_to_promise() -> None:
    assert observed_rate(10, 60, full=True) == 10
    assert observed_rate(10, 20, full=False) == 30
    assert observed_rate(0, 20, full=False) == 0
    assert observed_rate(0, 19, full=False) is None, "too early to say"
    assert observed_rate(5, 19, full=True) == 0, "too early to promise the configured rate"


def delay(expected: int | None, planned: int | None, chance: float, state: str = "waiting") -> int:
    return jitter(poll_delay(state, expected, planned), chance)


def test_who_may_not_be_told_their_rank_asks_neither_at_once_nor_late() -> None:
    delays = {delay(None, None, c / 100) for c in range(101)}
    assert (min(delays), max(delays)) == (8, 12)


@pytest.mark.parametrize(
    "state", ["waiting", "before", "paused", "none_free", "admitted", "sold_out"]
)
@pytest.mark.parametrize("planned", [None, 0, 60, 7200])
@pytest.mark.parametrize("expected", [None, 0, 60, 7200])
def test_delays_stay_between_2_and_30_seconds(
    state: str, planned: int | None, expected: int | None
) -> None:
    delays = [delay(expected, planned, chance / 100, state) for chance in range(101)]
    assert min(delays) >= 2
    assert max(delays) <= 30


def test_delays_grow_with_the_wait_and_are_spread() -> None:
    def spread(wait: int) -> set[int]:
        return {delay(wait, wait, c / 100) for c in range(101)}

    assert spread(3) == {2, 3}
    assert max(spread(3)) < min(spread(40))
    assert min(spread(3000)) == 21
    assert max(spread(3000)) == 30
    assert len(spread(3000)) >= 8


def test_before_the_sale_the_head_asks_often_only_at_its_start() -> None:
    assert delay(3600, 3600, 0.5, "before") >= 20
    assert delay(4, 4, 0.5, "before") <= 3


@pytest.mark.parametrize("state", ["before", "waiting", "paused", "none_free"])
@pytest.mark.parametrize("rate", [60, 600, 3000, 6000])
def test_fifty_thousand_who_wait_ask_at_most_2500_times_a_second(state: str, rate: int) -> None:
    """Whether the line moves as planned, at half the pace, or nobody knows."""
    for pace in (1, 2, None):
        load = 0.0
        for ahead in range(0, 50_000, 10):
            planned = ahead * 60 // rate
            expected = planned * pace if pace and state in ("before", "waiting") else None
            mean = sum(delay(expected, planned, c / 10, state) for c in range(11)) / 11
            load += 10 / mean
        assert load <= 2500, (pace, load)


@pytest.mark.parametrize("rate", [600, 1200, 3000, 6000])
@pytest.mark.parametrize("slow", [1, 3, 20])
def test_nobody_within_the_next_200_learns_of_the_turn_more_than_5_s_late(
    rate: int, slow: int
) -> None:
    """The line moves `slow` times slower than planned, and from any moment on as fast as it may:
    two seconds' worth at once, as the bucket allows, then a beat every second."""
    chance = Random(5).random
    for ahead in range(0, 200, 3):
        for _ in range(20):
            planned = ahead * 60 / rate
            asked_again = delay(round(planned * slow), round(planned), chance())
            # The moment just after a poll is the worst at which the line can begin to run.
            turn = max(0.0, planned - 2)
            now = float(asked_again)
            while now < turn:
                left = max(0, ahead - int((now + 2) * rate / 60)) * 60 / rate
                now += delay(round(left), round(left), chance())
            assert now - turn <= 5, (ahead, now, turn)


def test_the_head_grows_with_the_pace() -> None:
    assert head_of(600) == HEAD
    assert head_of(60_000) == 4000
    taken = snapshot(list(range(1, 9001)))
    assert taken.is_far_back(3000)
    assert not taken.is_far_back(3000, head_of(60_000))
    assert taken.is_far_back(4100, head_of(60_000))


@pytest.mark.parametrize(
    ("configured", "observed", "expected"),
    [
        (60, None, 0.5),
        (60, 60.0, 0.0),
        (60, 55.0, 0.0),
        (60, 40.0, 1 / 40**0.5),
        (600, 100.0, 0.15),
        (60, 2.0, 0.5),
        (60, 0.0, 0.0),
    ],
)
def test_a_wait_is_as_uncertain_as_its_pace(configured, observed, expected) -> None:
    assert rules.uncertainty(configured, observed) == pytest.approx(expected)


def test_a_wait_is_a_range_when_unsure_and_never_shorter_than_the_plan() -> None:
    assert rules.eta_range(600, 600, 0, 0.0, True) == (600, 600)
    assert rules.eta_range(600, 600, 0, 0.5, False) == (600, 900)
    assert rules.eta_range(600, 540, 0, 0.2, True) == (540, 720)
    # The time until the sale starts is certain.
    assert rules.eta_range(1600, 1600, 1000, 0.5, False) == (1600, 1900)


def test_what_is_usually_bought_is_what_was_bought_once_enough_have() -> None:
    assert rules.usual(10, 5, 4) == rules.Usual(1, 4, False)
    assert rules.usual(50, 20, 4) == rules.Usual(2.5, 2.5, True)


@pytest.mark.parametrize(
    ("ahead", "free", "expected"),
    [(0, 1, "likely"), (39, 100, "likely"), (41, 100, "uncertain"), (76, 100, "unlikely")],
)
def test_the_chance_compares_the_people_ahead_with_the_tickets_left(ahead, free, expected) -> None:
    assert rules.chance(ahead, free, rules.usual(40, 20, 4)) == expected


def test_before_anybody_bought_only_the_rules_are_known() -> None:
    unknown = rules.usual(0, 0, 4)
    assert rules.chance(20, 100, unknown) == "likely"
    assert rules.chance(21, 100, unknown) == "uncertain"
    assert rules.chance(150, 100, unknown) == "uncertain"
    assert rules.chance(151, 100, unknown) == "unlikely"
