"""Events: what an organiser does with them, and what the calendar does by itself.

Every verb is one transaction that says what its caller saw. If that is gone, nothing happens
and StateGone is raised, so that two organisers cannot undo each other without noticing. Staff
see the events of their own organisation only; any other is EventUnknown to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain import errors
from app.domain import event_forms as forms
from app.domain import events as rules
from app.domain.events import EventFacts
from app.domain.said import say
from app.line import inventory
from app.services import catalogue, rebuild
from app.services.staff import StaffMember
from app.store import event_changes as store
from app.store import events as reading
from app.store import staff as members
from app.store import tickets, timeline
from app.store.db import transaction
from app.store.models import Event

_HAPPENINGS_SHOWN = 30
# An event's tickets exist in these states; a draft has none, and a closed sale makes no more.
_WITH_STOCK = (rules.PUBLISHED, rules.ON_SALE, rules.PAUSED)
_PUBLIC = (*_WITH_STOCK, rules.CLOSED)
_OPEN = (rules.DRAFT, *_WITH_STOCK)

_PAST_TENSE = {
    "publish": "published",
    "open": "opened",
    "pause": "paused",
    "resume": "resumed",
    "close": "closed",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of an event's own timeline; `who` is a name, or "the system"."""

    at: datetime
    who: str
    verb: str
    detail: Mapping[str, Any]


def own(staff: StaffMember) -> list[EventFacts]:
    """The events of the person's organisation, drafts too, the newest first."""
    with transaction() as session:
        return reading.of_organisation(session, staff.organisation_id)


def look(staff: StaffMember, slug: str) -> EventFacts:
    """The event as it is this moment, not as the catalogue remembers it. Raises EventUnknown."""
    with transaction() as session:
        facts = reading.by_slug(session, slug)
    if facts is None or facts.organisation_id != staff.organisation_id:
        raise errors.EventUnknown
    return facts


def history(staff: StaffMember, event: EventFacts) -> list[Happening]:
    """What was done to the event lately, latest first."""
    with transaction() as session:
        names = members.names(session, staff.organisation_id)
        return [
            Happening(row.at, who(row.actor, names), row.verb, row.detail)
            for row in store.happenings(session, event.id, _HAPPENINGS_SHOWN)
        ]


def create(staff: StaffMember, values: Mapping[str, str]) -> str:
    """Make a draft from a form: its slug. Raises Invalid, SlugTaken."""
    form = forms.check_event(values)
    with transaction() as session:
        event_id = store.create(session, staff.organisation_id, form.columns())
        timeline.note(session, event_id, "created", staff.actor)
    return form.slug


def mark(event: EventFacts | Event) -> str:
    """What stands for "as I saw it" in an edit form: changes with any field and the state."""
    seen = repr((event.state, sorted(forms.form_values(event).items())))
    return hashlib.sha256(seen.encode()).hexdigest()[:16]


def edit(staff: StaffMember, slug: str, seen: str, values: Mapping[str, str]) -> str:
    """Change the fields that may change in the event's state: its slug afterwards.

    `seen` is the mark() of what the person saw. Raises EventUnknown, StateGone, Invalid,
    SlugTaken.
    """
    with transaction() as session:
        event = store.lock(session, staff.organisation_id, slug)
        if event is None:
            raise errors.EventUnknown
        may = forms.editable(event.state)
        if mark(event) != seen or not may:
            raise errors.StateGone
        present = forms.form_values(event)
        form = forms.check_event(present | {name: values.get(name, "") for name in may})
        wanted = forms.form_values(form)
        if event.state != rules.DRAFT and form.sale_ends_at <= store.database_now(session):
            raise errors.Invalid(
                {"sale_ends_at": say("This is in the past. To end the sale now, close it instead.")}
            )
        changed = {name for name in may if wanted[name] != present[name]}
        for name in map(_column, changed):
            # Only what was written anew: the form knows no seconds, the row may.
            setattr(event, name, getattr(form, name))
        if changed:
            detail = {name: [present[name], wanted[name]] for name in sorted(changed)}
            timeline.note(session, event.id, "edited", staff.actor, detail=detail)
    _forget(slug)
    return form.slug


