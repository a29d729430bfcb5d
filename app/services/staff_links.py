"""Links that staff get by mail and that work once: for a forgotten password, and as an invitation.

A link is a signed number of a row. The row alone opens nothing, so neither the database nor the
outbox holds anything that a thief could use; the row says whether the link was used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.domain.errors import Invalid, LinkUnknown, StaffExists, StaffLinkOver, Unknown
from app.domain.said import say
from app.domain.staff import ROLES, Origin, StaffMember
from app.domain.tokens import InvitationToken, ResetToken, new_id
from app.domain.tries import RESET
from app.extensions import settings
from app.services import log_in_news, mail, outbox, staff, trail, tries
from app.services.links import link
from app.services.verification import as_address
from app.store import sessions
from app.store import staff as people
from app.store import staff_links as store
from app.store.db import transaction

RESET_MINUTES = 60
INVITATION_DAYS = 7
LONGEST_NAME = 100
LONGEST_ADDRESS = 254
_A_RESET = "reset"
_AN_INVITATION = "invitation"


@dataclass(frozen=True, slots=True)
class Link:
    """A living link: to whom it went, of which organisation, and as what (invitations only)."""

    email: str
    organisation: str
    role: str | None


def ask_for_reset(email: str, origin: Origin) -> None:
    """Owe a mail to this address, if it is somebody's. Raises TooManyTries.

    Whether it is, only the worker finds out: here known and unknown addresses are the same work.
    """
    email = email.strip().lower()[:LONGEST_ADDRESS]
    tries.count(RESET, email, origin)
    payload = {
        "link_id": new_id(),
        "email": email,
        "language": origin.language,
        "address": origin.address,
        "request_id": origin.request_id,
    }
    with transaction() as session:
        outbox.owe(session, outbox.MAIL, "send_reset", payload)
    settings.wake(outbox.MAIL)


def send_reset(payload: Mapping[str, Any]) -> None:
    """Make the link and send it: the handler of `send_reset`."""
    with transaction() as session:
        found = people.by_email(session, payload["email"])
        if found is None or found[0].disabled_at is not None:
            return
        who, group = found
        link_id, email, name = payload["link_id"], who.email, who.name
        made = store.add(
            session,
            timedelta(minutes=RESET_MINUTES),
            id=link_id,
            kind=_A_RESET,
            organisation_id=group.id,
            staff_id=who.id,
            email=email,
        )
        if made:
            origin = Origin(payload["address"], payload["request_id"])
            trail.note(session, group.id, "asked for a new password", "staff", email, origin)
    token = ResetToken(link_id).sign(settings.secret_key)
    mail.send(
        "reset",
        email,
        say("A new password for FairQueue"),
        payload["language"],
        name=name,
        minutes=RESET_MINUTES,
        link=link(f"/staff/reset/{token}", payload["language"]),
    )


def look_at_reset(text: str) -> Link:
    """Whose password a link changes. Raises LinkUnknown, StaffLinkOver."""
    return _look(_A_RESET, _number_of(ResetToken.read(text, settings.secret_key)))


def reset(text: str, password: str, origin: Origin) -> None:
    """Give somebody a new password, once; all sessions of this person end.

    Raises LinkUnknown, StaffLinkOver, Invalid (field `password`).
    """
    link_id = _number_of(ResetToken.read(text, settings.secret_key))
    _look(_A_RESET, link_id)
    staff.check_password("password", password)
    new_hash = staff.hashed(password)
    with transaction() as session:
        found = _use(session, link_id, _A_RESET)
        # Whatever other links are on their way, and whoever was in, the password decides now.
        store.end(session, _A_RESET, found.organisation_id, found.email)
        people.set_password(session, found.staff_id, new_hash)
        sessions.end(session, found.staff_id)
        trail.note(
            session,
            found.organisation_id,
            "changed a forgotten password",
            "staff",
            found.email,
            origin,
            found.staff_id,
        )
        log_in_news.owe(session, found.email, "password", origin)
    settings.wake(outbox.MAIL)


def invite(admin: StaffMember, email: str, role: str) -> None:
    """Owe somebody an invitation; an earlier one to this address is over.

    Raises Invalid (fields `email`, `role`).
    """
    email = as_address(email)
    if role not in ROLES:
        raise Invalid({"role": say("Please choose what this person is to do.")})
    link_id = new_id()
    with transaction() as session:
        if people.by_email(session, email) is not None:
            raise Invalid({"email": say("Somebody already logs in with this address.")})
        store.end(session, _AN_INVITATION, admin.organisation_id, email)
        store.add(
            session,
            timedelta(days=INVITATION_DAYS),
            id=link_id,
            kind=_AN_INVITATION,
            organisation_id=admin.organisation_id,
            staff_id=admin.id,
            email=email,
            role=role,
        )
        payload = {"link_id": link_id, "language": admin.origin.language}
        outbox.owe(session, outbox.MAIL, "send_invitation", payload, key=f"invitation:{link_id}")
        trail.record(session, admin, "invited", "staff", email, after={"role": role})
    settings.wake(outbox.MAIL)


def send_invitation(payload: Mapping[str, Any]) -> None:
    """Send an invitation, unless it was withdrawn: the handler of `send_invitation`."""
    with transaction() as session:
        found = store.find(session, payload["link_id"], _AN_INVITATION)
    if found is None or not found.alive:
        return
    token = InvitationToken(found.id).sign(settings.secret_key)
    mail.send(
        "invitation",
        found.email,
        say("%(organisation)s invites you to FairQueue", organisation=found.organisation),
        payload["language"],
        who=found.name,
        organisation=found.organisation,
        days=INVITATION_DAYS,
        link=link(f"/staff/invitation/{token}", payload["language"]),
    )


def look_at_invitation(text: str) -> Link:
    """What a link invites to. Raises LinkUnknown, StaffLinkOver."""
    return _look(_AN_INVITATION, _number_of(InvitationToken.read(text, settings.secret_key)))


def accept(text: str, name: str, password: str, origin: Origin) -> None:
    """Make the log-in that a link invites to, once.

    Raises LinkUnknown, StaffLinkOver, StaffExists, Invalid (fields `name`, `password`).
    """
    link_id = _number_of(InvitationToken.read(text, settings.secret_key))
    _look(_AN_INVITATION, link_id)
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid({"name": say("Please tell your colleagues your name.")})
    staff.check_password("password", password)
    new_hash = staff.hashed(password)
    with transaction() as session:
        found = _use(session, link_id, _AN_INVITATION)
        if people.by_email(session, found.email) is not None:
            raise StaffExists
        row = people.add(session, found.organisation_id, found.email, name, found.role, new_hash)
        trail.note(
            session,
            found.organisation_id,
            "accepted an invitation",
            "staff",
            found.email,
            origin,
            row.id,
            after={"name": name, "role": found.role},
        )


def withdraw(admin: StaffMember, link_id: str) -> None:
    """End an invitation that nobody has accepted; one that is over stays so. Raises Unknown for one
    that is not this organisation's."""
    with transaction() as session:
        found = store.find(session, link_id, _AN_INVITATION)
        if found is None or found.organisation_id != admin.organisation_id:
            raise Unknown
        if store.use(session, link_id, _AN_INVITATION):
            trail.record(session, admin, "withdrew an invitation", "staff", found.email)


def _number_of(token: ResetToken | InvitationToken | None) -> str:
    if token is None:
        raise LinkUnknown
    return token.link_id


def _look(kind: str, link_id: str) -> Link:
    with transaction() as session:
        found = store.find(session, link_id, kind)
    if found is None or not found.alive:
        # A mail may be older than what is kept of it.
        raise StaffLinkOver
    return Link(found.email, found.organisation, found.role)


def _use(session: store.Db, link_id: str, kind: str) -> Any:
    """The row of a link that is used up hereby."""
    found = store.find(session, link_id, kind)
    if found is None or not found.alive or not store.use(session, link_id, kind):
        raise StaffLinkOver
    return found
