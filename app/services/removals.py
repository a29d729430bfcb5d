"""Removals: staff want a marked place to go, and its fan may say why not.

The place is suspended first: it keeps its number, and nobody is let in with it. Without an appeal
it goes when its time is over; with one it stays until staff have decided. Whoever is cleared stands
at the old number again, which is near the head if the turn came meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain import errors
from app.domain.events import EventFacts
from app.domain.reasons import one_line
from app.domain.said import say
from app.domain.staff import StaffMember
from app.domain.tokens import PlaceToken
from app.extensions import settings
from app.line import verbs
from app.services import carrying, events, mail, outbox
from app.store import marks as store
from app.store.db import transaction
from app.store.marks import Decided

LONGEST_REASON = 200
LONGEST_APPEAL = 1000
# So many in one statement, which nobody has to wait for long.
_CHUNK = 500
_LINK_LIVES = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """About which places staff decide: those of a group, or the one with a number."""

    rule: str = ""
    shared: str = ""
    number: int | None = None


def chosen(event: EventFacts, choice: Choice, seen: datetime) -> list[str]:
    """The ids of the places that were marked by then. Raises StateGone when there are none."""
    with transaction() as session:
        found = store.chosen(
            session, event.id, choice.rule, choice.shared, choice.number, until=seen
        )
    if not found:
        raise errors.StateGone
    return found


def decide(
    staff: StaffMember, slug: str, choice: Choice, seen: datetime, remove: bool, reason: str
) -> Counter[str]:
    """Suspend these places, or remove them whose appeal was heard (`remove`), or clear them: how
    many came to which outcome of decide_places().

    Raises EventUnknown, StateGone, Invalid (field `reason`).
    """
    event = events.look(staff, slug)
    why = one_line("reason", reason, LONGEST_REASON, say("Please say why: the fan reads it."))
    places = chosen(event, choice, seen)
    counted: Counter[str] = Counter()
    for start in range(0, len(places), _CHUNK):
        decided = store.decide(
            event.id,
            places[start : start + _CHUNK],
            remove,
            why,
            settings.appeal_time,
            staff.actor,
        )
        _tell_the_line(event, decided)
        counted.update(one.outcome for one in decided)
    settings.wake(outbox.MAIL)
    return counted


def _tell_the_line(event: EventFacts, decided: Sequence[Decided]) -> None:
    # Dying before this, or without Redis, leaves a copy that knows it otherwise: Postgres lets a
    # suspended place claim nothing, and reconciliation makes the copy what Postgres says.
    with suppress(errors.LineUnavailable):
        for one in decided:
            if one.outcome in ("suspended", "merged"):
                verbs.end_place(event.id, event.epoch, one.place_id)
            elif one.outcome == "restored":
                verbs.restore(
                    event.id,
                    event.epoch,
                    one.place_id,
                    one.visitor or "",
                    one.number,
                    turn=one.turn,
                )


def lapse_once() -> int:
    """Remove the suspended places whose time is over without an appeal: how many. Raises
    StoreUnavailable."""
    gone = store.lapse()
    if gone:
        settings.wake(outbox.MAIL)
    return gone


def appeal(facts: EventFacts, token: PlaceToken, words: str) -> bool:
    """The fan says why the place should stay, once; a second time changes nothing. False when the
    place is not suspended.

    Raises Invalid (field `appeal`), StoreUnavailable.
    """
    missing = say("Please say in a few sentences why your place should stay.")
    said = one_line("appeal", words, LONGEST_APPEAL, missing)
    return store.appeal(facts.id, token.place_id, said) != "none"


def send_news(payload: Mapping[str, Any]) -> None:
    """Tell a fan by mail that the place is suspended, removed or cleared, if that still stands."""
    found = outbox.facts_of("send_removal", payload)
    if found is None:
        return
    carry_id = f"removal-{payload['removal_id']}-{found['stage']}"
    mail.send(
        "removal",
        found["email"],
        say("About your place in the line: %(title)s", title=found["title"]),
        found["language"],
        **{name: found[name] for name in ("title", "number", "stage", "reason", "answer")},
        time_zone=found["time_zone"],
        due_at=datetime.fromisoformat(found["due_at"]),
        link=carrying.link_by_mail(carry_id, found, _LINK_LIVES),
    )
