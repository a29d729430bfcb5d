"""The second factor of staff: a code of an app at each log-in, for who has turned it on.

Each code counts once. Who has lost the app has ten recovery codes; who has lost those, an admin;
and the last admin, the operator's command. An organisation may require it of everybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.domain import second_factor as rules
from app.domain.errors import Invalid, LogInRequired, StateGone
from app.domain.said import say
from app.domain.staff import HERE, Origin, StaffMember
from app.domain.tokens import HalfwayToken, new_id
from app.domain.tries import CODE
from app.extensions import settings
from app.services import log_in_news, outbox, sessions, staff, trail, tries
from app.services.qr import drawing
from app.store import second_factor as store
from app.store import sessions as session_store
from app.store import staff as people
from app.store.db import transaction

# So long the password counts that was typed just before the code.
_HALFWAY = timedelta(minutes=10)


class _Used(Invalid):
    """A right code that does not count again."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an app has to be told: a drawing for its camera, and the same in letters."""

    qr: str
    secret: str


def offer(member: StaffMember) -> Offer:
    """What to tell the app. Raises StateGone when the second factor is on already."""
    with transaction() as session:
        seed = store.offer(session, member.id, new_id())
    if seed is None:
        raise StateGone
    key = settings.secret_key
    return Offer(drawing(rules.address(member.email, seed, key)), rules.secret(seed, key))


def turn_on(member: StaffMember, code: str) -> list[str]:
    """Ask for codes from now on, if the app gives the right one: the recovery codes, which nobody
    can show again. Every other session of this person ends.

    Raises TooManyTries, Invalid (field `code`), StateGone.
    """
    tries.count(CODE, member.email, member.origin)
    codes = rules.new_recovery_codes()
    with transaction() as session:
        seed = store.seed(session, member.id)
        step = _step(session, seed, code)
        if step is None:
            raise _wrong()
        if not store.turn_on(session, member.id, step):
            raise StateGone
        store.replace_recovery_codes(session, member.id, map(rules.hash_of, codes))
        session_store.end(session, member.id, but=member.session_id)
        tries.forget(session, CODE, member.email, member.origin)
        trail.record(session, member, "turned the second factor on", "staff", member.email)
        log_in_news.owe(session, member.email, "second factor on", member.origin)
    settings.wake(outbox.MAIL)
    return codes


def turn_off(member: StaffMember, code: str) -> None:
    """Ask for no codes any more. Raises TooManyTries, Invalid (field `code`), and StateGone where
    the organisation requires them."""
    if member.must_have_code:
        raise StateGone(say("Your organisation asks everybody for a code."))
    tries.count(CODE, member.email, member.origin)
    with _used_codes_told(member), transaction() as session:
        _use(session, member, code)
        store.turn_off(session, member.id)
        trail.record(session, member, "turned the second factor off", "staff", member.email)
        log_in_news.owe(session, member.email, "second factor off", member.origin)
    settings.wake(outbox.MAIL)


def new_recovery_codes(member: StaffMember, code: str) -> list[str]:
    """Other recovery codes; those of before are void. Raises TooManyTries, Invalid."""
    tries.count(CODE, member.email, member.origin)
    codes = rules.new_recovery_codes()
    with _used_codes_told(member), transaction() as session:
        _use(session, member, code)
        store.replace_recovery_codes(session, member.id, map(rules.hash_of, codes))
        trail.record(session, member, "made recovery codes", "staff", member.email)
    return codes


def recovery_codes_left(member: StaffMember) -> int:
    with transaction() as session:
        return store.recovery_codes_left(session, member.id)


def halfway(member: StaffMember) -> str:
    """What a browser keeps between the password and the code: signed, for ten minutes, and worth
    nothing once the password is another."""
    with transaction() as session:
        found = people.by_email(session, member.email)
        until = store.database_now(session) + _HALFWAY
        mark = _mark(found[0]) if found else ""
    return HalfwayToken(member.id, mark, int(until.timestamp())).sign(settings.secret_key)


