"""The tickets of a paid claim."""

from __future__ import annotations

import re

import pytest

from app.domain.tokens import TicketToken
from app.extensions import db, settings
from app.services import catalogue, previews
from app.services.qr import drawing
from app.store.models import Ticket
from tests import factories
from tests.views.browsing import a_claim_of, heading


@pytest.fixture
def claim(client):
    claim = a_claim_of(client, factories.an_event(), quantity=2, state="CONFIRMED")
    for ticket in db.session.query(Ticket).filter_by(claim_id=claim.id):
        ticket.code = f"code-of-ticket-{ticket.number}"
    db.session.commit()
    return claim


def test_each_ticket_has_its_code_and_its_drawing(client, claim):
    html = client.get(f"/claims/{claim.reference}/tickets").text
    assert heading(html) == "Your 2 tickets"
    assert html.count("<svg") == 2
    assert "code-of-ticket-1" in html
    assert "code-of-ticket-2" in html


def test_the_drawings_obey_the_content_policy(client, claim):
    html = client.get(f"/claims/{claim.reference}/tickets").text
    assert "style=" not in html
    assert not re.search(r"<script(?! src=)", html)


def test_the_drawing_holds_the_signed_code(client, claim):
    """Drawn again from the same text, it is the same drawing; from another, another."""
    html = client.get(f"/claims/{claim.reference}/tickets").text
    signed = TicketToken("code-of-ticket-1").sign(settings.secret_key)
    assert drawing(signed) in html
    for other in (
        "code-of-ticket-1",
        TicketToken("code-of-ticket-3").sign(settings.secret_key),
        TicketToken("code-of-ticket-1").sign("another key"),
    ):
        assert drawing(other) not in html
    assert signed not in html, "the signature is for scanners only"


def test_the_tickets_of_a_preview_are_not_signed_by_our_key(app):
    """They look like ours; at the door they are not."""
    event = catalogue.facts(factories.an_event().slug)
    made_up, _ = previews.claim_in(event, "paid")
    shown = previews.tickets_in(made_up)
    assert len(shown) == 2
    for one in shown:
        assert one.qr != drawing(TicketToken(one.code).sign(settings.secret_key))


@pytest.mark.parametrize("state", ["HELD", "EXPIRED", "RELEASED", "REFUNDED"])
def test_before_payment_and_after_a_refund_there_are_none(client, state):
    claim = a_claim_of(client, factories.an_event(), state=state)
    answer = client.get(f"/claims/{claim.reference}/tickets")
    assert answer.status_code == 409
    assert "<svg" not in answer.text
    assert "Back to the claim" in answer.text


def test_the_event_goes_into_a_calendar(client, claim):
    html = client.get(f"/claims/{claim.reference}/tickets").text
    path = f"/claims/{claim.reference}/calendar.ics"
    assert f'href="{path}"' in html
    answer = client.get(path)
    assert answer.mimetype == "text/calendar"
    attached = answer.headers["Content-Disposition"]
    assert attached == f'attachment; filename="{claim.reference}.ics"'
    assert f"UID:{claim.reference}@" in answer.text
    assert "LOCATION:Eko Hotel\\, Lagos" in answer.text
    assert "key=" not in answer.text, "a calendar is shared; the key is not"


def test_a_calendar_is_for_who_may_see_the_tickets(app, client, claim):
    path = f"/claims/{claim.reference}/calendar.ics"
    assert app.test_client().get(path).status_code == 403
    held = a_claim_of(client, factories.an_event())
    assert client.get(f"/claims/{held.reference}/calendar.ics").status_code == 409
