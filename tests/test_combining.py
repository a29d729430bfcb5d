"""Questions at the same time are asked as one, and each has its own answer."""

from __future__ import annotations

import random
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from time import sleep
from typing import Any

import pytest

from app.combining import Asked, Combiner
from drill.stage import wait_until


class Server:
    """Doubles numbers; it can be made to take its time, and knows who was asked together."""

    def __init__(self) -> None:
        self.trips: list[list[int]] = []
        self.goes_on = Event()
        self.goes_on.set()
        self.at_work = 0

    def __call__(self, asked: list[Asked[int]]) -> None:
        self.at_work += 1
        assert self.at_work == 1
        try:
            self.trips.append([each.question for each in asked])
            assert self.goes_on.wait(10)
            if 0 in self.trips[-1]:
                raise ZeroDivisionError
            for each in asked:
                each.answer = 2 * each.question
        finally:
            self.at_work -= 1


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def combiner(server: Server) -> Combiner[int]:
    return Combiner(server)


def test_who_comes_alone_is_asked_for_alone(server: Server, combiner: Combiner[int]) -> None:
    assert [combiner.ask(1), combiner.ask(2)] == [2, 4]
    assert server.trips == [[1], [2]]
    assert not combiner.is_asking


def meanwhile(
    server: Server, combiner: Combiner[int], pool: ThreadPoolExecutor, questions: list[int]
) -> list[Future[Any]]:
    """Ask 1, and these one after the other while 1 is not answered yet."""
    server.goes_on.clear()
    asked = [pool.submit(combiner.ask, 1)]
    assert wait_until(lambda: server.trips[-1:] == [[1]], 10, 0.001)
    assert combiner.is_asking
    for count, question in enumerate(questions, 1):
        asked.append(pool.submit(combiner.ask, question))
        assert wait_until(lambda count=count: len(combiner._next) == count, 10, 0.001)  # type: ignore[misc]
    server.goes_on.set()
    return asked


def test_who_come_while_somebody_waits_go_out_as_one(
    server: Server, combiner: Combiner[int]
) -> None:
    with ThreadPoolExecutor(5) as pool:
        asked = meanwhile(server, combiner, pool, [2, 3, 4])
        assert [each.result(10) for each in asked] == [2, 4, 6, 8]
    assert server.trips == [[1], [2, 3, 4]]


def test_a_failure_is_told_to_those_it_was_asked_for_and_to_nobody_else(
    server: Server, combiner: Combiner[int]
) -> None:
    with ThreadPoolExecutor(5) as pool:
        first, *asked = meanwhile(server, combiner, pool, [2, 0])
        assert first.result(10) == 2
        for each in asked:
            with pytest.raises(ZeroDivisionError):
                each.result(10)
    assert combiner.ask(5) == 10


def test_others_are_asked_for_while_something_remains_to_be_done(server: Server) -> None:
    done: list[list[int]] = []
    goes_on = Event()

    def afterwards(asked: list[Asked[int]]) -> None:
        assert goes_on.wait(10) or asked[0].question != 1
        done.append([each.answer for each in asked])

    combiner = Combiner(server, afterwards)
    with ThreadPoolExecutor(5) as pool:
        first, *others = meanwhile(server, combiner, pool, [2, 3])
        assert wait_until(lambda: server.trips == [[1], [2, 3]], 10, 0.001)
        assert not first.done(), "who has an answer hears it when all is done"
        goes_on.set()
        assert [each.result(10) for each in (first, *others)] == [2, 4, 6]
    assert sorted(done) == [[2], [4, 6]]
    assert not combiner.is_asking


def test_what_fails_remains_without_an_end_and_what_fails_at_the_end_is_told(
    server: Server,
) -> None:
    done: list[int] = []

    def afterwards(asked: list[Asked[int]]) -> None:
        done.extend(each.question for each in asked)
        raise LookupError

    combiner = Combiner(server, afterwards)
    with pytest.raises(ZeroDivisionError):
        combiner.ask(0)
    assert done == []
    with pytest.raises(LookupError):
        combiner.ask(1)
    assert done == [1]
    assert not combiner.is_asking


def test_everybody_has_an_answer_of_their_own_however_they_come(
    server: Server, combiner: Combiner[int]
) -> None:
    def ask(thread: int) -> None:
        chance = random.Random(thread)
        for number in range(1, 300):
            if chance.random() < 0.1:
                sleep(chance.random() / 1000)
            question = 1000 * thread + number
            assert combiner.ask(question) == 2 * question

    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(ask, thread) for thread in range(12)]:
            done.result(60)
    every = {1000 * thread + number for thread in range(12) for number in range(1, 300)}
    assert len(every) == sum(len(trip) for trip in server.trips)
    assert every == {question for trip in server.trips for question in trip}
    assert not combiner.is_asking
