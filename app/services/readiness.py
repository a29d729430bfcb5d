"""Whether a sale is ready to open, line by line, each tried and none believed.

Mail and gateway are tried by their own workers: asking for it writes outbox entries, and what
came of the latest try is read here. So no page waits for either of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import clock
from app.domain import readiness as rules
from app.domain.errors import LineUnavailable
from app.domain.events import CLOSED, DRAFT, EventFacts
from app.domain.readiness import Limits, Verdict
from app.domain.said import say
from app.extensions import settings
from app.gateway import client as gateway
from app.gateway.results import TryLater
from app.languages import ENGLISH
from app.services import events, mail, outbox, trail
from app.services.dashboard import in_line
from app.services.staff import StaffMember
from app.store import checks as store
from app.store import event_changes, timeline
from app.store.checks import BEATS, GATEWAY, MAIL
from app.store.db import autocommit_engine, transaction, translated

# No payment has this reference, and a gateway that says so has heard us and taken our key.
_NO_PAYMENT = "FQ-readiness"
_LOOKED = "looked at the pages"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list. `name` is mail, gateway, beats, line, rate or pages; `said` are
    sentences, `at` is when that was found out, `trouble` the server's own words."""

    name: str
    verdict: Verdict
    said: list[str]
    at: datetime | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The whole list. `asking` says that answers are on their way."""

    event: EventFacts
    lines: list[Line]

    @property
    def asking(self) -> bool:
        return any(line.verdict == "asking" for line in self.lines)

    @property
    def ready(self) -> bool:
        return all(line.verdict == "good" for line in self.lines)


def look(staff: StaffMember, slug: str) -> Readiness:
    """The list as it stands now. Raises EventUnknown."""
    event = events.look(staff, slug)
    with translated(), autocommit_engine().connect() as connection:
        found = store.all_of(connection)
    now = event.as_of
    lines = [
        _of_check(MAIL, found, *rules.of_server(found.get(MAIL), now)),
        _of_check(GATEWAY, found, *rules.of_server(found.get(GATEWAY), now)),
        _of_check(BEATS, found, *rules.of_beats(found.get(BEATS), now)),
        _of_line(event),
        _of_rate(event),
        _of_pages(event),
    ]
    return Readiness(event, lines)


def ask(staff: StaffMember, slug: str) -> None:
    """Have mail and gateway tried: a mail goes to the person who asks. Raises EventUnknown."""
    event = events.look(staff, slug)
    with transaction() as session:
        store.asked(session, [MAIL, GATEWAY])
        trail.record(session, staff, "tried mail and gateway", "event", slug)
        outbox.owe(session, outbox.MAIL, "check_mail", {"to": staff.email, "title": event.title})
        outbox.owe(session, outbox.MONEY, "check_gateway", {})
    settings.wake(outbox.MAIL)
    settings.wake(outbox.MONEY)


def check_mail(payload: Mapping[str, Any]) -> None:
    """Send a mail and write down what came of it: the handler of `check_mail`. One try."""
    began = clock.monotonic()
    trouble = ""
    try:
        mail.send(
            "check",
            payload["to"],
            say("Mail works for %(title)s", title=payload["title"]),
            ENGLISH,
            title=payload["title"],
        )
    except (OSError, outbox.Later) as exc:
        # What a mail server refuses is an OSError, too.
        trouble = f"{type(exc).__name__}: {exc}"
    store.answered(MAIL, not trouble, trouble, _since(began))


def check_gateway(payload: Mapping[str, Any]) -> None:
    """Ask the gateway something harmless and write down what came of it: the handler of
    `check_gateway`. One try."""
    began = clock.monotonic()
    answer = gateway.verify(_NO_PAYMENT)
    trouble = answer.why if isinstance(answer, TryLater) else ""
    store.answered(GATEWAY, not trouble, trouble, _since(began))


def note_preview(staff: StaffMember, slug: str) -> None:
    """Write down that somebody has looked at the fans' pages. Raises EventUnknown."""
    event = events.look(staff, slug)
    with transaction() as session:
        timeline.note(session, event.id, _LOOKED, staff.actor)


def previewed_at(event_id: int) -> datetime | None:
    """When somebody last looked at the fans' pages as they are: None if they changed since."""
    with translated(), autocommit_engine().connect() as connection:
        looked = event_changes.latest(connection, event_id, (_LOOKED,))
        changed = event_changes.latest(connection, event_id, ("edited", "created"))
    if looked is None or (changed is not None and changed > looked):
        return None
    return looked


def _since(began: float) -> int:
    return round((clock.monotonic() - began) * 1000)


def _of_check(name: str, found: Mapping[str, store.Check], verdict: Verdict, said: str) -> Line:
    check = found.get(name)
    if check is None:
        return Line(name, verdict, [said])
    trouble = check.trouble if verdict == "bad" and check.ok is False else ""
    return Line(name, verdict, [said], check.answered_at, trouble)


def _of_line(event: EventFacts) -> Line:
    if event.state in (DRAFT, CLOSED):
        return Line("line", "warm", [say("It is made when you publish the event.")])
    try:
        waiting, _ = in_line(event.id, event.epoch)
    except LineUnavailable:
        return Line("line", "bad", [say("It cannot be reached: nobody could join.")], event.as_of)
    return Line(
        "line", "good", [say("Fans can join; %(number)s wait.", number=waiting)], event.as_of
    )


def _of_rate(event: EventFacts) -> Line:
    begins = max(event.sale_starts_at, event.as_of)
    limits = Limits(
        event.capacity,
        event.max_per_fan,
        event.admit_per_minute,
        event.pass_capacity,
        event.pass_seconds,
        (event.sale_ends_at - begins).total_seconds(),
    )
    verdict, said = rules.of_rate(limits)
    return Line("rate", verdict, list(said))


def _of_pages(event: EventFacts) -> Line:
    looked = previewed_at(event.id)
    if looked is None:
        return Line("pages", "warm", [say("Nobody has looked at them since they last changed.")])
    return Line("pages", "good", [say("Somebody has looked at them as they are.")], looked)
