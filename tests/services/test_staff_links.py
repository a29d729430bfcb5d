"""Forgotten passwords and invitations: links that work once."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text

from app.domain import errors
from app.domain.staff import Origin
from app.domain.tokens import InvitationToken, ResetToken
from app.extensions import db, settings
from app.services import mail, outbox, sessions, staff, staff_links
from app.store.models import OutboxEntry, StaffAction, StaffLink
from tests import factories

THERE = Origin("192.0.2.7", "00000000000000aa", "Firefox", "fr")
NEW = "a much longer password"


@pytest.fixture
def mails(app, monkeypatch):
    sent = []

    def send(template, to, subject, language, /, **values):
        sent.append((template, to, language, values))

    monkeypatch.setattr(mail, "send", send)
    return sent


@pytest.fixture
def admin(app):
    member = staff.by_email(factories.a_staff_member("admin").email)
    return replace(member, origin=THERE)


def asked(email):
    """The link that a mail brings to who has forgotten the password."""
    staff_links.ask_for_reset(email, THERE)
    outbox.deliver_once(outbox.MAIL)


def link_of(mails):
    return urlsplit(mails[-1][3]["link"]).path.rpartition("/")[2]


def verbs():
    found = db.session.scalars(select(StaffAction.verb).order_by(StaffAction.id)).all()
    db.session.rollback()
    return found


def test_a_forgotten_password_is_changed_once_and_ends_all_sessions(app, mails):
    email = factories.a_staff_member().email
    before = staff.log_in(email, "password", THERE)
    asked(email.upper())
    (name, to, language, _) = mails[-1]
    assert (name, to, language) == ("reset", email, "fr")
    link = link_of(mails)
    assert staff_links.look_at_reset(link).email == email
    staff_links.reset(link, NEW, THERE)
    assert sessions.load(before.key) is None
    assert staff.log_in(email, NEW, THERE).email == email
    with pytest.raises(errors.LogInRefused):
        staff.log_in(email, "password", THERE)
    for use in (staff_links.look_at_reset, lambda text: staff_links.reset(text, NEW, THERE)):
        with pytest.raises(errors.StaffLinkOver):
            use(link)
    outbox.deliver_once(outbox.MAIL)
    assert (mails[-1][0], mails[-1][1], mails[-1][3]["what"]) == (
        "log_in_changed",
        email,
        "password",
    )
    assert "asked for a new password" in verbs()
    assert "changed a forgotten password" in verbs()


def test_asking_does_the_same_whether_anybody_has_the_address(app, mails):
    known = factories.a_staff_member().email
    for email in (known, "nobody@example.com"):
        staff_links.ask_for_reset(email, THERE)
    rows = db.session.execute(select(OutboxEntry.kind, OutboxEntry.payload)).all()
    db.session.rollback()
    assert [kind for kind, _ in rows] == ["send_reset"] * 2
    assert set(rows[0][1]) == set(rows[1][1])
    assert db.session.scalars(select(StaffLink)).all() == []
    outbox.deliver_once(outbox.MAIL)
    assert [to for _, to, _, _ in mails] == [known]


def test_somebody_disabled_gets_no_link_and_uses_none(app, mails):
    email = factories.a_staff_member().email
    asked(email)
    db.session.execute(text("UPDATE staff SET disabled_at = now()"))
    db.session.commit()
    with pytest.raises(errors.StaffLinkOver):
        staff_links.reset(link_of(mails), NEW, THERE)
    asked(email)
    assert len(mails) == 1


def test_a_link_runs_out(app, mails):
    asked(factories.a_staff_member().email)
    db.session.execute(text("UPDATE staff_links SET expires_at = now()"))
    db.session.commit()
    with pytest.raises(errors.StaffLinkOver):
        staff_links.reset(link_of(mails), NEW, THERE)


def test_the_newest_password_ends_the_other_links(app, mails):
    email = factories.a_staff_member().email
    asked(email)
    first = link_of(mails)
    asked(email)
    staff_links.reset(link_of(mails), NEW, THERE)
    with pytest.raises(errors.StaffLinkOver):
        staff_links.reset(first, NEW, THERE)


def test_a_short_password_uses_nothing_up(app, mails):
    asked(factories.a_staff_member().email)
    with pytest.raises(errors.Invalid):
        staff_links.reset(link_of(mails), "short", THERE)
    staff_links.reset(link_of(mails), NEW, THERE)


def test_two_at_once_use_a_link_once(app, mails, race):
    asked(factories.a_staff_member().email)
    link = link_of(mails)
    outcomes = race(4, lambda number: staff_links.reset(link, f"{NEW} {number}", THERE))
    assert outcomes.count(None) == 1
    assert sum(isinstance(one, errors.StaffLinkOver | errors.Conflict) for one in outcomes) == 3


def test_what_the_database_keeps_opens_nothing(app, mails):
    asked(factories.a_staff_member().email)
    kept = db.session.scalar(select(StaffLink.id))
    db.session.rollback()
    for text_ in (kept, f"{kept}.", f"{kept}.{'A' * 32}", InvitationToken(kept).sign("x" * 16)):
        with pytest.raises(errors.LinkUnknown):
            staff_links.look_at_reset(text_)
    link = link_of(mails)
    assert link != kept
    assert link not in str(db.session.execute(text("SELECT payload FROM outbox")).all())


def test_a_link_of_one_kind_is_none_of_the_other(app, mails, admin):
    asked(admin.email)
    reset = db.session.scalar(select(StaffLink.id))
    db.session.rollback()
    crossed = InvitationToken(reset).sign(settings.secret_key)
    with pytest.raises(errors.StaffLinkOver):
        staff_links.accept(crossed, "Eve", NEW, THERE)
    with pytest.raises(errors.LinkUnknown):
        staff_links.look_at_reset(crossed)


def test_one_address_is_not_flooded_with_mails(app):
    for _ in range(3):
        staff_links.ask_for_reset("ada@example.com", THERE)
    with pytest.raises(errors.TooManyTries):
        staff_links.ask_for_reset("ada@example.com", THERE)


# Invitations


def test_an_invitation_makes_a_log_in_of_the_role_once(mails, admin):
    staff_links.invite(admin, " Bisi@Example.com ", "support")
    outbox.deliver_once(outbox.MAIL)
    name, to, _, values = mails[-1]
    assert (name, to, values["who"]) == ("invitation", "bisi@example.com", admin.name)
    link = link_of(mails)
    shown = staff_links.look_at_invitation(link)
    assert (shown.role, shown.organisation) == ("support", admin.organisation)
    staff_links.accept(link, " Bisi  Ade ", NEW, THERE)
    member = staff.log_in("bisi@example.com", NEW, THERE)
    assert (member.name, member.role) == ("Bisi Ade", "support")
    assert member.organisation_id == admin.organisation_id
    with pytest.raises(errors.StaffLinkOver):
        staff_links.accept(link, "Eve", NEW, THERE)
    assert verbs() == ["invited", "accepted an invitation", "logged in"]


@pytest.mark.parametrize(
    ("email", "role", "field"),
    [("nobody", "support", "email"), ("a@example.com", "boss", "role")],
)
def test_an_odd_invitation_is_refused(admin, email, role, field):
    with pytest.raises(errors.Invalid) as refused:
        staff_links.invite(admin, email, role)
    assert list(refused.value.fields) == [field]


def test_who_logs_in_already_is_not_invited(admin):
    with pytest.raises(errors.Invalid):
        staff_links.invite(admin, admin.email, "support")


def test_an_invitation_that_was_withdrawn_or_made_anew_is_over(mails, admin):
    staff_links.invite(admin, "bisi@example.com", "admin")
    outbox.deliver_once(outbox.MAIL)
    first = link_of(mails)
    staff_links.invite(admin, "bisi@example.com", "support")
    outbox.deliver_once(outbox.MAIL)
    second = link_of(mails)
    with pytest.raises(errors.StaffLinkOver):
        staff_links.accept(first, "Bisi", NEW, THERE)
    token = InvitationToken.read(second, settings.secret_key)
    stranger = staff.by_email(
        factories.a_staff_member("admin", factories.an_organisation("Elsewhere")).email
    )
    with pytest.raises(errors.Unknown):
        staff_links.withdraw(stranger, token.link_id)
    assert staff_links.look_at_invitation(second).role == "support"
    staff_links.withdraw(admin, token.link_id)
    with pytest.raises(errors.StaffLinkOver):
        staff_links.accept(second, "Bisi", NEW, THERE)


def test_the_invitation_of_somebody_who_was_disabled_since_is_over(mails, admin):
    staff_links.invite(admin, "bisi@example.com", "admin")
    outbox.deliver_once(outbox.MAIL)
    db.session.execute(text("UPDATE staff SET disabled_at = now()"))
    db.session.commit()
    with pytest.raises(errors.StaffLinkOver):
        staff_links.accept(link_of(mails), "Bisi", NEW, THERE)


def test_each_token_has_a_purpose_of_its_own():
    key = "k" * 16
    assert ResetToken.read(InvitationToken("x" * 16).sign(key), key) is None
    assert InvitationToken.read(ResetToken("x" * 16).sign(key), key) is None
