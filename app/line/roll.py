"""The roll call: how the Redis copy sees the places that Postgres calls live, and back.

Raises as app/line/line.py does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.places import PlaceFacts
from app.line.client import line_client
from app.line.keys import keys_of

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Roll:
    """How many places the copy holds in all, and how it sees those asked about:
    "waiting:<number>", "admitted:<number>" or "" (not at all)."""

    live: int
    seen: dict[str, str]


def call(event_id: int, epoch: int, place_ids: Sequence[str]) -> Roll:
    """Ask about at most 1,000 places."""
    keys = keys_of(event_id)
    waiting, inside, seen = line_client.run(
        "roll_call", epoch, (keys.epoch, keys.line, keys.places, keys.passes), *place_ids
    )
    words = seen.decode().split(",") if place_ids else []
    return Roll(waiting + inside, dict(zip(place_ids, words, strict=True)))


def members(event_id: int, epoch: int) -> Iterator[str]:
    """Every place that the copy holds, waiting or admitted, in chunks; it may change meanwhile."""
    keys = keys_of(event_id)
    for where in (keys.line, keys.passes):
        first = 0
        while chunk := line_client.run(
            "roll_members", epoch, (keys.epoch, where), first, first + CHUNK - 1
        ):
            yield from (place_id.decode() for place_id in chunk)
            first += CHUNK


def put(event_id: int, epoch: int, place_id: str, seen: str, fact: PlaceFacts | None) -> bool:
    """Make a place what Postgres says it is (None: not live), if the copy still sees it as
    `seen`; whether it was done."""
    keys = keys_of(event_id)
    values: tuple[str | int, ...] = ("", 0, 0, "", "")
    if fact is not None:
        values = (fact.state, fact.number, fact.turn, fact.visitor or "", fact.pass_until or "")
    done = line_client.run(
        "put_place",
        epoch,
        (keys.epoch, keys.line, keys.visitors, keys.places, keys.passes),
        place_id,
        seen,
        *values,
    )
    return bool(done)
