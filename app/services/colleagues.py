"""What an admin does with the people of the own organisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.errors import Refusal, StateGone, Unknown
from app.domain.said import say
from app.domain.staff import ROLES, StaffMember
from app.services import second_factor, trail
from app.store import sessions
from app.store import staff as store
from app.store import staff_links as links
from app.store.db import transaction


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the organisation; `code_since` is when the second factor was turned on, `seen_at`
    when this person last opened a page."""

    id: int
    name: str
    email: str
    role: str
    disabled_at: datetime | None
    code_since: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """One that waits for an answer."""

    id: str
    email: str
    role: str
    expires_at: datetime


def everybody(admin: StaffMember) -> tuple[list[Colleague], list[Invitation]]:
    """The people of the organisation by name, and the invitations that wait."""
    with transaction() as session:
        rows = store.everybody(session, admin.organisation_id)
        waiting = links.invitations(session, admin.organisation_id)
        return (
            [Colleague(*row) for row in rows],
            [Invitation(row.id, row.email, row.role or "", row.expires_at) for row in waiting],
        )


def disable(admin: StaffMember, staff_id: int) -> None:
    """Shut somebody out at once, everywhere. Raises Unknown, Refusal for oneself."""

    def do(session: store.Db, other: Any) -> None:
        if store.set_disabled(session, other.id, True):
            sessions.end(session, other.id)
            trail.record(session, admin, "disabled a log-in", "staff", other.email)

    _with(admin, staff_id, do)


def enable(admin: StaffMember, staff_id: int) -> None:
    """Let somebody log in again. Raises Unknown, Refusal for oneself."""

    def do(session: store.Db, other: Any) -> None:
        if store.set_disabled(session, other.id, False):
            trail.record(session, admin, "enabled a log-in", "staff", other.email)

    _with(admin, staff_id, do)


def change_role(admin: StaffMember, staff_id: int, seen: str, role: str) -> None:
    """Give somebody another role. Raises Unknown, StateGone, Refusal for oneself."""

    def do(session: store.Db, other: Any) -> None:
        if role not in ROLES or not store.set_role(session, other.id, seen, role):
            raise StateGone
        before, after = {"role": seen}, {"role": role}
        trail.record(session, admin, "changed a role", "staff", other.email, before, after)

    _with(admin, staff_id, do)


def log_out(admin: StaffMember, staff_id: int) -> None:
    """End all sessions of somebody. Raises Unknown, Refusal for oneself."""

    def do(session: store.Db, other: Any) -> None:
        after = {"sessions": sessions.end(session, other.id)}
        trail.record(session, admin, "logged somebody out", "staff", other.email, after=after)

    _with(admin, staff_id, do)


def take_code_away(admin: StaffMember, staff_id: int) -> None:
    """Help somebody who has lost the second factor; the sweep finds the mail that tells of it.

    Raises Unknown, Refusal for oneself."""
    _with(
        admin, staff_id, lambda session, other: second_factor.take_away_from(session, admin, other)
    )


def _with(admin: StaffMember, staff_id: int, do: Callable[[store.Db, Any], None]) -> None:
    if staff_id == admin.id:
        # So an organisation always has an admin who can log in.
        raise Refusal(say("Another admin has to do that for you."))
    with transaction() as session:
        other = store.colleague(session, admin.organisation_id, staff_id)
        if other is None:
            raise Unknown
        do(session, other)
