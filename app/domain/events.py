"""An event as everyone but the database sees it, and the rules of its sale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.domain.errors import StateGone

DRAFT = "draft"
PUBLISHED = "published"
ON_SALE = "on_sale"
PAUSED = "paused"
CLOSED = "closed"

Phase = Literal["draft", "before", "on_sale", "paused", "closed"]
Availability = Literal["free", "none_free", "sold_out"]

# verb: (states it may be said in, the state it leads to)
VERBS: dict[str, tuple[tuple[str, ...], str]] = {
    "publish": ((DRAFT,), PUBLISHED),
    "open": ((PUBLISHED,), ON_SALE),
    "pause": ((ON_SALE,), PAUSED),
    "resume": ((PAUSED,), ON_SALE),
    "close": ((PUBLISHED, ON_SALE, PAUSED), CLOSED),
}


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One event with the counts and the epoch that went with it at `as_of` (Postgres' clock).

    `free`, `held` and `sold` count tickets. `epoch` is 0 while there is no line to join.
    `price` is in the smallest unit of `currency`; `paused_ms` is the length of all pauses
    that are over; `pause_next_word_at` is when the organiser of a paused sale promised to say
    more, if at all. `buyers` counts the live claims, whose holds end from `first_hold_ends_at` to
    `last_hold_ends_at` (None when none is held, or kept beyond its time by a payment). `proof` is
    how much each place has to work out before it claims (app/domain/proofs.py), `mark_joins` how
    many joins of one network within a minute mark their places, 0 for no marks.
    """

    id: int
    organisation_id: int
    slug: str
    title: str
    venue: str
    description: str
    starts_at: datetime
    time_zone: str
    state: str
    sale_starts_at: datetime
    sale_ends_at: datetime
    capacity: int
    price: int
    currency: str
    max_per_fan: int
    hold_seconds: int
    pass_seconds: int
    admit_per_minute: int
    pass_capacity: int
    message: str
    message_at: datetime | None
    pause_reason: str
    paused_at: datetime | None
    pause_next_word_at: datetime | None
    paused_ms: int
    epoch: int
    number_floor: int
    journaled_number: int
    guard_number: int | None
    guard_until: datetime | None
    free: int
    held: int
    sold: int
    as_of: datetime
    buyers: int = 0
    first_hold_ends_at: datetime | None = None
    last_hold_ends_at: datetime | None = None
    proof: str = "off"
    mark_joins: int = 30


def phase(facts: EventFacts, now: datetime) -> Phase:
    """Where the sale stands, for a fan: an armed sale is `before` until its first minute."""
    if facts.state == DRAFT:
        return "draft"
    if facts.state == CLOSED or now >= facts.sale_ends_at:
        return "closed"
    if facts.state == PAUSED:
        return "paused"
    if facts.state == PUBLISHED or now < facts.sale_starts_at:
        return "before"
    return "on_sale"


def phase_lasts(facts: EventFacts, now: datetime) -> float:
    """For how many seconds phase() cannot become another one, while the facts are these."""
    changes = [at for at in (facts.sale_starts_at, facts.sale_ends_at) if at > now]
    return (min(changes) - now).total_seconds() if changes else math.inf


def joinable(phase: Phase) -> bool:
    """Fans may stand in line before the sale starts and while it is paused."""
    return phase in ("before", "on_sale", "paused")


def availability(facts: EventFacts) -> Availability:
    """`none_free` when holds may still bring tickets back, `sold_out` when none is held."""
    if facts.free > 0:
        return "free"
    return "none_free" if facts.held > 0 else "sold_out"


def sale_time_ms(facts: EventFacts, now: datetime) -> int:
    """Sale time in milliseconds: time without the pauses. Passes run out in it, so a pause
    lengthens every pass by its own length and nothing has to be shifted."""
    return to_ms(facts.paused_at or now) - facts.paused_ms


def real_deadline(facts: EventFacts, pass_until: int, now: datetime) -> datetime:
    """The moment at which sale time will be `pass_until`, if no pause comes (or this one ended
    now)."""
    return now + timedelta(milliseconds=pass_until - sale_time_ms(facts, now))


def guarded_number(facts: EventFacts, now: datetime) -> int | None:
    """The highest number that may be admitted now, None when there is no limit.

    After a rebuild the browsers of the lost second get time to come back first.
    """
    if facts.guard_until is None or now >= facts.guard_until:
        return None
    return facts.guard_number


def more_time(seconds: int) -> int:
    """By how many seconds a time limit of so many can be made longer, once (WCAG 2.2.1): by half
    in whole minutes, two at least. Others wait for these tickets, so it is neither more nor more
    often."""
    return max(120, -(-seconds // 120) * 60)


def can(state: str, verb: str) -> bool:
    """Whether an event in this state may be told this verb."""
    return state in VERBS[verb][0]


def after(state: str, verb: str) -> str:
    """The state an event is in after a verb. Raises StateGone when it may not be told it."""
    if not can(state, verb):
        raise StateGone
    return VERBS[verb][1]


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