def publish(staff: StaffMember, slug: str, seen: str) -> None:
    """Show a draft to fans, make its tickets and open its line.

    Raises EventUnknown, StateGone, SaleOver.
    """
    with transaction() as session:
        event = _move(session, staff, slug, seen, "publish")
        if event.over:
            raise errors.SaleOver
        store.add_tickets(session, event.id, event.capacity)
        store.add_line(session, event.id)
    _forget(slug)
    # Dying here, or Redis away, leaves an event without its fast copy; the beats write it.
    with suppress(errors.NotNow):
        rebuild.rebuild_once(event.id)


def open_sale(staff: StaffMember, slug: str, seen: str, at_once: bool = False) -> None:
    """Let the sale start at its time; `at_once` moves that time to this moment.

    Raises EventUnknown, StateGone, SaleOver.
    """
    with transaction() as session:
        starts = store.STARTS_NOW if at_once else {}
        if _move(session, staff, slug, seen, "open", values=starts).over:
            raise errors.SaleOver
    _forget(slug)


def pause(staff: StaffMember, slug: str, seen: str, reason: str, next_word: str = "") -> None:
    """Stop admission and new claims; passes keep their time, holds may be paid.

    `next_word` is the clock time, in the event's zone, at which the fans hear more; it may be
    empty. Raises EventUnknown, StateGone, Invalid.
    """
    values, detail = _pause_words(look(staff, slug), reason, next_word)
    with transaction() as session:
        _move(session, staff, slug, seen, "pause", detail, {**store.PAUSE_BEGINS, **values})
    _forget(slug)


def say_more(staff: StaffMember, slug: str, seen: str, reason: str, next_word: str = "") -> None:
    """Give the fans of a paused sale a new reason, or another time of the next word.

    `seen` is the reason that stood there. Raises EventUnknown, StateGone, Invalid.
    """
    values, detail = _pause_words(look(staff, slug), reason, next_word)
    with transaction() as session:
        found = _changed(session, staff, slug, {"pause_reason": seen}, (rules.PAUSED,), values)
        detail["reason"] = [seen, detail["reason"]]
        timeline.note(session, found.id, "said more about the pause", staff.actor, detail=detail)
    _forget(slug)


