"""Giving people a log-in, from a command and in the demo data."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from app import extensions
from app.domain import errors
from app.extensions import db
from app.services import catalogue, demo, sessions, staff
from app.store.models import Event, Organisation, Staff

PASSWORD = "correct horse battery"


def test_a_log_in_given_by_the_service_works_and_is_kept_as_argon2id(app):
    staff.add("Lagos Live", " Ada@Example.com ", "Ada Obi", "organiser", PASSWORD)
    member = staff.log_in("ada@example.com", PASSWORD)
    assert (member.name, member.role, member.organisation) == ("Ada Obi", "organiser", "Lagos Live")
    assert db.session.scalar(select(Staff.password_hash)).startswith("keyed:$argon2id$")
    assert sessions.load(member.key) == member


def test_people_of_one_organisation_share_it(app):
    for number in range(2):
        staff.add("Lagos Live", f"p{number}@example.com", "P", "support", PASSWORD)
    staff.add("Abuja Stages", "q@example.com", "Q", "support", PASSWORD)
    assert db.session.scalar(select(func.count(Organisation.id))) == 2


@pytest.mark.parametrize(
    ("email", "role", "password"),
    [
        ("ada@example.com", "boss", PASSWORD),
        ("ada@example.com", "admin", "short"),
        ("ada@example.com", "admin", "x" * 129),
        ("ada", "admin", PASSWORD),
        ("@example.com", "admin", PASSWORD),
    ],
)
def test_an_odd_log_in_is_refused(app, email, role, password):
    with pytest.raises(errors.Refusal):
        staff.add("Lagos Live", email, "Ada", role, password)
    assert db.session.scalar(select(func.count(Staff.id))) == 0


def test_one_address_is_one_person(app):
    staff.add("Lagos Live", "ada@example.com", "Ada", "admin", PASSWORD)
    with pytest.raises(errors.StaffExists):
        staff.add("Abuja Stages", "ADA@example.com", "Ada", "admin", PASSWORD)


def test_the_command_adds_somebody_and_says_why_it_does_not(app):
    run = app.test_cli_runner().invoke
    arguments = ["staff", "add", "ada@example.com", "--name", "Ada", "--role", "support"]
    arguments += ["--organisation", "Lagos Live", "--password"]
    added = run(args=[*arguments, PASSWORD])
    assert added.exit_code == 0, added.output
    assert staff.log_in("ada@example.com", PASSWORD).role == "support"
    again = run(args=[*arguments, PASSWORD])
    assert again.exit_code == 1
    assert "already logs in" in again.output


# Demo data


def test_the_demo_has_a_person_of_each_role_and_three_sales(app):
    loaded = demo.load_demo()
    for role, log_in in loaded["staff"].items():
        assert staff.log_in(log_in["email"], log_in["password"]).role == role
    assert set(loaded["staff"]) == {"organiser", "support", "admin"}
    phases = [catalogue.facts(slug).state for slug in loaded["events"]]
    assert phases == ["on_sale", "published", "paused"]
    on_sale = catalogue.facts(loaded["events"][0])
    assert (on_sale.capacity, on_sale.admit_per_minute, on_sale.pass_capacity) == (200, 60, 50)
    assert on_sale.currency == "NGN"


def test_loading_the_demo_again_changes_nothing(app):
    first = demo.load_demo()
    before = db.session.execute(select(Event.id, Event.state, Event.sale_starts_at)).all()
    db.session.rollback()
    assert demo.load_demo() == first
    assert db.session.execute(select(Event.id, Event.state, Event.sale_starts_at)).all() == before
    assert db.session.scalar(select(func.count(Staff.id))) == 3


def test_the_command_prints_the_demo_as_json(app):
    answer = app.test_cli_runner().invoke(args=["demo"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["events"][0] == "harmattan-nights"


def test_there_is_no_demo_outside_development(app, monkeypatch):
    monkeypatch.setattr(extensions.settings, "development", False)
    with pytest.raises(errors.Refusal):
        demo.load_demo()
    assert db.session.scalar(select(func.count(Staff.id))) == 0
