"""The domains that no code is sent to, which the organiser edits."""

from __future__ import annotations

import pytest

from app.domain.addresses import MOST
from app.extensions import db
from app.store.models import StaffAction, Verification
from tests import factories
from tests.views.browsing import heading, join
from tests.views.desk import Desk

PAGE = "/organiser/addresses/"


@pytest.fixture
def desk(app):
    return Desk(app, "organiser")


def ask(client, event, email):
    return client.post(f"/events/{event.slug}/verify", data={"email": email})


def test_an_address_of_the_usual_list_is_refused_with_a_sentence_and_the_form_kept(client, app):
    event = factories.an_event()
    join(client, event)
    for email in ("ada@mailinator.com", "ada@eu.mailinator.com"):
        answer = ask(client, event, email)
        assert answer.status_code == 422
        assert "This sale takes no addresses of this kind." in answer.text
        assert f'value="{email}"' in answer.text
    assert db.session.scalar(db.select(db.func.count(Verification.id))) == 0
    assert ask(client, event, "ada@notmailinator.com").status_code == 303


def test_the_organisers_own_list_takes_the_place_of_the_usual_one(client, desk):
    event = factories.an_event(organisation=desk.organisation)
    elsewhere = factories.an_event()
    assert "mailinator.com" in desk.get(PAGE).text
    answer = desk.send(PAGE, None, domains="Bots.example\n@spam.test, bots.example")
    assert answer.status_code == 303
    join(client, event)
    assert ask(client, event, "a@x.bots.example").status_code == 422
    assert ask(client, event, "a@mailinator.com").status_code == 303
    join(client, elsewhere)
    assert ask(client, elsewhere, "a@bots.example").status_code == 303
    db.session.rollback()
    (action,) = db.session.scalars(
        db.select(StaffAction).where(StaffAction.verb == "changed the refused domains")
    )
    assert action.after == {"refused": "bots.example spam.test"}
    assert "mailinator.com" in action.before["refused"]


def test_an_empty_list_refuses_nobody(client, desk):
    event = factories.an_event(organisation=desk.organisation)
    assert desk.send(PAGE, None, domains="").status_code == 303
    join(client, event)
    assert ask(client, event, "ada@mailinator.com").status_code == 303


def test_a_place_whose_address_is_proven_may_ask_again_after_the_list_has_changed(app, desk):
    event = factories.an_event(organisation=desk.organisation)
    buyer = factories.a_buyer(event, factories.a_fan("ada@bots.example"))
    desk.send(PAGE, None, domains="bots.example")
    from tests.views.browsing import as_buyer

    client = app.test_client()
    as_buyer(client, buyer)
    assert ask(client, event, buyer.email).status_code == 303


@pytest.mark.parametrize(
    "typed",
    ["example", "a b.com\nno domain!", "-a.com", "x@example.com", "é.com", "9.9.9.9"],
)
def test_what_is_no_domain_is_422_and_is_kept(desk, typed):
    answer = desk.send(PAGE, None, domains=typed)
    assert answer.status_code == 422
    assert "is no domain like example.com." in answer.text
    assert typed.split("\n")[0].split()[-1] in answer.text


def test_a_list_that_is_too_long_or_has_changed_since_is_not_saved(desk):
    many = "\n".join(f"d{number}.example" for number in range(MOST + 1))
    assert desk.send(PAGE, None, domains=many).status_code == 422
    answer = desk.send(PAGE, None, domains="a.example", seen="another list")
    assert answer.status_code == 409
    assert heading(answer.text) == "This has changed"
    assert "mailinator.com" in desk.get(PAGE).text
