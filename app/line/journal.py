"""The journal: what happened to places, from the scripts that did it to Postgres.

Raises as app/line/line.py does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.line.client import line_client
from app.line.keys import keys_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One place as a script left it. `pass_until` is sale time in ms."""

    id: str
    place_id: str
    visitor: str | None
    number: int
    turn: int
    state: str
    pass_until: int | None
    # Of a join only (network_mark()).
    network: str | None = None

    @property
    def at_ms(self) -> int:
        """When, by Redis' clock in ms since 1970: the id of an entry begins with it."""
        return int(self.id.partition("-")[0])


def read(event_id: int, epoch: int, after: str, most: int) -> list[Entry]:
    """The entries after the one with the id `after`, oldest first."""
    keys = keys_of(event_id)
    reply = line_client.run("read_journal", epoch, (keys.epoch, keys.journal), after, most)
    return [_entry(line) for line in reply]


def trim(event_id: int, epoch: int, last: str, ended: Iterable[str]) -> int:
    """Forget the entries up to `last` and that these places ended: Postgres has it all now."""
    keys = keys_of(event_id)
    trimmed: int = line_client.run(
        "trim_journal", epoch, (keys.epoch, keys.journal, keys.ended), last, *ended
    )
    return trimmed


def _entry(line: bytes) -> Entry:
    id, place_id, visitor, number, turn, state, pass_until, network = line.decode().split(" ")
    return Entry(
        id=id,
        place_id=place_id,
        visitor=visitor or None,
        number=int(number),
        turn=int(turn),
        state=state,
        pass_until=int(pass_until) if pass_until else None,
        network=network or None,
    )
