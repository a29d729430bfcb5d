"""Writing the Redis copy of an event anew, and dropping it when the line is long over.

Begin, chunks, end, in this order and by one rebuilder. Each step raises LineLost when the copy
of another epoch has taken over meanwhile, or another server answers: the rebuild is then over,
and nothing of it is valid.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.errors import LineLost
from app.line.client import line_client
from app.line.keys import keys_of

# What lua/drop.lua says of a journal that Postgres has not read to its end.
_UNREAD = -2


def is_valid(event_id: int, epoch: int) -> bool:
    """Whether this Redis holds a valid copy. Raises LineUnavailable."""
    try:
        line_client.run("check", epoch, (keys_of(event_id).epoch,))
    except LineLost:
        return False
    return True


def begin(event_id: int, epoch: int) -> None:
    """Wipe what is there."""
    line_client.run("rebuild_begin", epoch, keys_of(event_id).copy)


def add_free(event_id: int, epoch: int, numbers: Sequence[int]) -> None:
    """One chunk of free ticket numbers."""
    keys = keys_of(event_id)
    line_client.run("rebuild_free", epoch, (keys.building, keys.free), *numbers)


def add_places(event_id: int, epoch: int, places: str) -> None:
    """One chunk of live places, a line each as lua/rebuild_places.lua wants it; 1,000 at most."""
    keys = keys_of(event_id)
    line_client.run(
        "rebuild_places",
        epoch,
        (keys.building, keys.line, keys.visitors, keys.places, keys.passes),
        places,
    )


def add_gone(event_id: int, epoch: int, place_ids: Sequence[str]) -> None:
    """One chunk of places that ended while others behind them still wait."""
    keys = keys_of(event_id)
    line_client.run("rebuild_gone", epoch, (keys.building, keys.gone), *place_ids)


def end(event_id: int, epoch: int, last_number: int, top: int) -> None:
    """Make the copy valid; the next number given is `last_number + 1`, `top` is the highest
    number that was ever admitted."""
    keys = keys_of(event_id)
    line_client.run(
        "rebuild_end", epoch, (keys.building, keys.seq, keys.bucket, keys.epoch), last_number, top
    )


def drop(event_id: int, epoch: int, journal_id: str) -> bool | None:
    """Delete the copy, of whatever life it is, for good; whether there was anything. None if the
    journal of this epoch has entries behind `journal_id`: then nothing was done. Raises LineLost
    when a later life is here."""
    dropped = line_client.run("drop", epoch, keys_of(event_id).copy, journal_id)
    return None if dropped == _UNREAD else bool(dropped)
