"""Who is written to in a language reads it behind the mail's link as well, whatever the browser in
which the link is opened asks for."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from app.domain.staff import HERE
from app.extensions import db, settings
from app.services import (
    admission,
    catalogue,
    journal,
    outbox,
    payments,
    refunds,
    staff_links,
    turn_mail,
    verification,
)
from tests import factories
from tests.services.test_mail import caught  # noqa: F401
from tests.services.test_turn_mail import FAST, proven
from tests.views.browsing import join, place_of
from tests.views.test_languages import language_of

ENGLISH = {"Accept-Language": "en"}


def speak_french() -> None:
    db.session.execute(text("UPDATE fans SET language = 'fr'"))
    db.session.commit()


def opened(app: Any, mail: Any) -> str:
    """The page behind the only link in a mail, in a browser that would rather read English."""
    (link,) = set(re.findall(rf"{settings.public_url}\S+", mail.text))
    path = link.removeprefix(settings.public_url)
    browser = app.test_client()
    page = browser.get(path, headers=ENGLISH, follow_redirects=True)
    # The language stays when the address without it is opened.
    again = browser.get(page.request.path, headers=ENGLISH, follow_redirects=True)
    assert language_of(again.text) == language_of(page.text)
    return language_of(page.text)


def test_links_in_mails_to_fans(app: Any, client: Any, caught: Any) -> None:  # noqa: F811
    event = factories.an_event(admit_per_minute=FAST, pass_capacity=1, capacity=9)
    proven(event, 2)
    bought = {"state": "CONFIRMED", "confirmed_at": factories.utc_now()}
    for _ in range(2):
        claim = factories.a_claim(event, **bought)
        factories.a_payment(
            claim,
            state="SUCCEEDED",
            counts=True,
            received_amount=claim.amount,
            received_currency=claim.currency,
            paid_at=factories.utc_now(),
        )
    speak_french()
    admission.admit_once()
    journal.journal_once()
    turn_mail.owe_once()
    with db.session.begin():
        outbox.owe(db.session, outbox.MAIL, "send_tickets", {"claim_id": claim.id - 1})
    refunds.refund_claim(claim.reference, "staff:7", "the fan fell ill")
    db.session.rollback()
    join(client, event)
    verification.ask_code(
        catalogue.facts(event.slug), place_of(client, event), "ada@example.com", "fr"
    )
    while outbox.deliver_once(outbox.MAIL):
        pass
    mails = caught()
    assert len(mails) == 5
    assert {mail.subject: opened(app, mail) for mail in mails} == {
        mail.subject: "fr" for mail in mails
    }


def test_links_in_mails_to_staff(app: Any, caught: Any) -> None:  # noqa: F811
    member = factories.a_staff_member("support")
    staff_links.ask_for_reset(member.email, replace(HERE, language="fr"))
    while outbox.deliver_once(outbox.MAIL):
        pass
    (mail,) = caught()
    assert opened(app, mail) == "fr"


def test_the_way_back_from_the_gateway_is_in_the_fans_language(
    app: Any, bank: Any, deliver: Any
) -> None:
    claim = factories.a_claim(factories.an_event())
    speak_french()
    payments.pay(claim.reference)
    deliver()
    path = bank.charge(f"{claim.reference}-1").callback_url.removeprefix(settings.public_url)
    page = app.test_client().get(path, headers=ENGLISH, follow_redirects=True)
    assert language_of(page.text) == "fr"


def test_a_link_to_another_device_is_in_the_language_of_the_page(app: Any, client: Any) -> None:
    event = factories.an_event()
    join(client, event)
    page = client.post(f"/events/{event.slug}/line/carry", headers={"Accept-Language": "fr"})
    link = re.search(r'id="link" value="([^"]+)"', page.text)[1]
    phone = app.test_client().get(link.removeprefix(settings.public_url), headers=ENGLISH)
    assert language_of(phone.text) == "fr"
