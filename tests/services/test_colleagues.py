"""What an admin does with the people of the own organisation, and of no other."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.domain import errors
from app.extensions import db
from app.services import colleagues, sessions, staff
from app.store.models import StaffAction
from tests import factories


@pytest.fixture
def house(app):
    return factories.an_organisation()


@pytest.fixture
def admin(house):
    return staff.by_email(factories.a_staff_member("admin", house).email)


@pytest.fixture
def other(house):
    return staff.log_in(factories.a_staff_member("support", house).email, "password")


VERBS = [
    colleagues.disable,
    colleagues.enable,
    colleagues.log_out,
    lambda admin, staff_id: colleagues.change_role(admin, staff_id, "support", "admin"),
]


def last():
    action = db.session.scalars(select(StaffAction).order_by(StaffAction.id.desc())).first()
    db.session.rollback()
    return action


def test_who_is_disabled_is_out_at_once_and_stays_out(admin, other):
    colleagues.disable(admin, other.id)
    assert sessions.load(other.key) is None
    with pytest.raises(errors.LogInRefused):
        staff.log_in(other.email, "password")
    assert (last().verb, last().subject) == ("log-in refused", other.email)
    colleagues.enable(admin, other.id)
    assert last().verb == "enabled a log-in"
    assert sessions.load(other.key) is None
    assert staff.log_in(other.email, "password").id == other.id


def test_a_role_is_changed_as_it_was_seen(admin, other):
    colleagues.change_role(admin, other.id, "support", "organiser")
    assert sessions.load(other.key).role == "organiser"
    assert (last().before, last().after) == ({"role": "support"}, {"role": "organiser"})
    for seen, role in (("support", "admin"), ("organiser", "boss")):
        with pytest.raises(errors.StateGone):
            colleagues.change_role(admin, other.id, seen, role)


def test_an_admin_ends_the_sessions_of_somebody(admin, other):
    colleagues.log_out(admin, other.id)
    assert sessions.load(other.key) is None
    assert staff.log_in(other.email, "password").id == other.id


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_does_that_to_oneself_or_to_another_organisation(admin, other, verb):
    with pytest.raises(errors.Refusal):
        verb(admin, admin.id)
    stranger = factories.a_staff_member("support", factories.an_organisation("Elsewhere")).id
    with pytest.raises(errors.Unknown):
        verb(admin, stranger)
    with pytest.raises(errors.Unknown):
        verb(admin, 0)


def test_an_admin_sees_the_people_of_the_own_organisation(admin, other):
    factories.a_staff_member("support", factories.an_organisation("Elsewhere"))
    people, invitations = colleagues.everybody(admin)
    assert {one.email for one in people} == {admin.email, other.email}
    assert invitations == []
