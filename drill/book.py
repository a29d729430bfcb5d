"""What a crowd of fans saw, written down: by fan and by request, with times.

Times are `time.time()` of this machine, which is also the clock of the servers on it; durations
are in seconds. Books of several processes are added up with `merge`.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Refusal(NamedTuple):
    """An honest "not now": 429 or 503 with our words. `kind` is what was asked for."""

    at: float
    kind: str
    status: int
    error: str
    took: float


class Wrong(NamedTuple):
    """What must not happen, in a sentence; `fan` is the fan's name."""

    at: float
    fan: str
    kind: str
    what: str


class Failure(NamedTuple):
    """No answer: the connection broke, was refused, or stayed silent for too long. What closed
    before any byte has been repeated once already."""

    at: float
    kind: str
    why: str
    took: float


class Seen(NamedTuple):
    """One answer, kept only in a book with a trail."""

    at: float
    kind: str
    status: int
    took: float


@dataclass(slots=True)
class Story:
    """One fan's day. `number` is None until they have a place.

    `states` are the changes of what the waiting page said. `turn_heard_at` is when the page first
    said that it was their turn, None also for those who were asleep then. `outcome` is a word of
    Fan's docstring, "still asking" until the end.
    """

    fan: str
    came_at: float
    asked_at: float | None = None
    joined_at: float | None = None
    number: int | None = None
    place_id: str = ""
    states: list[tuple[str, float]] = field(default_factory=list)
    turn_heard_at: float | None = None
    claim: str = ""
    quantity: int = 0
    declined: bool = False
    paid_at: float | None = None
    outcome: str = "still asking"
    ended_at: float | None = None


class Book:
    """Everything that the fans of one process saw.

    `stories`: one per fan who came. `refusals`, `wrong` and `failures` as above; `answers` counts
    answers by (kind, status); `took` has the durations by kind; `repeats` counts answers that had
    to be asked for twice because a connection closed before any byte; `hung_up` counts the
    requests that fans hung up on; `messages` counts what the waiting page's message said ("Your
    place is safe" while Redis is away). With `trail` each answer is kept in `seen`.
    """

    def __init__(self, trail: bool = False) -> None:
        self.stories: list[Story] = []
        self.refusals: list[Refusal] = []
        self.wrong: list[Wrong] = []
        self.failures: list[Failure] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self.took: dict[str, array[float]] = {}
        self.repeats: Counter[str] = Counter()
        self.hung_up: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.seen: list[Seen] | None = [] if trail else None

    def answered(self, kind: str, status: int, took: float, repeated: bool) -> None:
        self.answers[kind, status] += 1
        times = self.took.get(kind)
        if times is None:
            times = self.took[kind] = array("f")
        times.append(took)
        if repeated:
            self.repeats[kind] += 1
        if self.seen is not None:
            self.seen.append(Seen(time.time(), kind, status, took))

    def refused(self, kind: str, status: int, error: str, took: float) -> None:
        self.refusals.append(Refusal(time.time(), kind, status, error, took))

    def went_wrong(self, fan: str, kind: str, what: str) -> None:
        self.wrong.append(Wrong(time.time(), fan, kind, what))

    def failed(self, kind: str, why: str, took: float) -> None:
        self.failures.append(Failure(time.time(), kind, why, took))

    def merge(self, other: Book) -> None:
        self.stories += other.stories
        self.refusals += other.refusals
        self.wrong += other.wrong
        self.failures += other.failures
        self.answers += other.answers
        self.repeats += other.repeats
        self.hung_up += other.hung_up
        self.messages += other.messages
        for kind, times in other.took.items():
            self.took.setdefault(kind, array("f")).extend(times)
        if self.seen is not None and other.seen is not None:
            self.seen += other.seen

    @property
    def requests(self) -> int:
        return sum(self.answers.values())

    def outcomes(self) -> Counter[str]:
        return Counter(story.outcome for story in self.stories)

    def order_of_joining(self) -> int:
        """How many fans got a lower number than somebody who had theirs before they asked."""
        joined = sorted(
            (s for s in self.stories if s.number is not None and s.joined_at is not None),
            key=lambda story: story.number or 0,
            reverse=True,
        )
        first, inverted = float("inf"), 0
        for story in joined:
            assert story.asked_at is not None
            assert story.joined_at is not None
            inverted += story.asked_at > first
            first = min(first, story.joined_at)
        return inverted


def share(times: array[float] | list[float], part: float) -> float | None:
    """The value that `part` (0 to 1) of the times do not exceed; None without any."""
    if not times:
        return None
    ordered = sorted(times)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * part))])
