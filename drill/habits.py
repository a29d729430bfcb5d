"""What one fan does, and how often in a crowd."""

from __future__ import annotations

import random
from dataclasses import dataclass

PAY, PAY_AND_GO, TRANSFER = "pay", "pay and go", "slow transfer"
DECLINED_ONCE, DECLINED_NEW = "declined once", "declined, starts again"
DECLINED_GOES, LEAVES, ABANDONS = "declined, goes", "leaves the checkout", "never pays"
GIVES_BACK = "gives back"
# How fans pay, and how many in a hundred do it so.
PAYING = {
    PAY: 60,
    PAY_AND_GO: 6,
    TRANSFER: 4,
    DECLINED_ONCE: 6,
    DECLINED_NEW: 5,
    DECLINED_GOES: 2,
    LEAVES: 5,
    ABANDONS: 7,
    GIVES_BACK: 5,
}


@dataclass(frozen=True, slots=True)
class Habits:
    """What one fan does.

    `looks_first`: opens the event page before joining. `leaves_after`: gives the place up after
    so many seconds of waiting, None never. `sleeps`: the phone is off when the turn comes, until
    the pass must be over. `proves_early`: proves the address when the turn is near, and otherwise
    only at the turn. `quantity` tickets are wanted, and fewer taken when only fewer are free.
    `paying` is one of the words in PAYING. `hangs_up`: closes the connection in mid-request once
    at joining, claiming and paying each, then asks again.
    """

    looks_first: bool = False
    leaves_after: float | None = None
    sleeps: bool = False
    proves_early: bool = True
    quantity: int = 1
    paying: str = PAY
    hangs_up: bool = False


def draw_habits(chance: random.Random) -> Habits:
    """The habits of somebody in a crowd."""
    return Habits(
        looks_first=chance.random() < 0.2,
        leaves_after=chance.uniform(5, 120) if chance.random() < 0.03 else None,
        sleeps=chance.random() < 0.05,
        proves_early=chance.random() < 0.8,
        quantity=chance.choices((1, 2, 3, 4), (30, 40, 15, 15))[0],
        paying=chance.choices(list(PAYING), list(PAYING.values()))[0],
        hangs_up=chance.random() < 0.02,
    )
