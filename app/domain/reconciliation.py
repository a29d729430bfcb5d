"""What differs between the free ticket numbers of Redis and those of Postgres.

Redis is read first (free and leased), Postgres second: a number on its way from one to the
other is then seen as leased or as taken, never as missing. One look can still catch a number
in flight; a difference counts when two looks a second apart both show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Ticket numbers that Redis should offer and does not, and those it should not offer."""

    missing: frozenset[int] = frozenset()
    extra: frozenset[int] = frozenset()

    def __and__(self, other: Difference) -> Difference:
        return Difference(self.missing & other.missing, self.extra & other.extra)

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)

    def __len__(self) -> int:
        return len(self.missing) + len(self.extra)


def difference(
    redis_free: Set[int], leased: Mapping[int, int], now_ms: int, postgres_free: Set[int]
) -> Difference:
    """Compare one range of numbers; `leased` maps a number to the end of its lease.

    A lease that has run out no longer explains why a number is not offered. A number that is
    taken in Postgres and whose lease has run out is extra too: the lease is only litter.
    """
    on_lease = {number for number, until_ms in leased.items() if until_ms > now_ms}
    run_out = set(leased) - on_lease
    return Difference(
        missing=frozenset(postgres_free - redis_free - on_lease),
        extra=frozenset((redis_free | run_out) - postgres_free),
    )
