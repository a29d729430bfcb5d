"""Giving a claim back."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.store.models import Ticket, TimelineEntry
from tests import factories
from tests.views.browsing import a_claim_of, heading


@pytest.fixture
def claim(client):
    return a_claim_of(client, factories.an_event(), quantity=2)


def test_a_held_claim_is_given_back_and_its_tickets_are_free(client, claim):
    answer = client.post(f"/claims/{claim.reference}/release", follow_redirects=True)
    assert heading(answer.text) == "You gave the tickets back"
    assert "Nothing was charged" in answer.text
    taken = select(func.count()).select_from(Ticket).where(Ticket.claim_id.is_not(None))
    assert db.session.scalar(taken) == 0
    last = db.session.execute(select(TimelineEntry.actor, TimelineEntry.verb)).one()
    assert last == ("fan", "released")


def test_giving_back_is_asked_for_once_and_says_its_cost(client, claim):
    html = client.get(f"/claims/{claim.reference}").text
    assert "<summary>Give the tickets back</summary>" in html
    assert "This cannot be undone" in html


@pytest.mark.parametrize("state", ["CONFIRMED", "EXPIRED", "RELEASED"])
def test_only_a_held_claim_can_be_given_back(client, claim, state):
    claim.state = state
    db.session.commit()
    answer = client.post(f"/claims/{claim.reference}/release")
    assert answer.status_code == 409
    assert heading(answer.text) == "This has changed"


def test_a_link_alone_gives_nothing_back(client, claim):
    assert client.get(f"/claims/{claim.reference}/release").status_code == 405
