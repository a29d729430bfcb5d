"""Log-ins are throttled by account and network, and nobody is locked out for ever."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from app.domain.errors import LogInRefused, TooManyTries
from app.domain.staff import Origin
from app.domain.tries import LIMITS, LOG_IN
from app.extensions import db
from app.services import staff, tries
from app.store.models import StaffTry
from tests import factories

HOME, CAFE = Origin("192.0.2.1"), Origin("198.51.100.9")
PAIR, NETWORK, ACCOUNT = LIMITS[LOG_IN].pair, LIMITS[LOG_IN].of_network, LIMITS[LOG_IN].of_account


def email():
    return factories.a_staff_member().email


def wrong(address, origin):
    with pytest.raises(LogInRefused):
        staff.log_in(address, "wrong", origin)


def from_everywhere(address, count=ACCOUNT[0]):
    for number in range(count):
        tries.count(LOG_IN, address, Origin(f"203.0.{number // 200}.{number % 200}"))


def go_by(seconds):
    db.session.execute(
        text("UPDATE staff_tries SET at = at - make_interval(secs => :s)"), {"s": seconds}
    )
    db.session.commit()


def test_after_five_wrong_passwords_the_right_one_has_to_wait_too(app):
    address = email()
    for _ in range(PAIR[0]):
        wrong(address, HOME)
    with pytest.raises(TooManyTries) as refused:
        staff.log_in(address, "password", HOME)
    assert 0 < refused.value.retry_after <= PAIR[1]
    assert staff.log_in(address, "password", CAFE).email == address


def test_an_unknown_address_is_refused_after_as_many_tries_and_as_long(app):
    known, waits = email(), []
    for address in (known, "nobody@example.com"):
        for _ in range(PAIR[0]):
            wrong(address, HOME)
        with pytest.raises(TooManyTries) as refused:
            staff.log_in(address, "wrong", HOME)
        waits.append(refused.value.retry_after)
    assert abs(waits[0] - waits[1]) <= 2


def test_what_is_refused_makes_nobody_wait_longer(app):
    address = email()
    for _ in range(PAIR[0]):
        wrong(address, HOME)
    for _ in range(3):
        with pytest.raises(TooManyTries):
            staff.log_in(address, "password", HOME)
    go_by(PAIR[1])
    assert staff.log_in(address, "password", HOME).email == address


def test_a_log_in_forgets_the_wrong_tries_before_it(app):
    address = email()
    for _ in range(2):
        for _ in range(PAIR[0] - 1):
            wrong(address, HOME)
        staff.log_in(address, "password", HOME)
    assert db.session.scalars(select(StaffTry)).all() == []


def test_one_network_may_not_try_one_password_on_everybody(app):
    for number in range(NETWORK[0]):
        tries.count(LOG_IN, f"person{number}@example.com", HOME)
    with pytest.raises(TooManyTries):
        tries.count(LOG_IN, "another@example.com", HOME)
    tries.count(LOG_IN, "another@example.com", CAFE)


def test_many_networks_may_not_try_one_account_but_its_owner_may_from_where_he_was(app):
    address = email()
    staff.log_in(address, "password", HOME)
    from_everywhere(address)
    with pytest.raises(TooManyTries):
        staff.log_in(address, "password", CAFE)
    assert staff.log_in(address, "password", HOME).email == address


def test_tries_at_the_same_moment_are_counted_one_by_one(app, race):
    outcomes = race(PAIR[0] * 3, lambda number: tries.count(LOG_IN, "a@example.com", HOME))
    assert outcomes.count(None) == PAIR[0]
    assert sum(isinstance(one, TooManyTries) for one in outcomes) == PAIR[0] * 2


def test_with_redis_away_tries_are_counted_all_the_same(app, monkeypatch):
    from app.line.client import LineClient

    def away(*args, **kwargs):
        raise AssertionError("Redis was asked")

    monkeypatch.setattr(LineClient, "run", away)
    test_after_five_wrong_passwords_the_right_one_has_to_wait_too(app)


def test_what_was_typed_as_an_address_is_not_kept(app):
    wrong("my secret password", HOME)
    kept = db.session.execute(text("SELECT * FROM staff_tries")).all()
    assert "my secret password" not in str(kept)


def test_old_tries_are_forgotten(app):
    tries.count(LOG_IN, "a@example.com", HOME)
    go_by(2 * 86_400)
    tries.count(LOG_IN, "b@example.com", CAFE)
    assert len(db.session.scalars(select(StaffTry)).all()) == 1