def log_in(text: str, code: str, origin: Origin) -> StaffMember:
    """The person whose password was right just before, in a session, if the code is right, too.

    Raises LogInRequired when that was too long ago, TooManyTries, Invalid (field `code`).
    """
    member = _half_in(text, origin)
    tries.count(CODE, member.email, origin)
    with _used_codes_told(member), transaction() as session:
        _use(session, member, code)
        return sessions.start(session, member, origin)


def take_away(email: str) -> None:
    """For the operator: somebody logs in without a code again. Raises Unknown, StateGone."""
    member = staff.by_email(email)
    with transaction() as session:
        if not store.turn_off(session, member.id):
            raise StateGone
        own = member.organisation_id
        trail.note(session, own, "took the second factor away", "staff", member.email)
        log_in_news.owe(session, member.email, "second factor off", HERE)
    settings.wake(outbox.MAIL)


def take_away_from(session: store.Db, admin: StaffMember, other: Any) -> None:
    """An admin helps somebody who has lost the app and the recovery codes."""
    if store.turn_off(session, other.id):
        session_store.end(session, other.id)
        trail.record(session, admin, "took the second factor away", "staff", other.email)
        log_in_news.owe(session, other.email, "second factor off", admin.origin)


def require(admin: StaffMember, required: bool) -> None:
    """Whether everybody of the organisation has to have a second factor."""
    with transaction() as session:
        if store.require(session, admin.organisation_id, required):
            verb = "required a second factor" if required else "made the second factor optional"
            trail.record(session, admin, verb, "organisation", admin.organisation)


def _half_in(text: str, origin: Origin) -> StaffMember:
    token = HalfwayToken.read(text, settings.secret_key)
    if token is None:
        raise LogInRequired
    with transaction() as session:
        found = people.by_id(session, token.staff_id)
        if found is None or found[0].disabled_at is not None or _mark(found[0]) != token.mark:
            raise LogInRequired
        if store.database_now(session).timestamp() > token.until:
            raise LogInRequired
        return staff.member_of(found[0], found[1], origin)


@contextmanager
def _used_codes_told(member: StaffMember) -> Iterator[None]:
    """A refused code is in the trail, and its owner hears of one that had been used up."""
    try:
        yield
    except Invalid as refusal:
        again = isinstance(refusal, _Used)
        with transaction() as session:
            own, after = member.organisation_id, {"used before": True} if again else {}
            trail.note(
                session, own, "code refused", "staff", member.email, member.origin, after=after
            )
            if again:
                log_in_news.owe(session, member.email, "code again", member.origin)
        if again:
            settings.wake(outbox.MAIL)
        raise


def _use(session: store.Db, member: StaffMember, code: str) -> None:
    """Use up a code of the app, or a recovery code. Raises Invalid; _Used when it is a right code
    of the app, but it or a later one was used before."""
    step = _step(session, store.seed(session, member.id), code)
    if step is not None and store.use_step(session, member.id, step):
        pass
    elif store.use_recovery_code(session, member.id, rules.hash_of(code)):
        trail.record(session, member, "used a recovery code", "staff", member.email)
        log_in_news.owe(session, member.email, "recovery code", member.origin)
    else:
        raise _Used(_wrong().fields) if step is not None else _wrong()
    tries.forget(session, CODE, member.email, member.origin)


def _step(session: store.Db, seed: str | None, code: str) -> int | None:
    if seed is None:
        return None
    return rules.step_of(code, seed, settings.secret_key, store.database_now(session))


def _wrong() -> Invalid:
    return Invalid(
        {"code": say("This code is wrong, or was used already. Please wait for the next.")}
    )


def _mark(row: Any) -> str:
    return hashlib.sha256(row.password_hash.encode()).hexdigest()[:16]
