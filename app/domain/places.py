"""The life of one place in a line, and the rule that it only moves forward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

WAITING = "waiting"
ADMITTED = "admitted"
USED = "used"
LEFT = "left"
EXPIRED = "expired"
MERGED = "merged"
# Staff want it to go, and the fan may say why not: it keeps its number, and nobody is let in.
SUSPENDED = "suspended"
REMOVED = "removed"

LIVE = (WAITING, ADMITTED)
ENDED = (USED, LEFT, EXPIRED, MERGED, REMOVED)
# The moving line holds none of these.
OUT_OF_LINE = (*ENDED, SUSPENDED)


class Removal(NamedTuple):
    """Why staff want a place to go, as the fan reads it, and until when an appeal stops that.

    `appealed_at` is None without one, `decided_at` while the place is suspended; `answer` is what
    staff said to an appeal.
    """

    reason: str
    due_at: datetime
    appealed_at: datetime | None = None
    decided_at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """What Postgres knows of one place.

    `pass_until` is sale time in milliseconds (see Event.paused_ms), None while waiting. A used
    place has the reference of its claim; `claim_live` says that the claim is held or confirmed. A
    suspended or removed one has its `removal`.
    """

    place_id: str
    event_id: int
    visitor: str | None
    number: int
    epoch: int
    turn: int
    state: str
    pass_until: int | None
    fan_id: int | None
    merged_into: str | None
    claim_reference: str | None
    claim_live: bool
    removal: Removal | None = None


def rank(state: str) -> int:
    """waiting < admitted < every way a place can end. Raises ValueError for other words."""
    if state in ENDED:
        return 2
    return LIVE.index(state)


def moves_forward(turn: int, state: str, new_turn: int, new_state: str) -> bool:
    """Whether a place in (turn, state) may become (new_turn, new_state).

    A turn ends with a pass that ran out and put the place back in the line, so a later turn
    is always later. A place that has ended stays ended, whatever the journal still says.
    """
    if state in OUT_OF_LINE:
        return False
    return (new_turn, rank(new_state)) > (turn, rank(state))
