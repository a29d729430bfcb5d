"""Staff: logging in, and who is logged in."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.domain.errors import LogInRefused, Refusal, Unknown
from app.domain.staff import ADMIN, HERE, ORGANISER, ROLES, SUPPORT, Origin, StaffMember
from app.services import trail
from app.store import staff as store
from app.store.db import autocommit_engine, transaction, translated

SHORTEST_PASSWORD = 12
# Hashing a megabyte that a stranger posts would cost more than the answer is worth.
LONGEST_PASSWORD = 200

__all__ = ["ADMIN", "ORGANISER", "ROLES", "SUPPORT", "StaffMember"]


def log_in(email: str, password: str, origin: Origin = HERE) -> StaffMember:
    """The person with this address and password.

    Unknown address, wrong password and disabled account take the same time and get the same
    answer: LogInRefused.
    """
    password = password[:LONGEST_PASSWORD]
    # Hashed even when it is not needed: whether this process has made it already must not be
    # what tells a known address from an unknown one.
    stand_in = _hash_of_nobody()
    with transaction() as session:
        found = store.by_email(session, email.strip().lower())
        password_hash = found[0].password_hash if found else stand_in
        member = (
            _member(found[0], found[1].name) if found and found[0].disabled_at is None else None
        )
        known = found and (found[0].organisation_id, found[0].email)
    # Hashing takes long, so no connection is held meanwhile.
    right = _is_right(password_hash, password)
    with transaction() as session:
        # An address that nobody has belongs to no organisation, whose trail it could be in.
        if member is not None and right:
            member = replace(member, origin=origin)
            trail.record(session, member, "logged in", "staff", member.email)
        elif known:
            trail.note(session, known[0], "log-in refused", "staff", known[1], origin)
    if member is None or not right:
        raise LogInRefused
    return member


def log_out(member: StaffMember) -> None:
    """Write down that somebody goes."""
    with transaction() as session:
        trail.record(session, member, "logged out", "staff", member.email)


def _is_right(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def load(key: str) -> StaffMember | None:
    """Whom a session's key names: None if nobody, disabled, or the password changed since."""
    number = key.partition(".")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    # Every page of staff begins with this, and figures are asked for every other second.
    with translated(), autocommit_engine().connect() as connection:
        found = store.active(connection, int(number))
    if found is None:
        return None
    member = _member(found, found.organisation)
    return member if hmac.compare_digest(member.key, key) else None


def by_email(email: str) -> StaffMember:
    """The person with this address, without a password: for commands only. Raises Unknown."""
    with transaction() as session:
        found = store.by_email(session, email)
        if found is None:
            raise Unknown("Nobody logs in with this address.")
        return _member(found[0], found[1].name)


def add(organisation: str, email: str, name: str, role: str, password: str) -> StaffMember:
    """Give somebody a log-in; the organisation is made if it is new.

    Raises Refusal for an unknown role, an odd address or a short password; StaffExists when
    the address has a log-in.
    """
    if role not in ROLES:
        raise Refusal(f"The role must be one of {', '.join(ROLES)}.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refusal(f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} letters.")
    email = email.strip().lower()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise Refusal("That is not an e-mail address.")
    password_hash = _hasher().hash(password)
    with transaction() as session:
        group = store.organisation(session, organisation.strip())
        row = store.add(session, group.id, email, name.strip(), role, password_hash)
        after = {"name": row.name, "role": role}
        trail.note(session, group.id, "gave a log-in", "staff", email, after=after)
        return _member(row, group.name)


def _member(row: Any, organisation: str) -> StaffMember:
    mark = hashlib.sha256(row.password_hash.encode()).hexdigest()[:16]
    return StaffMember(
        id=row.id,
        organisation_id=row.organisation_id,
        organisation=organisation,
        email=row.email,
        name=row.name,
        role=row.role,
        key=f"{row.id}.{mark}",
    )


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _hash_of_nobody() -> str:
    return _hasher().hash("the password of nobody")
