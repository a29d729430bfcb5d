"""Sessions of staff end: by time, by hand, everywhere, and with the password."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from app.domain.errors import Invalid
from app.domain.staff import Origin
from app.extensions import db
from app.services import sessions, staff
from app.store.models import OutboxEntry
from tests import factories


def log_in(email):
    return staff.log_in(email, "password", Origin("192.0.2.1", "0" * 16, "Firefox"))


@pytest.fixture
def email(app):
    return factories.a_staff_member().email


def go_by(column, seconds):
    db.session.execute(
        text(f"UPDATE staff_sessions SET {column} = {column} - make_interval(secs => :s)"),
        {"s": seconds},
    )
    db.session.commit()


def living(*members):
    return [sessions.load(member.key) is not None for member in members]


@pytest.mark.parametrize("key", ["", "x", "1", "1.wrong", "²", "9" * 300])
def test_a_key_that_opens_nothing_loads_nobody(email, key):
    log_in(email)
    assert sessions.load(key) is None


def test_postgres_keeps_no_key(email):
    member = log_in(email)
    kept = str(db.session.execute(text("SELECT * FROM staff_sessions")).all())
    assert len(member.key) >= 32
    assert member.key not in kept


def test_each_log_in_is_a_session_of_its_own(email):
    first, second = log_in(email), log_in(email)
    assert first.key != second.key
    shown = sessions.living(second)
    assert [(one.here, one.address, one.browser) for one in shown] == [
        (True, "192.0.2.1", "Firefox"),
        (False, "192.0.2.1", "Firefox"),
    ]


def test_a_session_ends_when_nobody_opens_a_page(email, settings):
    member = log_in(email)
    go_by("seen_at", settings.staff_idle - 60)
    loaded = sessions.load(member.key)
    assert loaded.stale
    sessions.seen(loaded)
    go_by("seen_at", settings.staff_idle - 60)
    assert living(member) == [True]
    go_by("seen_at", 61)
    assert living(member) == [False]


def test_a_session_ends_in_the_end_however_busy(email, settings):
    member = log_in(email)
    go_by("created_at", settings.staff_session + 1)
    assert living(member) == [False]


def test_logging_out_ends_this_session_in_the_database(email):
    first, second = log_in(email), log_in(email)
    sessions.log_out(first)
    assert living(first, second) == [False, True]


def test_one_session_can_be_ended_from_another(email):
    first, second = log_in(email), log_in(email)
    sessions.end(second, first.session_id)
    assert living(first, second) == [False, True]


def test_nobody_ends_the_session_of_somebody_else(email):
    mine, other = log_in(email), log_in(factories.a_staff_member().email)
    sessions.end(other, mine.session_id)
    assert living(mine) == [True]


def test_logging_out_everywhere_ends_them_all_and_nobody_elses(email):
    first, second = log_in(email), log_in(email)
    other = log_in(factories.a_staff_member().email)
    sessions.log_out_everywhere(first)
    assert living(first, second, other) == [False, False, True]


def test_a_new_password_ends_all_other_sessions(email):
    first, second = log_in(email), log_in(email)
    with pytest.raises(Invalid):
        staff.change_password(second, "wrong", "a much longer one")
    with pytest.raises(Invalid):
        staff.change_password(second, "password", "short")
    assert living(first, second) == [True, True]
    staff.change_password(second, "password", "a much longer one")
    assert living(first, second) == [False, True]
    assert staff.log_in(email, "a much longer one").email == email


def test_a_log_in_from_a_new_place_tells_its_owner_by_mail(email):
    def enter(address, browser):
        staff.log_in(email, "password", Origin(address, "0" * 16, browser))
        return db.session.scalars(select(OutboxEntry.payload["what"].astext)).all()

    assert enter("192.0.2.1", "Firefox") == []
    assert enter("192.0.2.1", "Safari") == []
    assert enter("198.51.100.7", "Safari") == []
    assert enter("203.0.113.9", "Chrome") == ["new place"]
    assert enter("203.0.113.9", "Chrome") == ["new place"]


def test_a_disabled_account_has_no_living_session(email):
    member = log_in(email)
    db.session.execute(text("UPDATE staff SET disabled_at = now()"))
    db.session.commit()
    assert living(member) == [False]
