"""How many came how far: joined, admitted, claimed, paid."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `of_first` and `of_before` are parts from 0 to 1; `of_before` is None for the
    first step, or when nobody came to the step before."""

    name: str
    count: int
    of_first: float
    of_before: float | None


def steps(joined: int, admitted: int, claimed: int, paid: int) -> tuple[Step, ...]:
    """The four steps in order."""
    counts = {"joined": joined, "admitted": admitted, "claimed": claimed, "paid": paid}
    found: list[Step] = []
    for name, count in counts.items():
        before = found[-1].count if found else None
        found.append(
            Step(
                name,
                count,
                min(1.0, count / joined) if joined else 0.0,
                min(1.0, count / before) if before else None,
            )
        )
    return tuple(found)
