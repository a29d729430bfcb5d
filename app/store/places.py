"""Places: what the journal brings, and what a rebuild or a stray browser asks. Never commits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text
from sqlalchemy.orm import Session, scoped_session

from app.domain.places import PlaceFacts, Removal
from app.failpoints import reached
from app.store.db import autocommit_engine, statement, translated

Db = Connection | Session | scoped_session[Session]

_FACTS = """
    SELECT p.id AS place_id, p.event_id, p.visitor, p.number, p.epoch, p.turn, p.state,
        p.pass_until, p.fan_id, p.merged_into, c.reference AS claim_reference,
        coalesce(c.state IN ('HELD', 'CONFIRMED'), FALSE) AS claim_live,
        r.reason, r.due_at, r.appealed_at, r.decided_at, r.answer
    FROM places p
    LEFT JOIN claims c ON c.place_id = p.id
    LEFT JOIN LATERAL (
        SELECT * FROM removals r
        WHERE r.place_id = p.id AND p.state IN ('suspended', 'removed')
        ORDER BY r.id DESC LIMIT 1
    ) r ON TRUE
"""


@dataclass(frozen=True, slots=True)
class Written:
    """One place as the journal left it. Moments are Redis' clock."""

    place_id: str
    visitor: str | None
    number: int
    turn: int
    state: str
    pass_until: int | None
    joined_at: datetime
    admitted_at: datetime | None
    ended_at: datetime | None
    network: str | None = None


def look(db: Db, event_id: int, place_id: str) -> PlaceFacts | None:
    row = db.execute(
        text(_FACTS + "WHERE p.id = :id AND p.event_id = :event_id"),
        {"id": place_id, "event_id": event_id},
    ).first()
    return _facts(row) if row else None


def write(db: Db, event_id: int, epoch: int, journal_id: str, places: Sequence[Written]) -> None:
    """Write places that the journal named, each once, and that it is read up to `journal_id`.

    Places that are further along stay as they are.
    """
    db.execute(
        text(statement("write_places")),
        {
            "event_id": event_id,
            "epoch": epoch,
            "journal_id": journal_id,
            "ids": [place.place_id for place in places],
            "visitors": [place.visitor for place in places],
            "numbers": [place.number for place in places],
            "turns": [place.turn for place in places],
            "states": [place.state for place in places],
            "pass_untils": [place.pass_until for place in places],
            "joined": [place.joined_at for place in places],
            "admitted": [place.admitted_at for place in places],
            "ended": [place.ended_at for place in places],
            "networks": [place.network for place in places],
        },
    )
    reached("statement:", "write_places")


def states(db: Db, place_ids: Collection[str]) -> dict[str, str]:
    """{id: state} of those of these places that Postgres knows."""
    rows = db.execute(
        text("SELECT id, state FROM places WHERE id = ANY (CAST(:ids AS text[]))"),
        {"ids": list(place_ids)},
    )
    return {row.id: row.state for row in rows}


def end(db: Db, event_id: int, place_id: str, state: str) -> bool:
    """End a live or suspended place; False when it was neither."""
    row = db.execute(
        text(
            "UPDATE places SET state = :state, ended_at = now()"
            " WHERE id = :id AND event_id = :event_id"
            " AND state IN ('waiting', 'admitted', 'suspended') RETURNING id"
        ),
        {"id": place_id, "event_id": event_id, "state": state},
    ).first()
    return row is not None


def insert(db: Db, event_id: int, place_id: str, number: int, epoch: int) -> None:
    """Write a place that a browser brought and the journal has not, as waiting."""
    db.execute(
        text(
            "INSERT INTO places (id, event_id, number, epoch, joined_at)"
            " VALUES (:id, :event_id, :number, :epoch, now()) ON CONFLICT DO NOTHING"
        ),
        {"id": place_id, "event_id": event_id, "number": number, "epoch": epoch},
    )


