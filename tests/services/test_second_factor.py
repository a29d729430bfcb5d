"""The second factor: turned on, asked for, used once, lost, and required."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, text

from app.domain import errors
from app.domain.staff import Origin
from app.extensions import db
from app.services import colleagues, second_factor, sessions, staff
from app.store.models import OutboxEntry, StaffAction
from tests import factories

THERE = Origin("192.0.2.7", "00000000000000aa", "Firefox")
PASSWORD = "password"


@pytest.fixture
def house(app):
    return factories.an_organisation()


@pytest.fixture
def member(house):
    return staff.log_in(factories.a_staff_member("support", house).email, PASSWORD, THERE)


def app_of(member):
    return pyotp.TOTP(second_factor.offer(member).secret)


def code_of(phone, steps=0):
    """What the app shows, so many half minutes later."""
    return phone.at(factories.utc_now() + timedelta(seconds=30 * steps))


@pytest.fixture
def phone(member):
    """The app of somebody whose second factor is on; the code of this half minute is used."""
    app = app_of(member)
    app.recovery_codes = second_factor.turn_on(member, code_of(app, -1))
    return app


def halfway(member):
    half = staff.log_in(member.email, PASSWORD, THERE)
    assert half.has_code
    assert (half.key, half.session_id) == ("", None)
    return second_factor.halfway(half)


def verbs():
    found = db.session.scalars(select(StaffAction.verb).order_by(StaffAction.id)).all()
    db.session.rollback()
    return found


def told():
    rows = db.session.scalars(select(OutboxEntry.payload).order_by(OutboxEntry.id)).all()
    db.session.rollback()
    return [row["what"] for row in rows]


def test_a_password_alone_opens_no_session_any_more(member, phone):
    found = second_factor.log_in(halfway(member), code_of(phone), THERE)
    assert sessions.load(found.key).id == member.id
    assert verbs()[-3:] == ["logged in", "turned the second factor on", "logged in"]
    assert told() == ["second factor on"]


def test_a_code_counts_once(member, phone):
    code = code_of(phone)
    second_factor.log_in(halfway(member), code, THERE)
    with pytest.raises(errors.Invalid):
        second_factor.log_in(halfway(member), code, THERE)
    assert verbs()[-1] == "code refused"
    second_factor.log_in(halfway(member), code_of(phone, 1), THERE)
    with pytest.raises(errors.Invalid):
        second_factor.log_in(halfway(member), code, THERE)


def test_who_sends_a_used_code_again_is_in_the_trail_and_its_owner_hears_of_it(member, phone):
    code = code_of(phone)
    second_factor.log_in(halfway(member), code, THERE)
    for use in (
        lambda: second_factor.log_in(halfway(member), code, THERE),
        lambda: second_factor.turn_off(member, code),
    ):
        with pytest.raises(errors.Invalid):
            use()
        action = db.session.scalars(select(StaffAction).order_by(StaffAction.id.desc())).first()
        assert (action.verb, action.after) == ("code refused", {"used before": True})
    with pytest.raises(errors.Invalid):
        second_factor.log_in(halfway(member), "abcdef", THERE)
    assert told() == ["second factor on", "code again", "code again"]


def test_a_recovery_code_has_more_chance_than_anybody_can_try(phone):
    chances = [31 ** len(code.replace("-", "")) for code in phone.recovery_codes]
    assert len(set(phone.recovery_codes)) == 10
    assert min(chances) > 2**112


def test_two_at_once_use_one_code_once(member, phone, race):
    half, code = halfway(member), code_of(phone)
    outcomes = race(4, lambda _: second_factor.log_in(half, code, THERE))
    assert sum(not isinstance(one, Exception) for one in outcomes) == 1


def test_the_code_that_turned_it_on_is_used(member):
    phone = app_of(member)
    code = code_of(phone)
    second_factor.turn_on(member, code)
    with pytest.raises(errors.Invalid):
        second_factor.log_in(halfway(member), code, THERE)


def test_a_wrong_code_turns_nothing_on_and_the_offer_stays_the_same(member):
    secret = second_factor.offer(member).secret
    with pytest.raises(errors.Invalid):
        second_factor.turn_on(member, "abcdef")
    assert second_factor.offer(member).secret == secret
    assert sessions.load(member.key).has_code is False


def test_what_is_on_is_shown_to_nobody_again(member, phone):
    with pytest.raises(errors.StateGone):
        second_factor.offer(member)
    with pytest.raises(errors.StateGone):
        second_factor.turn_on(member, code_of(phone))


def test_turning_it_on_ends_the_other_sessions(member):
    other = staff.log_in(member.email, PASSWORD, THERE)
    phone = app_of(member)
    second_factor.turn_on(member, code_of(phone))
    assert sessions.load(other.key) is None
    assert sessions.load(member.key).has_code


def test_codes_cannot_be_guessed(member, phone):
    half = halfway(member)
    for _ in range(5):
        with pytest.raises(errors.Invalid):
            second_factor.log_in(half, "abcdef", THERE)
    with pytest.raises(errors.TooManyTries):
        second_factor.log_in(half, code_of(phone), THERE)


def test_a_recovery_code_counts_once_and_tells_its_owner(member, phone):
    code = phone.recovery_codes[3]
    second_factor.log_in(halfway(member), code.lower(), THERE)
    assert second_factor.recovery_codes_left(member) == 9
    assert told()[-1] == "recovery code"
    with pytest.raises(errors.Invalid):
        second_factor.log_in(halfway(member), code, THERE)


def test_other_recovery_codes_make_those_of_before_void(member, phone):
    codes = second_factor.new_recovery_codes(member, code_of(phone))
    with pytest.raises(errors.Invalid):
        second_factor.log_in(halfway(member), phone.recovery_codes[0], THERE)
    second_factor.log_in(halfway(member), codes[0], THERE)


def test_the_database_keeps_neither_secret_nor_codes(member, phone):
    kept = str(
        [
            *db.session.execute(text("SELECT * FROM staff")),
            *db.session.execute(text("SELECT * FROM staff_recovery_codes")),
        ]
    )
    assert phone.secret not in kept
    assert not any(code.replace("-", "") in kept.replace("-", "") for code in phone.recovery_codes)


def test_halfway_is_over_with_the_password_and_after_ten_minutes(member, phone, monkeypatch):
    half = halfway(member)
    with pytest.raises(errors.LogInRequired):
        second_factor.log_in(half[:-2], code_of(phone), THERE)
    with pytest.raises(errors.LogInRequired):
        second_factor.log_in("", code_of(phone), THERE)
    with monkeypatch.context() as patch:
        patch.setattr(second_factor, "_HALFWAY", timedelta(seconds=-1))
        late = halfway(member)
    with pytest.raises(errors.LogInRequired):
        second_factor.log_in(late, code_of(phone), THERE)
    db.session.execute(text("UPDATE staff SET password_hash = 'another'"))
    db.session.commit()
    with pytest.raises(errors.LogInRequired):
        second_factor.log_in(half, code_of(phone), THERE)


def test_who_is_disabled_between_password_and_code_stays_out(member, phone):
    half = halfway(member)
    db.session.execute(text("UPDATE staff SET disabled_at = now()"))
    db.session.commit()
    with pytest.raises(errors.LogInRequired):
        second_factor.log_in(half, code_of(phone), THERE)


def test_it_is_turned_off_with_a_code_only(member, phone):
    with pytest.raises(errors.Invalid):
        second_factor.turn_off(member, "abcdef")
    second_factor.turn_off(member, code_of(phone))
    assert staff.log_in(member.email, PASSWORD, THERE).key
    assert told()[-1] == "second factor off"


def test_an_organisation_may_require_it(house, member):
    admin = staff.by_email(factories.a_staff_member("admin", house).email)
    second_factor.require(admin, True)
    second_factor.require(admin, True)
    assert verbs()[-1] == "required a second factor"
    assert verbs().count("required a second factor") == 1
    assert sessions.load(member.key).must_have_code
    with pytest.raises(errors.StateGone):
        second_factor.turn_off(sessions.load(member.key), "abcdef")
    second_factor.require(admin, False)
    assert not sessions.load(member.key).must_have_code


def test_an_admin_helps_who_has_lost_everything(house, member, phone):
    admin = replace(staff.by_email(factories.a_staff_member("admin", house).email), origin=THERE)
    colleagues.take_code_away(admin, member.id)
    assert sessions.load(member.key) is None
    assert staff.log_in(member.email, PASSWORD, THERE).key
    assert "took the second factor away" in verbs()
    assert told()[-1] == "second factor off"


def test_the_operators_command_helps_the_last_admin(app, member, phone):
    run = app.test_cli_runner().invoke
    done = run(args=["staff", "without-code", member.email])
    assert done.exit_code == 0, done.output
    assert staff.log_in(member.email, PASSWORD, THERE).key
    assert run(args=["staff", "without-code", member.email]).exit_code == 1
