"""The journal's way into Postgres: one writer per event, the rows and the place reached in the
journal in one statement, and only then is the journal trimmed.

Dying between any two of these lines repeats some entries, and writing an entry twice changes
nothing: places only move forward.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection

from app.domain.errors import Conflict, LineUnavailable, NotNow
from app.domain.places import ADMITTED, ENDED, LIVE, OUT_OF_LINE, moves_forward
from app.line import journal, verbs
from app.line.journal import Entry
from app.store import lines, places
from app.store.db import autocommit_engine, translated
from app.store.places import Written

log = structlog.get_logger(__name__)

_BATCH = 1000


def journal_once() -> int:
    """Bring every event's journal into Postgres; how many entries it were."""
    with translated(), autocommit_engine().connect() as connection:
        event_ids = lines.with_journal(connection)
    written = 0
    for event_id in event_ids:
        try:
            with lines.writer(event_id) as connection_of_writer:
                if connection_of_writer is not None:
                    written += drain(connection_of_writer, event_id)
        except (NotNow, Conflict) as exc:
            # A copy that is away or not valid is the rebuild's affair, a row that is locked the
            # next beat's; other events go on.
            log.debug("journal waits", event_id=event_id, reason=exc.message)
    return written


def drain(connection: Connection, event_id: int) -> int:
    """Bring one event's journal into Postgres, for a caller who is its writer (lines.writer);
    how many entries it were. Raises NotNow."""
    line = lines.look(connection, event_id)
    if line is None:
        return 0
    written, last = 0, line.journal_id
    while True:
        entries = journal.read(event_id, line.epoch, last, _BATCH)
        if entries:
            last = entries[-1].id
            _write(connection, event_id, line.epoch, entries)
        written += len(entries)
        if len(entries) < _BATCH:
            return written


def _write(connection: Connection, event_id: int, epoch: int, entries: list[Entry]) -> None:
    found = furthest(entries)
    last = entries[-1].id
    places.write(connection, event_id, epoch, last, found)
    known = places.states(connection, [place.place_id for place in found])
    for place in found:
        if place.place_id not in known:
            log.error(
                "a number was given twice",
                event_id=event_id,
                number=place.number,
                place_id=place.place_id,
            )
    # Losing these calls leaves entries that are skipped next time, and ghosts that end later.
    with suppress(LineUnavailable):
        journal.trim(event_id, epoch, last, [p.place_id for p in found if p.state in ENDED])
        _end_ghosts(event_id, epoch, found, known)


def _end_ghosts(
    event_id: int, epoch: int, written: Iterable[Written], known: dict[str, str]
) -> None:
    """Take out places that Redis believes to be live and that have ended in Postgres, or are
    suspended there: the call that should have said so was lost."""
    for place in written:
        if place.state in LIVE and known.get(place.place_id) in OUT_OF_LINE:
            verbs.end_place(event_id, epoch, place.place_id)


def furthest(entries: Iterable[Entry]) -> list[Written]:
    """One row for each place that the entries (oldest first) name: how far it has come."""
    found: dict[str, Written] = {}
    for entry in entries:
        at = datetime.fromtimestamp(entry.at_ms / 1000, UTC)
        place = found.get(entry.place_id)
        if place is None:
            found[entry.place_id] = _after(
                Written(
                    place_id=entry.place_id,
                    visitor=entry.visitor,
                    number=entry.number,
                    turn=entry.turn,
                    state=entry.state,
                    pass_until=entry.pass_until,
                    joined_at=at,
                    admitted_at=None,
                    ended_at=None,
                    network=entry.network,
                ),
                entry,
                at,
            )
        elif moves_forward(place.turn, place.state, entry.turn, entry.state):
            found[entry.place_id] = _after(place, entry, at)
    return list(found.values())


def _after(place: Written, entry: Entry, at: datetime) -> Written:
    return replace(
        place,
        turn=entry.turn,
        state=entry.state,
        pass_until=entry.pass_until,
        admitted_at=at if entry.state == ADMITTED else place.admitted_at,
        ended_at=at if entry.state in ENDED else None,
    )
