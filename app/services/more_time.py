"""More time, once: for choosing (the pass) and for paying (the hold).

People who need longer to read or to type can have it (WCAG 2.2.1). Others wait for the same
tickets, so it is half of the limit (domain/events.py), once, and only while the limit lasts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.domain import claims as rules
from app.domain import errors
from app.domain.events import EventFacts, more_time
from app.domain.tokens import PassToken
from app.line import verbs
from app.store import claims as held
from app.store import places, timeline
from app.store.db import one_statement, transaction


def for_pass(facts: EventFacts, turn: PassToken) -> PassToken:
    """The pass runs out later: the pass to carry from now on. Doing it again changes nothing.

    Raises NoPass when it does not live any more, LineUnavailable, StoreUnavailable.
    """
    with transaction() as session:
        # The journal may not have brought the place yet.
        places.insert(session, facts.id, turn.place_id, turn.number, turn.epoch)
    row = one_statement(
        "lengthen_pass",
        {
            "event_id": facts.id,
            "place_id": turn.place_id,
            "turn": turn.turn,
            "pass_until": turn.pass_until,
            "more_ms": more_time(facts.pass_seconds) * 1000,
        },
    )
    if row is None:
        raise errors.NoPass
    # Dying before this line leaves a pass that is longer in Postgres only; a second press tells
    # Redis, and so does a rebuild.
    if not verbs.lengthen(facts.id, facts.epoch, turn.place_id, row.pass_until):
        raise errors.NoPass
    return replace(turn, pass_until=row.pass_until)


def used(facts: EventFacts, turn: PassToken) -> bool:
    """Whether this turn has been made longer already."""
    return places.extended_turn(facts.id, turn.place_id) == turn.turn


def for_hold(reference: str) -> None:
    """The hold runs out later. Doing it again changes nothing.

    Raises ClaimUnknown; StateGone when the claim is not held any more, or its time is over.
    """
    with transaction() as session:
        row = held.lock(session, reference)
        if row is None:
            raise errors.ClaimUnknown
        now = held.database_now(session)
        if row.state != rules.HELD or row.held_until <= now:
            raise errors.StateGone
        if row.extended_at is not None:
            return
        seconds = more_time(row.event.hold_seconds)
        row.held_until += timedelta(seconds=seconds)
        row.extended_at = now
        timeline.note(
            session,
            row.event_id,
            "had more time",
            "fan",
            claim_id=row.id,
            detail={"seconds": seconds},
        )
