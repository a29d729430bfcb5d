"""Sessions of staff: in Postgres, so that they can be ended, each and all.

A browser holds a secret of 192 random bits; we keep its hash. A session ends by itself when nobody
has opened a page for STAFF_IDLE, and STAFF_SESSION after the log-in at the latest.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.networks import network
from app.domain.staff import Origin, StaffMember
from app.extensions import settings
from app.services import log_in_news, trail
from app.store import sessions as store
from app.store.db import autocommit_engine, transaction, translated

_LONGEST_BROWSER = 200


@dataclass(frozen=True, slots=True)
class LogIn:
    """A living session. `browser` is what the browser calls itself."""

    id: int
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime
    here: bool


def start(session: store.Db, member: StaffMember, origin: Origin) -> StaffMember:
    """Begin a session in the caller's transaction: the person with its key."""
    token, place = secrets.token_urlsafe(24), network(origin.address)
    browser = origin.browser[:_LONGEST_BROWSER]
    if store.is_new_place(session, member.id, place, browser):
        # No wake-up call before the commit: the sweep finds it.
        log_in_news.owe(session, member.email, "new place", origin)
    session_id = store.add(
        session,
        token_hash=_hash(token),
        staff_id=member.id,
        address=origin.address,
        network=place,
        browser=browser,
    )
    member = replace(member, key=token, session_id=session_id, origin=origin)
    trail.record(session, member, "logged in", "staff", member.email)
    return member


def load(key: str) -> StaffMember | None:
    """Whose session this key opens: None if nobody's, ended, or of a disabled account."""
    # Every page of staff begins with this, and figures are asked for every other second.
    with translated(), autocommit_engine().connect() as connection:
        row = store.find(connection, _hash(key), settings.staff_idle, settings.staff_session)
    if row is None:
        return None
    return StaffMember(
        id=row.id,
        organisation_id=row.organisation_id,
        organisation=row.organisation,
        email=row.email,
        name=row.name,
        role=row.role,
        key=key,
        session_id=row.session_id,
        stale=row.stale,
        has_code=row.totp_since is not None,
        must_have_code=row.second_factor_required,
    )


def seen(member: StaffMember) -> None:
    """Somebody has opened a page; written down once a minute."""
    if member.stale and member.session_id is not None:
        with transaction() as session:
            store.touch(session, member.session_id)


def living(member: StaffMember) -> list[LogIn]:
    """Where this person is logged in, the newest first."""
    with transaction() as session:
        rows = store.living(session, member.id, settings.staff_idle, settings.staff_session)
        return [
            LogIn(
                row.id,
                row.address,
                row.browser,
                row.created_at,
                row.seen_at,
                row.id == member.session_id,
            )
            for row in rows
        ]


def log_out(member: StaffMember) -> None:
    """End the session that this person is in."""
    with transaction() as session:
        store.end(session, member.id, only=member.session_id)
        trail.record(session, member, "logged out", "staff", member.email)


def end(member: StaffMember, session_id: int) -> None:
    """End one session of one's own; one that has ended stays so."""
    with transaction() as session:
        if store.end(session, member.id, only=session_id):
            trail.record(session, member, "ended a session", "staff", member.email)


def log_out_everywhere(member: StaffMember) -> None:
    """End all sessions of one's own, this one as well."""
    with transaction() as session:
        ended = store.end(session, member.id)
        after = {"sessions": ended}
        trail.record(session, member, "logged out everywhere", "staff", member.email, after=after)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
