"""Mails to those who wait: about five minutes before the turn, and at it.

Who proved an address gets each of them once. A beat owes them all in one statement for each line,
and the mail lane delivers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.domain import events
from app.domain.events import EventFacts, phase
from app.domain.said import say
from app.extensions import settings
from app.services import carrying, catalogue, mail, outbox
from app.services.pictures import picture
from app.services.scenes import scene_of
from app.store.db import all_rows

# So long before the turn the first mail is owed, by the pace of the line.
BEFORE_MINUTES = 5
# Where the line stands, or hardly moves, the next few are told all the same.
_AT_LEAST = 10
# A link in the first mail must outlast the wait for the turn.
_LINK_LIVES = timedelta(hours=1)


def owe_once() -> int:
    """Owe the mails that are due at every event: how many it were. Raises StoreUnavailable."""
    owed = 0
    for event in catalogue.live():
        if _moves(event):
            owed += _owe(event)
    if owed:
        settings.wake(outbox.MAIL)
    return owed


def _moves(event: EventFacts) -> bool:
    """Whether somebody is let in now, or will be as soon as the sale starts."""
    return phase(event, event.as_of) in ("before", "on_sale") and event.free > 0


def _owe(event: EventFacts) -> int:
    soon = _soon(event)
    parameters = {
        "event_id": event.id,
        "soon": soon,
        "most": soon + event.pass_capacity,
        "sale_now": events.sale_time_ms(event, event.as_of),
    }
    return len(all_rows("owe_turn_mails", parameters))


def _soon(event: EventFacts) -> int:
    """How many at the head of the line are about to have their turn."""
    scene = scene_of(event, picture(event))
    minutes = BEFORE_MINUTES - scene.until_start / 60
    if minutes <= 0:
        return 0
    return max(_AT_LEAST, round(scene.rate * minutes))


def send_soon(payload: Mapping[str, Any]) -> None:
    """Tell somebody that the turn is near, unless it has come or gone."""
    found = outbox.facts_of("send_soon", payload)
    if found is None:
        return
    link = carrying.link_by_mail(f"soon-{found['place_id']}", found, _LINK_LIVES)
    mail.send(
        "soon",
        found["email"],
        say("Your turn is near: %(title)s", title=found["title"]),
        found["language"],
        title=found["title"],
        number=found["number"],
        minutes=BEFORE_MINUTES,
        pass_seconds=found["pass_seconds"],
        link=link,
    )


def send_turn(payload: Mapping[str, Any]) -> None:
    """Tell somebody that it is their turn, while it is."""
    found = outbox.facts_of("send_turn", payload)
    if found is None:
        return
    until = datetime.fromisoformat(found["until"])
    left = until - datetime.fromisoformat(found["now"])
    link = carrying.link_by_mail(f"turn-{found['place_id']}-{found['turn']}", found, left)
    mail.send(
        "turn",
        found["email"],
        say("It is your turn: %(title)s", title=found["title"]),
        found["language"],
        title=found["title"],
        number=found["number"],
        until=until,
        time_zone=found["time_zone"],
        link=link,
    )
