"""The trail of staff: who did what, on what, before and after, from where and when.

What is done to an event, a claim or a place is a line of its timeline, and the database makes the
trail of it (sql/functions/staff_trail.sql). Everything else that staff do is recorded here, in the
transaction of the action itself. Nobody can change or delete what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.staff import HERE, Origin, StaffMember
from app.store import actions as store
from app.store import staff as members
from app.store.db import transaction

PAGE = 50
_LONGEST_FILTER = 100


@dataclass(frozen=True, slots=True)
class Action:
    """One action; `who` is a name, or None where nobody had logged in. `kind` is event, claim,
    place, staff or organisation, and `subject` the slug, reference, id, address or name of it."""

    id: int
    at: datetime
    who: str | None
    verb: str
    kind: str
    subject: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    address: str
    request_id: str

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """What each value was before, if that is known, and what it is now."""
        return [(name, self.before.get(name), value) for name, value in self.after.items()]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the trail, latest first. `older` is where the next page begins, if there is one;
    `people` (id, name) and `verbs` are what can be chosen."""

    actions: list[Action]
    older: int | None
    people: list[tuple[int, str]]
    verbs: Sequence[str]


def record(
    session: store.Db,
    who: StaffMember,
    verb: str,
    kind: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down what somebody does, in the caller's transaction."""
    note(session, who.organisation_id, verb, kind, subject, who.origin, who.id, before, after)


def note(
    session: store.Db,
    organisation_id: int,
    verb: str,
    kind: str,
    subject: str,
    origin: Origin = HERE,
    staff_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """As record(), for those who are not logged in, or for a command."""
    store.add(
        session,
        organisation_id=organisation_id,
        staff_id=staff_id,
        verb=verb,
        kind=kind,
        subject=subject,
        before=dict(before or {}),
        after=dict(after or {}),
        address=origin.address,
        request_id=origin.request_id,
    )


def page(
    staff: StaffMember, who: str = "", verb: str = "", subject: str = "", before: str = ""
) -> Page:
    """A page of the organisation's trail; what is no filter filters nothing."""
    filters: dict[str, Any] = {}
    if (number := _number(who)) is not None:
        filters["staff_id"] = number
    for name, value in (("verb", verb), ("subject", subject.strip())):
        if value:
            filters[name] = value[:_LONGEST_FILTER]
    with transaction() as session:
        own = staff.organisation_id
        found = store.latest(session, own, filters, _number(before), PAGE + 1)
        names = members.names(session, own)
        verbs = store.verbs(session, own)
        shown = [_action(row, names) for row in found[:PAGE]]
    older = shown[-1].id if len(found) > PAGE else None
    return Page(shown, older, sorted(names.items(), key=lambda one: one[1]), verbs)


def _action(row: Any, names: Mapping[int, str]) -> Action:
    who = names.get(row.staff_id, f"staff:{row.staff_id}") if row.staff_id is not None else None
    return Action(
        id=row.id,
        at=row.at,
        who=who,
        verb=row.verb,
        kind=row.kind,
        subject=row.subject,
        before=row.before,
        after=row.after,
        address=row.address,
        request_id=row.request_id,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
