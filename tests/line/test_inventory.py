"""Ticket numbers on their way from the free ones to a claim, and back."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Any

import pytest

from app.domain.errors import LineLost
from app.line import inventory, verbs
from app.line.inventory import ClaimInProgress, Fewer, Settled, Taken, Wanted
from app.line.keys import keys_of
from tests.factories import an_event, an_id

LEASE_MS = 10_000


@pytest.fixture
def event(app: Any) -> Any:
    return an_event(capacity=10)


def take(event: Any, fan: int, request: str, quantity: int = 2, lease_ms: int = LEASE_MS) -> Any:
    return inventory.take([Wanted(event.id, 1, fan, request, quantity)], lease_ms)[0]


def settle(event: Any, request: str, numbers: list[int], place: str, epoch: int = 1) -> None:
    inventory.settle([Settled(Wanted(event.id, epoch, 1, request, len(numbers)), numbers, place)])


def offered(event: Any) -> set[int]:
    return inventory.look(event.id, 1, 1, 1001)[0]


def leased(event: Any) -> set[int]:
    return set(inventory.look(event.id, 1, 1, 1001)[1])


def test_take_pops_the_lowest_numbers_on_lease(event: Any) -> None:
    assert take(event, 1, "a") == Taken([1, 2])
    assert take(event, 2, "b", 3) == Taken([3, 4, 5])
    free, leases, now_ms = inventory.look(event.id, 1, 1, 1001)
    assert free == {6, 7, 8, 9, 10}
    assert set(leases) == {1, 2, 3, 4, 5}
    assert all(now_ms < until <= now_ms + LEASE_MS for until in leases.values())


def test_a_script_repeated_with_the_same_request_id_pops_once(event: Any) -> None:
    assert take(event, 1, "a") == take(event, 1, "a") == Taken([1, 2])
    assert offered(event) == set(range(3, 11))


def test_repeated_by_many_threads_at_once_it_pops_once(
    event: Any, race: Callable[..., list[Any]]
) -> None:
    event_id = event.id
    answers = race(20, lambda _: inventory.take([Wanted(event_id, 1, 7, "same", 3)], LEASE_MS)[0])
    assert answers == [Taken([1, 2, 3])] * 20
    assert offered(event) == set(range(4, 11))


def test_one_fan_claims_once_at_a_time(event: Any) -> None:
    take(event, 1, "a")
    assert take(event, 1, "b") == ClaimInProgress()
    assert offered(event) == set(range(3, 11))
    inventory.give_back(event.id, 1, 1, "a", [1, 2], [])
    assert take(event, 1, "b") == Taken([1, 2])


def test_fewer_than_wanted_takes_nothing_and_locks_nobody(event: Any) -> None:
    take(event, 1, "a", 8)
    assert take(event, 2, "b", 3) == Fewer(2)
    assert take(event, 2, "c", 2) == Taken([9, 10])
    assert take(event, 3, "d", 1) == Fewer(0)


def test_settle_ends_the_leases_the_place_and_the_lock(event: Any) -> None:
    place, _ = verbs.join(event.id, 1, "ada", an_id())
    take(event, 1, "a")
    settle(event, "a", [1, 2], place)
    assert leased(event) == set()
    assert offered(event) == set(range(3, 11))
    assert verbs.status(event.id, 1, place).state == "unknown"
    assert take(event, 1, "b") == Taken([3, 4])


def test_after_settling_the_same_request_takes_nothing_more(event: Any) -> None:
    take(event, 1, "a")
    settle(event, "a", [1, 2], "no place")
    assert take(event, 1, "a") == Taken([1, 2])
    assert inventory.give_back(event.id, 1, 1, "a", [1, 2], []) == 0
    assert offered(event) == set(range(3, 11))


def test_only_the_owner_unlocks(event: Any) -> None:
    take(event, 1, "a")
    inventory.give_back(event.id, 1, 1, "somebody else", [], [])
    settle(event, "somebody else", [], "no place")
    assert take(event, 1, "b") == ClaimInProgress()


def test_give_back_offers_the_free_ones_and_forgets_the_others(event: Any) -> None:
    take(event, 1, "a", 3)
    assert inventory.give_back(event.id, 1, 1, "a", [1, 3], [2]) == 2
    assert offered(event) == {1, *range(3, 11)}
    assert leased(event) == set()


def test_give_back_twice_does_not_take_numbers_from_others(event: Any) -> None:
    take(event, 1, "a")
    inventory.give_back(event.id, 1, 1, "a", [1, 2], [])
    assert take(event, 2, "b") == Taken([1, 2])
    assert inventory.give_back(event.id, 1, 1, "a", [1, 2], []) == 0
    assert leased(event) == {1, 2}
    assert take(event, 3, "c") == Taken([3, 4])


def test_give_back_after_the_lease_is_left_to_reconciliation(event: Any) -> None:
    take(event, 1, "a", lease_ms=60)
    sleep(0.1)
    assert inventory.give_back(event.id, 1, 1, "a", [1, 2], []) == 0
    assert offered(event) == set(range(3, 11))
    assert inventory.heal(event.id, 1, [1, 2], []) == 2
    assert offered(event) == set(range(1, 11))


def test_adding_a_free_number_twice_changes_nothing(event: Any) -> None:
    inventory.drop_free(event.id, 1, [4, 5])
    assert inventory.add_free(event.id, 1, [4, 5]) == 2
    assert inventory.add_free(event.id, 1, [4, 5]) == 0
    assert offered(event) == set(range(1, 11))


def test_a_number_on_lease_is_not_offered_as_well(event: Any) -> None:
    take(event, 1, "a")
    assert inventory.add_free(event.id, 1, [1, 2]) == 0
    assert inventory.heal(event.id, 1, [1, 2], []) == 0
    assert offered(event) == set(range(3, 11))


def test_heal_drops_what_is_taken_and_leases_that_ran_out(event: Any) -> None:
    take(event, 1, "a", lease_ms=60)
    sleep(0.1)
    assert inventory.heal(event.id, 1, [], [1, 2, 9]) == 3
    assert leased(event) == set()
    assert offered(event) == {3, 4, 5, 6, 7, 8, 10}
    assert inventory.heal(event.id, 1, [], [1, 2, 9]) == 0


def test_heal_leaves_a_living_lease_alone(event: Any) -> None:
    take(event, 1, "a")
    assert inventory.heal(event.id, 1, [], [1, 2]) == 0
    assert leased(event) == {1, 2}


def test_thousands_of_numbers_at_once(app: Any) -> None:
    event = an_event(capacity=2)
    many = range(1, 5001)
    assert inventory.add_free(event.id, 1, many) == 4998
    assert inventory.look(event.id, 1, 1001, 2001)[0] == set(range(1001, 2001))
    assert inventory.drop_free(event.id, 1, many) == 5000


def test_nothing_happens_without_a_valid_copy(event: Any, line_redis: Any) -> None:
    keys = keys_of(event.id)
    for call in (
        lambda: inventory.take([Wanted(event.id, 2, 1, "a", 1)], LEASE_MS),
        lambda: inventory.give_back(event.id, 2, 1, "a", [1], []),
        lambda: inventory.add_free(event.id, 2, [99]),
        lambda: inventory.drop_free(event.id, 2, [1]),
        lambda: inventory.look(event.id, 2, 1, 10),
        lambda: inventory.heal(event.id, 2, [99], [1]),
    ):
        with pytest.raises(LineLost):
            call()
    # Nobody waits for the answer to this one, or hears what it is.
    settle(event, "a", [1], "p", epoch=2)
    assert line_redis.zcard(keys.free) == 10
    assert not line_redis.exists(keys.leases)
