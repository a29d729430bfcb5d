"""The check of a ticket at the door: what the text of a QR code is worth."""

from __future__ import annotations

import logging
import re

import pytest
from sqlalchemy import select

from app.domain.references import ticket_code
from app.domain.tokens import ClaimLink, TicketToken
from app.extensions import db, settings
from app.store.models import Claim, Event, Ticket
from tests import factories
from tests.views.desk import Desk

PAGE = "/support/ticket"


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "support")


@pytest.fixture
def event(desk) -> Event:
    return factories.an_event(organisation=desk.organisation, title="Harbour Lights", capacity=10)


def a_claim(event: Event, **overrides) -> Claim:
    """Two tickets with their codes."""
    claim = factories.a_claim(event, 2, **overrides)
    for ticket in db.session.scalars(select(Ticket).where(Ticket.claim_id == claim.id)):
        ticket.code = ticket_code()
    db.session.commit()
    return claim


def a_paid_claim(event: Event, **overrides) -> Claim:
    paid = factories.utc_now()
    claim = a_claim(event, state="CONFIRMED", confirmed_at=paid, **overrides)
    received = {"received_amount": claim.amount, "received_currency": claim.currency}
    factories.a_payment(claim, state="SUCCEEDED", counts=True, paid_at=paid, **received)
    return claim


def second_of(claim: Claim) -> tuple[int, str]:
    """Number and code of the second ticket."""
    query = select(Ticket.number, Ticket.code).where(Ticket.claim_id == claim.id)
    return tuple(db.session.execute(query.order_by(Ticket.number)).all()[1])


def signed(code: str, key: str = "") -> str:
    return TicketToken(code).sign(key or settings.secret_key)


def check(desk: Desk, text: str) -> tuple[int, str]:
    """Status and page of what a scanner types."""
    answer = desk.send(PAGE, PAGE, ticket=text)
    assert "<h1>Check a ticket</h1>" in answer.text or answer.status_code == 404
    return answer.status_code, answer.text


def test_the_search_leads_to_a_form_that_waits_for_the_scanner(desk):
    assert f'href="{PAGE}"' in desk.get("/support/").text
    page = desk.get(PAGE).text
    box = re.search(r'<input id="ticket"[^>]*>', page)[0]
    assert "autofocus" in box
    assert 'value=""' in box
    assert 'id="verdict"' not in page


def test_a_right_ticket_is_valid_however_often_it_is_shown(desk, event):
    claim = a_paid_claim(event, name="Ada Obi")
    number, code = second_of(claim)
    for scanned in (signed(code), f" {signed(code)}\r\n"):
        status, page = check(desk, scanned)
        assert status == 200
        assert "<strong>Valid for Harbour Lights</strong>" in page
        assert "Eko Hotel, Lagos" in page
        assert f"<dt>Ticket</dt><dd>{number}</dd>" in page
        assert "<dt>Name</dt><dd>Ada Obi</dd>" in page
        assert f'href="/support/claims/{claim.reference}"' in page
        assert "<title>Valid · " in page


@pytest.mark.parametrize(
    "forge",
    [
        lambda code: signed(code, "the key of somebody else"),
        lambda code: signed(code, "the key of somebody else") + signed(code),
        lambda code: signed(code)[:-1],
        lambda code: signed(code).replace(".", ".A", 1)[:-1],
        lambda code: signed(code).lower(),
        lambda code: ClaimLink(code).sign(settings.secret_key),
        lambda code: "9" * 10_000 + signed(code),
        lambda code: "https://example.com/",
        lambda code: "日本語",
    ],
)
def test_what_we_have_not_signed_is_not_one_of_ours(desk, event, forge):
    claim = a_paid_claim(event)
    status, page = check(desk, forge(second_of(claim)[1]))
    assert status == 422
    assert "<strong>Not one of ours.</strong>" in page
    assert claim.reference not in page


def test_a_bare_code_proves_nothing_and_the_search_is_named(desk, event):
    claim = a_paid_claim(event)
    _, code = second_of(claim)
    for typed in (code, code.lower(), " ".join(code), f"{code}.", ticket_code()):
        status, page = check(desk, typed)
        assert status == 422
        assert "only a code, without our signature" in page
        assert "<title>Only a code, no proof · " in page
        assert claim.reference not in page
        assert '<a href="/support/">Search</a>' in page


def test_after_a_refund_a_ticket_is_void_whoever_has_its_number_now(desk, event):
    claim = a_paid_claim(event)
    number, code = second_of(claim)
    page = f"/support/claims/{claim.reference}"
    assert desk.send(page, f"{page}/refund", reason="The fan fell ill.").status_code == 303
    db.session.expire_all()
    again = a_paid_claim(event)
    assert second_of(again)[0] == number
    status, page = check(desk, signed(code))
    assert status == 409
    assert "<strong>Void: this ticket was given back or refunded.</strong>" in page
    assert again.reference not in page
    assert check(desk, signed(second_of(again)[1]))[0] == 200


def test_a_code_counts_only_for_a_claim_that_is_paid(desk, event):
    """What the audit would call a fault opens no door."""
    held = a_claim(event)
    assert check(desk, signed(second_of(held)[1]))[0] == 409


def test_a_ticket_of_another_organisation_is_not_one_of_ours(app, desk, event):
    other = Desk(app, "support")
    claim = a_paid_claim(event, name="Ada Obi")
    scanned = signed(second_of(claim)[1])
    status, page = check(other, scanned)
    assert status == 422
    assert "<strong>Not one of ours.</strong>" in page
    for theirs in (claim.reference, "Ada Obi", "Harbour Lights"):
        assert theirs not in page
    assert check(desk, scanned)[0] == 200


def test_nothing_scanned_is_asked_for_and_a_nul_is_nothing(desk):
    for typed in ("", " \t "):
        status, page = check(desk, typed)
        assert status == 422
        assert "Please scan the QR code of a ticket." in page
        assert 'id="verdict"' not in page
    assert check(desk, "\0" + signed(ticket_code()))[0] == 404


def test_what_was_scanned_is_in_no_page_address_or_log(desk, event, caplog):
    _, code = second_of(a_paid_claim(event))
    with caplog.at_level(logging.DEBUG):
        answers = [
            desk.send(PAGE, PAGE, ticket=scanned)
            for scanned in (signed(code), signed(code, "another key"), code)
        ]
    for answer in answers:
        assert code not in answer.text
        assert answer.location is None
    assert code not in caplog.text


def test_the_verdict_is_in_the_language_of_the_page(desk, event):
    desk.get(f"{PAGE}?lang=fr")
    answer = desk.send(PAGE, PAGE, ticket=signed(second_of(a_paid_claim(event))[1]))
    assert "Valable pour Harbour Lights" in answer.text