def _pause_words(
    event: EventFacts, reason: str, next_word: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What fans read during a pause: (the values of its columns, the timeline's detail)."""
    zone = ZoneInfo(event.time_zone)
    reason, at = forms.check_pause(reason, next_word, zone, event.as_of)
    values = {"pause_reason": reason, "pause_next_word_at": at}
    named = {"next_word_at": forms.next_word_value(at, zone.key)} if at else {}
    return values, {"reason": reason, **named}


def resume(staff: StaffMember, slug: str, seen: str) -> None:
    """Go on with a paused sale; every pass has gained the length of the pause.

    Raises EventUnknown, StateGone.
    """
    with transaction() as session:
        _move(session, staff, slug, seen, "resume", values=store.PAUSE_ENDS)
    _forget(slug)


def close(staff: StaffMember, slug: str, seen: str) -> None:
    """End the sale for good; holds may be paid to their deadline.

    Raises EventUnknown, StateGone.
    """
    with transaction() as session:
        _move(session, staff, slug, seen, "close", values=store.PAUSE_ENDS)
    _forget(slug)


def change_rate(staff: StaffMember, slug: str, seen: int, per_minute: int) -> None:
    """How many fans are admitted per minute. Raises EventUnknown, StateGone."""
    _set(staff, slug, "admit_per_minute", seen, per_minute)


def change_pass_capacity(staff: StaffMember, slug: str, seen: int, passes: int) -> None:
    """How many fans may be inside at once. Raises EventUnknown, StateGone."""
    _set(staff, slug, "pass_capacity", seen, passes)


def post_message(staff: StaffMember, slug: str, seen: str, message: str) -> None:
    """Tell everyone in the line something; an empty message takes the last one away.

    `seen` is the message that stood there. Raises EventUnknown, StateGone, Invalid.
    """
    message = forms.check_message(message)
    values = {"message": message, **(store.MESSAGE_NOW if message else {"message_at": None})}
    with transaction() as session:
        event = _changed(session, staff, slug, {"message": seen}, _PUBLIC, values)
        verb = "posted a message" if message else "took the message away"
        timeline.note(session, event.id, verb, staff.actor, detail={"message": [seen, message]})
    _forget(slug)


def change_capacity(staff: StaffMember, slug: str, seen: int, wanted: int) -> None:
    """Make tickets, or remove free ones, the highest numbers first.

    Raises EventUnknown, StateGone, CapacityTaken; Conflict when tickets that had to go are
    being claimed this very moment.
    """
    if seen == wanted:
        return
    with transaction() as session:
        event = _changed(
            session, staff, slug, {"capacity": seen}, _WITH_STOCK, {"capacity": wanted}
        )
        added = store.add_tickets(session, event.id, wanted - seen) if wanted > seen else []
        removed = (
            store.remove_free_tickets(session, event.id, seen - wanted) if wanted < seen else []
        )
        if len(removed) < seen - wanted:
            stock = tickets.stock(session, event.id)
            if stock.held + stock.sold <= wanted:
                raise errors.Conflict
            raise errors.CapacityTaken(wanted, stock.held, stock.sold)
        detail = {"capacity": [seen, wanted]}
        timeline.note(session, event.id, "changed the capacity", staff.actor, detail=detail)
    _forget(slug)
    # Dying here leaves Redis with other numbers than Postgres; reconciliation finds them.
    with suppress(errors.NotNow, errors.Unknown):
        epoch = catalogue.facts_by_id(event.id).epoch
        inventory.add_free(event.id, epoch, added)
        inventory.drop_free(event.id, epoch, removed)


def calendar_once() -> int:
    """Open the sales that are due and close those that are over: how many it were."""
    with transaction() as session:
        moved = store.keep_calendar(session)
    for slug in moved:
        _forget(slug)
    return len(moved)


def _move(
    session: store.Db,
    staff: StaffMember,
    slug: str,
    seen: str,
    verb: str,
    detail: dict[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> store.Changed:
    """Lead the event from the state that was seen to the next one, and write down who did it."""
    state = rules.after(seen, verb)
    event = _changed(
        session, staff, slug, {"state": seen}, (seen,), {"state": state, **(values or {})}
    )
    told = {**(detail or {}), "state": [seen, state]}
    timeline.note(session, event.id, _PAST_TENSE[verb], staff.actor, detail=told)
    return event


def _changed(
    session: store.Db,
    staff: StaffMember,
    slug: str,
    seen: Mapping[str, Any],
    states: tuple[str, ...],
    values: Mapping[str, Any],
) -> store.Changed:
    event = store.change(session, staff.organisation_id, slug, seen, states, values)
    if event is not None:
        return event
    if store.exists(session, staff.organisation_id, slug):
        raise errors.StateGone
    raise errors.EventUnknown


def _set(staff: StaffMember, slug: str, column: str, seen: int, wanted: int) -> None:
    if seen == wanted:
        return
    with transaction() as session:
        event = _changed(session, staff, slug, {column: seen}, _OPEN, {column: wanted})
        name = {"admit_per_minute": "rate", "pass_capacity": "pass capacity"}[column]
        timeline.note(
            session,
            event.id,
            f"changed the {name}",
            staff.actor,
            detail={column: [seen, wanted]},
        )
    _forget(slug)


def _column(field: str) -> str:
    return {"hold_minutes": "hold_seconds", "pass_minutes": "pass_seconds"}.get(field, field)


def who(actor: str, names: Mapping[int, str]) -> str:
    """An actor of the timeline in words; `names` are those of the organisation's staff."""
    kind, _, number = actor.partition(":")
    if kind == "staff" and number.isdigit():
        return names.get(int(number), "staff")
    return {"system": "the system", "gateway": "the gateway", "fan": "the fan"}.get(kind, kind)


def _forget(slug: str) -> None:
    # Other processes look again within a second.
    catalogue.forget(slug)
