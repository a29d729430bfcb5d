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
    """One place as a script left it. `at_ms` is Redis' clock, `pass_until` sale time in ms."""

    id: str
    place_id: str
    visitor: str | None
    number: int
    turn: int
    state: str
    pass_until: int | None
    at_ms: int


def read(event_id: int, epoch: int, after: str, most: int) -> list[Entry]:
    """The entries after the one with the id `after`, oldest first."""
    keys = keys_of(event_id)
    reply = line_client.run("read_journal", epoch, (keys.epoch, keys.journal), after, most)
    return [_entry(entry_id, fields) for entry_id, fields in reply]


def trim(event_id: int, epoch: int, last: str, ended: Iterable[str]) -> int:
    """Forget the entries up to `last` and that these places ended: Postgres has it all now."""
    keys = keys_of(event_id)
    trimmed: int = line_client.run(
        "trim_journal", epoch, (keys.epoch, keys.journal, keys.ended), last, *ended
    )
    return trimmed


def _entry(entry_id: bytes, fields: list[bytes]) -> Entry:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(
        id=entry_id.decode(),
        place_id=values[b"place"].decode(),
        visitor=values[b"visitor"].decode() or None,
        number=int(values[b"number"]),
        turn=int(values[b"turn"]),
        state=values[b"state"].decode(),
        pass_until=int(values[b"pass_until"]) if values[b"pass_until"] else None,
        at_ms=int(values[b"at"]),
    )
