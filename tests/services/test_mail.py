"""Mails, caught by the stand-in for a mail server."""

from __future__ import annotations

import smtplib
from dataclasses import replace

import pytest
from sqlalchemy import select

from app import extensions
from app.domain.codes import code_of
from app.extensions import db, settings
from app.services import mail, outbox, verification
from app.services.catalogue import facts
from app.services.line import join
from app.store.models import Fan, OutboxEntry, Ticket, Verification
from sandbox.mailbox import MailCatcher
from tests import factories

CODE = {"code": "123456", "minutes": 10, "title": "Harbour Lights", "link": "http://localhost"}


@pytest.fixture
def caught(app, settings):
    """What was caught, newest first."""
    catcher = MailCatcher()
    catcher.start()
    bound = replace(settings, smtp_url=catcher.smtp_url)
    extensions.settings.bind(bound, None)
    yield catcher.mailbox.newest_first
    extensions.settings.bind(settings, None)
    catcher.stop()


def asked(email="ada@example.com", **event):
    event = factories.an_event(**event)
    token = join(event.slug, "v" * 16)
    verification.ask_code(facts(event.slug), token, email)
    newest = select(Verification.id).order_by(Verification.created_at.desc()).limit(1)
    return event, token, db.session.scalars(newest).one()


def test_a_code_is_sent_to_the_address_and_its_time_starts(caught):
    event, _, key = asked(title="Harbour Lights")
    assert outbox.deliver_once("mail") == 1
    (sent,) = caught()
    code = code_of(key, settings.secret_key)
    assert sent.to == ["ada@example.com"] or sent.to == "ada@example.com"
    assert sent.subject == f"{code} is your code for Harbour Lights"
    assert f"{code[:3]} {code[3:]}" in sent.text
    assert f"{settings.public_url}/events/{event.slug}/verify" in sent.text
    assert db.session.scalar(select(Verification.sent_at)) is not None


def test_a_mail_that_cannot_be_sent_is_owed_and_its_time_does_not_start(app):
    asked()
    assert outbox.deliver_once("mail") == 0
    row = db.session.execute(select(OutboxEntry.done_at, OutboxEntry.attempts)).one()
    assert row == (None, 1)
    assert db.session.scalar(select(Verification.sent_at)) is None


def test_a_silent_mail_server_is_asked_by_one_mail_at_a_time(app, monkeypatch):
    tried = []

    def times_out(*_, **__):
        tried.append(1)
        raise TimeoutError("timed out")

    monkeypatch.setattr(mail.smtplib, "SMTP", times_out)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            mail.send("code", "ada@example.com", "A code", "en", **CODE)
    with pytest.raises(outbox.Later) as told:
        mail.send("code", "ada@example.com", "A code", "en", **CODE)
    assert 0 < told.value.after <= 2
    assert len(tried) == 5


def test_a_mail_server_that_refuses_in_words_is_not_silent(app, monkeypatch):
    def refuses(*_, **__):
        raise smtplib.SMTPConnectError(421, b"too many connections")

    monkeypatch.setattr(mail.smtplib, "SMTP", refuses)
    for _ in range(7):
        with pytest.raises(smtplib.SMTPConnectError):
            mail.send("code", "ada@example.com", "A code", "en", **CODE)


def test_only_the_newest_code_is_sent(caught):
    event, token, old = asked()
    verification.ask_code(facts(event.slug), token, "ada@example.org")
    mail.send_code({"verification_id": old})
    assert caught() == []


def test_a_code_that_was_used_is_not_sent_again(caught):
    event, token, key = asked()
    verification.prove(facts(event.slug), token, code_of(key, settings.secret_key))
    mail.send_code({"verification_id": key})
    assert caught() == []


def test_a_title_with_line_breaks_cannot_add_headers(caught):
    asked(title="Night\r\nBcc: everyone@example.com")
    assert outbox.deliver_once("mail") == 1
    (sent,) = caught()
    assert "Bcc: everyone@example.com" in sent.subject


def paid_claim(**values):
    claim = factories.a_claim(factories.an_event(title="Harbour Lights"), 2, **values)
    for ticket in db.session.query(Ticket).filter_by(claim_id=claim.id):
        ticket.code = f"code-{ticket.number}"
    db.session.commit()
    return claim


def test_tickets_are_sent_with_their_codes_and_a_link(caught):
    claim = paid_claim(state="CONFIRMED")
    mail.send_tickets({"claim_id": claim.id})
    (sent,) = caught()
    assert sent.subject == f"Your tickets for Harbour Lights ({claim.reference})"
    assert "code-1" in sent.text
    assert "code-2" in sent.text
    assert claim.reference in sent.text
    assert "NGN\N{NO-BREAK SPACE}10,000.00" in sent.text


def test_the_e_mailed_ticket_opens(caught, client):
    """The link opens the tickets in a browser that never saw the line."""
    claim = paid_claim(state="CONFIRMED")
    mail.send_tickets({"claim_id": claim.id})
    (sent,) = caught()
    link = next(line for line in sent.text.splitlines() if line.startswith(settings.public_url))
    page = client.get(link.removeprefix(settings.public_url), follow_redirects=True)
    assert page.status_code == 200
    assert page.request.path == f"/claims/{claim.reference}/tickets"
    assert page.text.count("<svg") == 2


def test_tickets_of_a_claim_that_is_not_paid_are_not_sent(caught):
    mail.send_tickets({"claim_id": paid_claim().id})
    mail.send_tickets({"claim_id": 4711})
    assert caught() == []


def test_mails_are_plain_text_with_short_lines(caught):
    claim = paid_claim(state="CONFIRMED")
    mail.send_tickets({"claim_id": claim.id})
    (sent,) = caught()
    assert sent.html is None
    prose = [line for line in sent.text.splitlines() if not line.startswith("http")]
    assert max(map(len, prose)) <= 78


def test_mails_are_written_in_the_language_of_the_page_that_asked(caught):
    event = factories.an_event(title="Harbour Lights")
    token = join(event.slug, "v" * 16)
    verification.ask_code(facts(event.slug), token, "ada@example.com", "fr")
    outbox.deliver_once("mail")
    (sent,) = caught()
    code = sent.subject[:6]
    assert sent.subject == f"{code} est votre code pour Harbour Lights"
    assert "Tapez-le sur la page qui l’a demandé" in sent.text
    verification.prove(facts(event.slug), token, code, "fr")
    fan = db.session.scalars(select(Fan)).one()
    claim = paid_claim(state="CONFIRMED", fan=fan)
    mail.send_tickets({"claim_id": claim.id})
    assert caught()[0].subject == f"Vos billets pour Harbour Lights ({claim.reference})"
    assert "10\N{NARROW NO-BREAK SPACE}000,00\N{NO-BREAK SPACE}NGN" in caught()[0].text
