"""What a fan in the line is told: where they stand, how long it may take, when to ask again.

Near the head the answer comes from Redis and is exact. Further back it comes from a snapshot
that is a second old: every 1 % of the line a pivot, so that "about 12,000 ahead" is within 1 %.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from app.domain.events import Availability, Phase
from app.domain.places import Removal
from app.domain.said import say
from app.domain.tokens import PassToken, PlaceToken

# So many at the head of the line are told their exact rank, at the price of a trip to Redis.
HEAD = 500
# Pivots are this far apart, and 1 % of their rank further back; HEAD is one of them.
STEP = 5

LONGEST_POLL_S = 30
# A delay is stretched or shortened by up to this part, so that fans who came together do not
# keep asking together.
_JITTER = 0.2

SAFE = say("The line cannot be reached for a moment. Your place is safe.")
STANDS = say("Nothing can be sold for a moment, so nobody is let in. Your place is safe.")

# A pace is believed once it was watched for so long: a beat that stutters is no standstill.
_AT_LEAST_S = 20.0
# Who may not be told how many are ahead asks again after so long: neither as often as the head
# of the line, nor so late that they learn of their turn when it is half over.
_UNKNOWN_POLL_S = 10.0
# Who chooses tickets is shown what is left of the pass and of the tickets.
_TURN_POLL_S = 5.0

# A wait at a pace that nobody has seen yet may turn out longer by this part. One that was seen is
# uncertain by what chance makes of so few admissions, and never by less than the other.
_UNSEEN = 0.5
_SEEN = 0.15
# A line is as fast as planned if it is not slower than this part of the plan.
_AS_PLANNED = 0.9

# So many buyers say what is usually bought; of fewer, only the rules are known.
_BUYERS_THAT_TELL = 20
# Likely: even if all before somebody buy, a fifth is left over. Unlikely: half more than there are
# would have to be left. Some of those before will not buy, so the second is kinder than the first.
_LIKELY = 0.8
_UNLIKELY = 1.5

# States that will not change any more: the page need not ask again.
FINISHED = frozenset({"left", "expired", "removed", "claimed", "closed"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The line of one event at one moment.

    `admitted` counts the admissions of this epoch and `top` is the highest number ever admitted.
    `numbers[i]` is the number of the place with exactly `ranks[i]` places before it: a pivot.
    The first pivot is the head of the line and the last its end.
    """

    epoch: int
    waiting: int
    inside: int
    free: int
    last_number: int
    admitted: int
    top: int
    ranks: tuple[int, ...]
    numbers: tuple[int, ...]

    def is_far_back(self, number: int, head: int = HEAD) -> bool:
        """Whether a place with this number can only be waiting, behind the first `head`.

        A number up to `top` may be that of a place that was admitted, even if many places went
        back in before it since.
        """
        after, until = self.far_back(head)
        return after < number <= until

    def far_back(self, head: int = HEAD) -> tuple[int, int]:
        """The numbers of those who are, as (the last before them, the last of them)."""
        index = bisect_left(self.ranks, head)
        if index == len(self.ranks):
            return self.last_number, self.last_number
        return max(self.numbers[index], self.top), self.last_number

    def depth(self, number: int) -> int:
        """Between which two pivots this number is: all who are at one depth are told alike."""
        return bisect_left(self.numbers, number)

    def ahead_at(self, depth: int) -> int:
        """About how many places wait before those at this depth: within STEP or 1 %."""
        if depth == len(self.numbers):
            return self.waiting
        return (self.ranks[depth - 1] + self.ranks[depth]) // 2 if depth else 0

    def ahead(self, number: int) -> int:
        """About how many places wait before this number: within STEP or 1 %."""
        return self.ahead_at(self.depth(number))


class LineStatus(NamedTuple):
    """What the waiting page shows.

    `state` is one of before, waiting, paused, admitted, overdue, none_free, sold_out, closed, left,
    expired, suspended, removed, claimed; overdue is a turn whose end no beat has looked at yet.
    `ahead` counts waiting places, exactly if `ahead_exact`. `eta_seconds` and `ahead` are None when
    nobody can know; the wait is between `eta_earliest` and `eta_latest` seconds, which are the same
    when the line moves as planned. `slow` says that it moves more slowly than that, because those
    inside take their time. `pass_until` is a moment, at which the pass ends unless a pause comes.
    `place_token` is what the browser is to carry from now on: another place's after a merge.
    `claim_live` says that the claim of a used place is held or paid. `line_safe` is False while
    Redis is away: the rest is then the last that was known, and `message` says that the place is
    safe. `removal` is why a place is suspended or removed.
    """

    state: str
    number: int
    ahead: int | None
    ahead_exact: bool
    eta_seconds: int | None
    eta_earliest: int | None
    eta_latest: int | None
    slow: bool
    next_poll_seconds: int
    message: str
    message_at: datetime | None
    updated_at: datetime
    pass_until: datetime | None
    pass_token: PassToken | None
    place_token: PlaceToken
    claim_reference: str | None
    claim_live: bool
    line_safe: bool
    removal: Removal | None = None


