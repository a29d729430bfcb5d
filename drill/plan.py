"""Which faults are struck, in which order, alone or together: all of it from the seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from drill.strikes import KINDS

# While the gateway is away for a minute, so many others are struck, one after the other.
COMPANIONS = 3
# Half of the faults are struck alone, so that their healing can be measured.
ALONE = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """One or more faults at once; `chance` is the seed of what is drawn while striking."""

    kinds: tuple[str, ...]
    chance: int

    @property
    def alone(self) -> bool:
        return len(self.kinds) == 1


def plan(faults: int, seed: int, only: Sequence[str] = ()) -> list[Step]:
    """So many faults. Each kind comes before any kind comes again, first alone, then in company
    of faults that strike other servers; with `only`, these kinds alone and in this order."""
    chance = random.Random(seed)
    if only:
        names = [only[number % len(only)] for number in range(faults)]
        return [_step(chance, name) for name in names]
    deck: list[str] = []
    while len(deck) < faults:
        deck += chance.sample(sorted(KINDS), len(KINDS))
    deck = deck[:faults]
    first = max(round(faults * ALONE), min(faults, len(KINDS)))
    alone = [_step(chance, name) for name in deck[:first]]
    steps = alone + _together(deck[first:], chance)
    chance.shuffle(steps)
    return steps


def _together(names: Sequence[str], chance: random.Random) -> list[Step]:
    left, steps = list(names), []
    while left:
        group = [left.pop(0)]
        size = 1 + COMPANIONS if group[0] == "gateway_away" else 2
        for name in list(left):
            if len(group) == size:
                break
            if _goes_with(name, group):
                group.append(name)
                left.remove(name)
        steps.append(_step(chance, *group))
    return steps


def _goes_with(name: str, group: Sequence[str]) -> bool:
    if group[0] == "gateway_away":
        # Struck one after the other, so they may share a server.
        return KINDS[name].server != "gateway"
    # Keep the long ones for steps of their own.
    return name != "gateway_away" and KINDS[name].server not in {KINDS[n].server for n in group}


def _step(chance: random.Random, *kinds: str) -> Step:
    return Step(kinds, chance.getrandbits(32))
