"""Questions that threads of one process have at the same time, asked as one.

Who comes while nobody asks, asks at once. Who comes while somebody else waits for an answer leaves
a question there, and the first of those asks for all of them next. Nobody waits for a clock, and
the more a process has to do, the more share a trip: flat combining (Hendler, Incze, Shavit and
Tzafrir, SPAA 2010), or a group commit where the trip ends in one.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar

Question = TypeVar("Question")


class Asked(Generic[Question]):
    """One question; `answer` is for whoever asks it to fill in."""

    __slots__ = ("_woken", "answer", "error", "leads", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.answer: Any = None
        self.error: BaseException | None = None
        # Whether its thread is the one that asks for all who wait.
        self.leads = False
        self._woken = Lock()
        self._woken.acquire()

    def wait(self) -> None:
        """Sleep until wake()."""
        self._woken.acquire()

    def wake(self) -> None:
        """The answer is there, or it leads now."""
        self._woken.release()


# What one thread does for all of these.
Work = Callable[[list[Asked[Question]]], None]


class Combiner(Generic[Question]):
    """`ask_all` fills in the answers of those it is given, or raises for all of them; one thread
    at a time calls it, and it must not wait for ever. `afterwards` is what remains to be done for
    those who have an answer, before they hear it: others are asked for meanwhile."""

    def __init__(self, ask_all: Work[Question], afterwards: Work[Question] | None = None) -> None:
        self._ask_all = ask_all
        self._afterwards = afterwards
        self._lock = Lock()
        self._led = False
        self._next: list[Asked[Question]] = []

    @property
    def is_asking(self) -> bool:
        """Whether who came now would wait for others first."""
        return self._led

    def ask(self, question: Question) -> Any:
        """The answer. Raises what `ask_all` raised for those that were asked together."""
        mine = Asked(question)
        with self._lock:
            mine.leads, self._led = not self._led, True
            self._next.append(mine)
        if not mine.leads:
            mine.wait()
        if mine.leads:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return mine.answer

    def _lead(self, mine: Asked[Question]) -> None:
        """Ask for all who have come by now; the first of those who come meanwhile leads next."""
        with self._lock:
            together, self._next = self._next, []
        _do(self._ask_all, together)
        with self._lock:
            following = self._next[:1]
            self._led = bool(following)
        for each in following:
            each.leads = True
            each.wake()
        if self._afterwards is not None and mine.error is None:
            _do(self._afterwards, together)
        for each in together:
            if each is not mine:
                each.wake()


def _do(work: Work[Question], together: list[Asked[Question]]) -> None:
    """Whatever it raises is told to all of them; nobody may sleep for ever."""
    try:
        work(together)
    except BaseException as exc:
        for each in together:
            each.error = exc
