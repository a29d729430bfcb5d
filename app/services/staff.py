"""Staff: logging in, and who is logged in."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.domain.errors import Invalid, LogInRefused, PasswordCommon, Refusal, Unknown
from app.domain.said import say
from app.domain.staff import ADMIN, HERE, ORGANISER, ROLES, SUPPORT, Origin, StaffMember
from app.domain.tries import LOG_IN
from app.extensions import settings
from app.services import log_in_news, outbox, sessions, trail, tries
from app.services.common_passwords import is_common
from app.store import sessions as session_store
from app.store import staff as store
from app.store.db import transaction

SHORTEST_PASSWORD = 12
# Hashing a megabyte that a stranger posts would cost more than the answer is worth.
LONGEST_PASSWORD = 128
# Before a hash that takes SECRET_KEY as well; those of earlier versions have nothing before them.
_KEYED = "keyed:"

__all__ = ["ADMIN", "ORGANISER", "ROLES", "SUPPORT", "StaffMember"]


def log_in(email: str, password: str, origin: Origin = HERE) -> StaffMember:
    """The person with this address and password, in a session of their own; in none, if a code is
    asked for as well (services/second_factor.py).

    Unknown address, wrong password and disabled account take the same time and get the same
    answer: LogInRefused. Raises TooManyTries, whoever has the address; PasswordCommon to who knows
    a password that should never have been one.
    """
    email = email.strip().lower()
    tries.count(LOG_IN, email, origin)
    # Hashed even when it is not needed: whether this process has made it already must not be
    # what tells a known address from an unknown one.
    stand_in = _hash_of_nobody()
    with transaction() as session:
        found = store.by_email(session, email)
        password_hash = found[0].password_hash if found else stand_in
        member = member_of(*found, origin) if found else None
        enabled = found is not None and found[0].disabled_at is None
    # Hashing takes long, so no connection is held meanwhile.
    right = _is_right(password_hash, password)
    common = right and is_common(password)
    with transaction() as session:
        if member is not None and enabled and right and not common:
            tries.forget(session, LOG_IN, email, origin)
            if member.has_code:
                return member
            return sessions.start(session, member, origin)
        # An address that nobody has belongs to no organisation, whose trail it could be in.
        if member is not None:
            own = member.organisation_id
            trail.note(session, own, "log-in refused", "staff", member.email, origin)
        else:
            # One write as well: a commit that has to reach the disk can be heard from far away.
            tries.refused(session, LOG_IN, email, origin)
    raise PasswordCommon if enabled and common else LogInRefused


def change_password(member: StaffMember, present: str, wanted: str) -> None:
    """Give oneself a new password; every other session of this person ends.

    Raises TooManyTries, Invalid (fields `present`, `wanted`).
    """
    check_password("wanted", wanted)
    make_sure(member, present, "present")
    new_hash = hashed(wanted)
    with transaction() as session:
        store.set_password(session, member.id, new_hash)
        session_store.end(session, member.id, but=member.session_id)
        trail.record(session, member, "changed the password", "staff", member.email)
        log_in_news.owe(session, member.email, "password", member.origin)
    settings.wake(outbox.MAIL)


def make_sure(member: StaffMember, password: str, field: str = "password") -> None:
    """Ask who is logged in for the password again: a browser that was left open is not its owner.

    Raises TooManyTries, Invalid with this field.
    """
    tries.count(LOG_IN, member.email, member.origin)
    with transaction() as session:
        found = store.by_email(session, member.email)
        password_hash = found[0].password_hash if found else _hash_of_nobody()
    if not _is_right(password_hash, password):
        raise Invalid({field: say("This is not your present password.")})
    with transaction() as session:
        tries.forget(session, LOG_IN, member.email, member.origin)


def check_password(field: str, password: str) -> None:
    """Raises Invalid with this field when it is too short, too long, or known to everybody."""
    if wrong := _wrong_with(password):
        raise Invalid({field: wrong})


def _wrong_with(password: str) -> str | None:
    # Several spaces are typed like one, and are as easily guessed.
    letters = len(re.sub(" +", " ", password))
    if letters < SHORTEST_PASSWORD or len(password) > LONGEST_PASSWORD:
        return say(
            "Please use %(shortest)s to %(longest)s letters.",
            shortest=SHORTEST_PASSWORD,
            longest=LONGEST_PASSWORD,
        )
    if is_common(password):
        return say("Many people have this password, so it is tried first. Please choose another.")
    return None


def hashed(password: str) -> str:
    """As it is kept: argon2id, which takes a while on purpose, so call it in no transaction."""
    return _KEYED + _hasher().hash(_with_own_key(password))


def _with_own_key(password: str) -> str:
    """What is hashed: whoever has the database, but not our own key, has nothing to guess at."""
    own_key = f"fairqueue.password.1:{settings.secret_key}".encode()
    mac = blake2b(password.encode(), key=blake2b(own_key, digest_size=32).digest(), digest_size=32)
    return mac.hexdigest()


def _is_right(password_hash: str, password: str) -> bool:
    """One that is too long is nobody's, and takes as long to find out as any other."""
    tried, kept = password[:LONGEST_PASSWORD], password_hash.removeprefix(_KEYED)
    try:
        right = _hasher().verify(kept, _with_own_key(tried) if kept != password_hash else tried)
        return right and len(password) <= LONGEST_PASSWORD
    except (Argon2Error, InvalidHashError):
        return False


def by_email(email: str) -> StaffMember:
    """The person with this address, without a password: for commands only. Raises Unknown."""
    with transaction() as session:
        found = store.by_email(session, email)
        if found is None:
            raise Unknown("Nobody logs in with this address.")
        return member_of(*found)


def add(organisation: str, email: str, name: str, role: str, password: str) -> StaffMember:
    """Give somebody a log-in; the organisation is made if it is new.

    Raises Refusal for an unknown role, an odd address or a short password; StaffExists when
    the address has a log-in.
    """
    if role not in ROLES:
        raise Refusal(f"The role must be one of {', '.join(ROLES)}.")
    if wrong := _wrong_with(password):
        raise Refusal(wrong)
    email = email.strip().lower()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise Refusal("That is not an e-mail address.")
    password_hash = hashed(password)
    with transaction() as session:
        group = store.organisation(session, organisation.strip())
        row = store.add(session, group.id, email, name.strip(), role, password_hash)
        after = {"name": row.name, "role": role}
        trail.note(session, group.id, "gave a log-in", "staff", email, after=after)
        return member_of(row, group)


def member_of(row: Any, group: Any, origin: Origin = HERE) -> StaffMember:
    """Somebody who is in no session, of the rows of the person and the organisation."""
    return StaffMember(
        id=row.id,
        organisation_id=row.organisation_id,
        organisation=group.name,
        email=row.email,
        name=row.name,
        role=row.role,
        has_code=row.totp_since is not None,
        must_have_code=group.second_factor_required,
        origin=origin,
    )


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _hash_of_nobody() -> str:
    return hashed("the password of nobody")