def extended_turn(event_id: int, place_id: str) -> int | None:
    """The turn of a place that was made longer, if one was."""
    query = text("SELECT extended_turn FROM places WHERE id = :id AND event_id = :event_id")
    with translated(), autocommit_engine().connect() as connection:
        found: int | None = connection.scalar(query, {"id": place_id, "event_id": event_id})
    return found


def live_lines(db: Db, event_id: int, chunk: int) -> Iterator[tuple[str, int]]:
    """The waiting and admitted places in order of number as a rebuild writes them, `chunk` at a
    time: (a line each: place, visitor, number, turn, end of the pass, with a space between each
    two; how many). Postgres makes the lines, since there may be very many."""
    query = text(
        "SELECT id || ' ' || coalesce(visitor, '') || ' ' || number || ' ' || turn || ' '"
        " || CASE state WHEN 'admitted' THEN coalesce(pass_until::text, '') ELSE '' END || E'\\n'"
        " AS line, number FROM places"
        " WHERE event_id = :event_id AND state IN ('waiting', 'admitted')"
        " AND number > :after ORDER BY number LIMIT :chunk"
    )
    for rows in _pages(db, query, event_id, chunk):
        yield "".join(row[0] for row in rows), len(rows)


def live_words(db: Db, event_id: int, chunk: int) -> Iterator[dict[str, str]]:
    """{id: "<state>:<number>"} of the waiting and admitted places, `chunk` at a time: what a roll
    call is compared with, and no more, since there may be very many."""
    query = text(
        "SELECT id, state || ':' || number AS word, number FROM places"
        " WHERE event_id = :event_id AND state IN ('waiting', 'admitted')"
        " AND number > :after ORDER BY number LIMIT :chunk"
    )
    for rows in _pages(db, query, event_id, chunk):
        yield {row.id: row.word for row in rows}


def gone(db: Db, event_id: int, after: int, chunk: int) -> Iterator[list[str]]:
    """The ended places with a number above `after`, in order of number, `chunk` at a time."""
    query = text(
        "SELECT id, number FROM places WHERE event_id = :event_id"
        " AND state NOT IN ('waiting', 'admitted') AND number > :after"
        " ORDER BY number LIMIT :chunk"
    )
    for rows in _pages(db, query, event_id, chunk, after):
        yield [row.id for row in rows]


def free_numbers(db: Db, event_id: int, chunk: int) -> Iterator[list[int]]:
    """The numbers of the tickets that no claim holds, `chunk` at a time."""
    query = text(
        "SELECT number FROM tickets WHERE event_id = :event_id AND claim_id IS NULL"
        " AND number > :after ORDER BY number LIMIT :chunk"
    )
    for rows in _pages(db, query, event_id, chunk):
        yield [row.number for row in rows]


def extremes(db: Db, event_id: int) -> tuple[int, int, int]:
    """(greatest number, greatest number ever admitted, lowest waiting number); 0 for none."""
    row = db.execute(
        text(
            "SELECT coalesce(max(number), 0),"
            " coalesce(max(number) FILTER (WHERE admitted_at IS NOT NULL), 0),"
            " coalesce(min(number) FILTER (WHERE state = 'waiting'), 0)"
            " FROM places WHERE event_id = :event_id"
        ),
        {"event_id": event_id},
    ).one()
    return row[0], row[1], row[2]


def _facts(row: Row[Any]) -> PlaceFacts:
    values = dict(row._mapping)
    removal = Removal(*(values.pop(name) for name in Removal._fields))
    return PlaceFacts(**values, removal=removal if removal.due_at else None)


def _pages(
    db: Db, query: TextClause, event_id: int, chunk: int, after: int = 0
) -> Iterator[Sequence[Row[Any]]]:
    # By number, never by offset: rows may come and go between two pages.
    while True:
        rows = db.execute(query, {"event_id": event_id, "after": after, "chunk": chunk}).all()
        if rows:
            yield rows
        if len(rows) < chunk:
            return
        after = rows[-1].number