def head_of(admitted_per_minute: int) -> int:
    """How many at the head of the line may be admitted before a snapshot of it is renewed: the
    bucket's 2 s, the snapshot's second, and one to spare; HEAD at least."""
    return max(HEAD, admitted_per_minute * 4 // 60)


def shown_state(state: str, phase: Phase, availability: Availability) -> str:
    """The one word for the page, from the place's own state and the sale's.

    A place that ended says how, whatever the sale does; a suspended one says so until the sale is
    over. A fan with a pass may try for tickets
    that others hold, so only "sold out" hides a pass.
    """
    if state == "suspended" and phase == "closed":
        return phase
    if state not in ("waiting", "admitted"):
        return "claimed" if state == "used" else state
    if phase != "on_sale":
        return "before" if phase == "draft" else phase
    if availability == "sold_out" or state == "admitted":
        return "sold_out" if availability == "sold_out" else "admitted"
    return "none_free" if availability == "none_free" else "waiting"


def eta_seconds(ahead: int, admitted_per_minute: float, until_start: float) -> int | None:
    """Seconds until a place with so many before it is admitted; None when nobody moves.

    `until_start` is the time until the sale starts, in seconds, 0 once it has.
    """
    if admitted_per_minute <= 0:
        return None
    return round(max(0.0, until_start) + ahead * 60 / admitted_per_minute)


def uncertainty(configured: int, observed: float | None) -> float:
    """By which part a wait at the expected pace may turn out longer, or shorter; 0 when the line
    moves as planned. Rates are admissions per minute, observed over about a minute."""
    if observed is None:
        return _UNSEEN
    if observed <= 0 or observed >= configured * _AS_PLANNED:
        return 0.0
    return min(max(_SEEN, 1 / sqrt(observed)), _UNSEEN)


def eta_range(
    eta: int, planned: int, until_start: float, unsure: float, seen: bool
) -> tuple[int, int]:
    """(earliest, latest) seconds of a wait that is expected to be `eta`, and could not be shorter
    than `planned`. The time until the sale starts, a part of all three, is certain."""
    moving = max(0.0, eta - until_start)
    earliest = eta - moving * unsure if seen else eta
    return max(round(earliest), planned), round(eta + moving * unsure)


@dataclass(frozen=True, slots=True)
class Usual:
    """How many tickets a buyer takes: what the buyers so far took on average (`seen`), or the least
    and the most that the rules allow."""

    least: float
    most: float
    seen: bool


@lru_cache(maxsize=256)
def usual(taken: int, buyers: int, max_per_fan: int) -> Usual:
    """What is usually bought, from the tickets that so many buyers have taken."""
    if buyers < _BUYERS_THAT_TELL:
        return Usual(1, max_per_fan, False)
    average = taken / buyers
    return Usual(average, average, True)


def chance(ahead: int, free: int, bought: Usual) -> str:
    """likely, uncertain or unlikely: whether tickets will be left when so many before somebody have
    bought what is usual."""
    if ahead * bought.most <= free * _LIKELY:
        return "likely"
    return "unlikely" if ahead * bought.least > free * _UNLIKELY else "uncertain"


def observed_rate(admitted: int, seconds: float, full: bool) -> float | None:
    """Admissions per minute, from how many there were in so many seconds of an open sale with
    people waiting; 0 while the line stands still, None while that is too early to say.

    While the room inside is full, the line moves only as fast as fans choose their tickets. The
    length of a pass says nothing about that, so until the pace was seen there is none to promise.
    """
    if seconds >= _AT_LEAST_S:
        return max(0, admitted) * 60 / seconds
    return 0.0 if full else None


def expected_rate(configured: int, observed: float | None) -> float:
    """How many are admitted per minute: what was observed, if the room inside rather than the
    configured rate sets the pace; 0 if nobody is admitted at all."""
    if observed is None:
        return float(configured)
    return min(float(configured), observed)


def poll_delay(state: str, expected: int | None, planned: int | None) -> float:
    """When to ask again, in seconds, before jitter(): soon where something may happen soon.

    Half of the `expected` wait (None when nobody can know it), so that all who wait are at most
    2,500 a second where 50,000 do. And never so late that a line which suddenly moves as fast as
    it may has passed the place by for more than 5 s: `planned` is the wait at the configured
    rate, and admission may be 2 s ahead of that.
    """
    if state in ("before", "waiting", "paused", "none_free", "suspended"):
        delay = _UNKNOWN_POLL_S
        if planned is not None:
            delay = min((planned if expected is None else expected) / 2, (planned + 2) / 1.2)
    else:
        delay = _TURN_POLL_S if state in ("admitted", "overdue") else float(LONGEST_POLL_S)
    return min(max(delay, 2.4), 26)


def jitter(delay: float, chance: float) -> int:
    """`delay` as one fan is told it, from 2 to 30 s; `chance` is from 0 to 1."""
    # From 2.4 * 0.8 to 26 * 1.2 s: rounded, that is 2 to 31.
    return min(round(delay * (1 + _JITTER * (2 * chance - 1))), LONGEST_POLL_S)
