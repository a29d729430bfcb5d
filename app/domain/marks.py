"""What makes a place look as if somebody took many, and the words for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from app.domain.said import Said, say
from app.domain.words import clock

NETWORK = "network"
MAILBOX = "mailbox"

# So many joins of one network count together as come within this time. How many are suspicious,
# the organiser says (events.mark_joins).
SECONDS = 60
# So many places of one mailbox, written in variants, are suspicious: a couple may share one.
ADDRESSES = 3


def reason(rule: str, together: int) -> Said:
    """Why a place is marked, in words, with the figures."""
    if rule == NETWORK:
        return say(
            "%(count)s places joined from one network within %(seconds)s seconds.",
            count=together,
            seconds=SECONDS,
        )
    return say("%(count)s places have proven addresses of one mailbox.", count=together)


def story(rows: Sequence[Any], zone: str) -> Iterator[Said]:
    """What support may tell of one place, from its rows of sql/place_marks.sql."""
    for row in rows:
        if row.rule is not None:
            yield _mark(reason(row.rule, row.together), row.cleared_at)
    if rows[0].due_at is not None:
        yield from _removal(rows[0], zone)


def _mark(why: Said, cleared_at: datetime | None) -> Said:
    if cleared_at is not None:
        return say("Was marked, and cleared by the organiser: %(why)s", why=why)
    return say("Marked, which changes nothing until the organiser decides: %(why)s", why=why)


def _removal(row: Any, zone: str) -> Iterator[Said]:
    match row.outcome:
        case None:
            until = clock(row.due_at, zone)
            yield say(
                "Suspended; may appeal until %(time)s. The organiser says: %(reason)s",
                time=until,
                reason=row.reason,
            )
        case "kept":
            yield say("Was suspended, and put back: %(answer)s", answer=row.answer)
        case _:
            yield say("Removed. The organiser says: %(reason)s", reason=row.answer or row.reason)
    if row.appealed_at is not None:
        yield say(
            "Appealed at %(time)s: %(words)s",
            time=clock(row.appealed_at, zone),
            words=row.appeal,
        )
