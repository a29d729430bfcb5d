"""The claim: what it holds, until when, where the money is, and who may see it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.tokens import ClaimLink, PlaceToken
from app.extensions import db, settings
from app.services.mail import claim_link
from app.store.models import Refund
from tests import factories
from tests.views.browsing import a_claim_of, as_fan, cookie, heading, hold


@pytest.fixture
def event(app):
    return factories.an_event(hold_seconds=600)


def page(client, claim):
    answer = client.get(f"/claims/{claim.reference}")
    assert answer.status_code == 200
    return answer.text


def test_a_held_claim_shows_deadline_price_and_one_button(client, event):
    claim = a_claim_of(client, event, quantity=2)
    html = page(client, claim)
    assert heading(html) == "2 tickets are held for you"
    assert "Held until" in html
    assert "Pay NGN\N{NO-BREAK SPACE}10,000.00" in html
    assert claim.reference in html
    assert html.count('class="big"') == 1


def test_the_browser_that_made_the_claim_keeps_it_even_if_it_forgets_the_fan(client, event):
    reference = hold(client, event)
    client.delete_cookie("fq_fan")
    assert client.get(f"/claims/{reference}").status_code == 200


def test_a_reference_opens_nothing_by_itself(app, client, event):
    claim = factories.a_claim(event, name="Ada Secret")
    as_fan(client, factories.a_fan().id)
    for browser in (client, app.test_client()):
        for path in ("", "/status", "/tickets", "/return"):
            answer = browser.get(f"/claims/{claim.reference}{path}")
            assert answer.status_code == 403
            assert "Ada Secret" not in answer.text
        for path in ("/pay", "/release"):
            assert browser.post(f"/claims/{claim.reference}{path}").status_code == 403
    assert heading(client.get(f"/claims/{claim.reference}").text) == "This page is private"


def test_an_unknown_reference_is_404(client, event):
    for reference in ("FQ-0000-0000-00", "nonsense", "FQ-" + "9" * 400, "%00"):
        assert client.get(f"/claims/{reference}").status_code == 404


def test_a_reference_may_be_typed_carelessly(client, event):
    claim = a_claim_of(client, event)
    typed = claim.reference.lower().replace("-", "")
    assert client.get(f"/claims/{typed}").status_code == 200


def test_the_link_in_the_mail_opens_the_claim_in_any_browser(client, event):
    claim = factories.a_claim(event)
    link = claim_link(claim.reference, "en").removeprefix(settings.public_url)
    answer = client.get(link)
    assert answer.status_code == 303
    assert answer.location == f"/claims/{claim.reference}"
    assert "key" not in answer.location
    assert client.get(answer.location).status_code == 200


def test_the_link_of_one_claim_does_not_open_another(client, event):
    mine, theirs = factories.a_claim(event), factories.a_claim(event)
    key = ClaimLink(mine.reference).sign(settings.secret_key)
    assert client.get(f"/claims/{theirs.reference}?key={key}").status_code == 403
    client.set_cookie(f"fq_claim_{theirs.reference}", key)
    assert client.get(f"/claims/{theirs.reference}").status_code == 403


def test_a_forged_link_opens_nothing(client, event):
    claim = factories.a_claim(event)
    forged = ClaimLink(claim.reference).sign("another secret key altogether")
    assert client.get(f"/claims/{claim.reference}?key={forged}").status_code == 403
    place = PlaceToken(event.id, 1, "x" * 16, 1).sign(settings.secret_key)
    client.set_cookie(f"fq_claim_{claim.reference}", place)
    client.set_cookie("fq_fan", place)
    assert client.get(f"/claims/{claim.reference}").status_code == 403


def test_while_the_gateway_is_asked_for_an_address_the_page_says_so_and_looks_again(client, event):
    claim = a_claim_of(client, event)
    factories.a_payment(claim)
    html = page(client, claim)
    assert "We are asking the payment service for your payment page" in html
    assert 'hx-trigger="every 2s' in html
    assert '<noscript><meta http-equiv="refresh"' in html
    assert "Pay NGN" not in html


def test_once_the_gateway_has_named_the_address_there_is_a_link(client, event):
    claim = a_claim_of(client, event)
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    html = page(client, claim)
    assert '<a class="button big" href="https://pay.example/x"' in html
    assert "Continue to payment" in html


def test_a_poll_goes_to_the_gateway_only_right_after_pay_was_pressed(client, event):
    claim = a_claim_of(client, event)
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x")
    polled = {"HX-Request": "true"}
    quiet = client.get(f"/claims/{claim.reference}/status", headers=polled)
    assert "HX-Redirect" not in quiet.headers
    assert "Continue to payment" in quiet.text
    pressed = client.get(f"/claims/{claim.reference}/status?go=1", headers=polled)
    assert pressed.headers["HX-Redirect"] == "https://pay.example/x"


def test_a_declined_payment_may_be_tried_again(client, event):
    claim = a_claim_of(client, event)
    factories.a_payment(claim, state="FAILED")
    html = page(client, claim)
    assert heading(html) == "The payment did not go through"
    assert "Nothing was charged" in html
    assert "Pay NGN" in html


def test_a_paid_claim_leads_to_its_tickets_and_asks_no_more(client, event):
    claim = a_claim_of(client, event, quantity=2, state="CONFIRMED")
    html = page(client, claim)
    assert heading(html) == "Your tickets are paid"
    assert f'href="/claims/{claim.reference}/tickets"' in html
    assert "hx-trigger" not in html


def test_a_hold_that_ran_out_says_that_nothing_was_charged(client, event):
    claim = a_claim_of(client, event, state="EXPIRED", ended_at=factories.utc_now())
    html = page(client, claim)
    assert heading(html) == "The hold has run out"
    assert "Nothing was charged" in html
    assert "Pay NGN" not in html
    assert "hx-trigger" not in html


def test_money_that_came_too_late_is_accounted_for_in_words(client, event):
    claim = a_claim_of(client, event, state="EXPIRED", ended_at=factories.utc_now())
    payment = factories.a_payment(
        claim, state="SUCCEEDED", received_amount=500_000, paid_at=factories.utc_now()
    )
    refund = Refund(payment_id=payment.id, amount=500_000, currency="NGN", reason="none left")
    db.session.add(refund)
    db.session.commit()
    html = page(client, claim)
    assert "We received <strong>NGN\N{NO-BREAK SPACE}5,000.00</strong>" in html
    assert "It is on its way back to you" in html
    refund.state = "processed"
    db.session.commit()
    assert "It has been sent back to you" in page(client, claim)


def test_an_overdue_hold_with_a_payment_on_its_way_is_not_called_lost(client, event):
    past = factories.utc_now() - timedelta(seconds=30)
    claim = a_claim_of(client, event, held_until=past)
    factories.a_payment(claim, state="PENDING")
    html = page(client, claim)
    assert heading(html) == "Waiting for the payment"
    assert "Held while we ask about your payment" in html


def test_a_claim_page_is_kept_by_no_cache_and_shown_to_no_other_site(client, event):
    claim = a_claim_of(client, event)
    headers = client.get(f"/claims/{claim.reference}").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert cookie(client, "fq_staff") is None


def a_refund(claim, reason: str, amount: int = 500_000, currency: str = "NGN") -> Refund:
    payment = factories.a_payment(
        claim,
        state="SUCCEEDED",
        received_amount=amount,
        received_currency=currency,
        paid_at=factories.utc_now(),
    )
    refund = Refund(payment_id=payment.id, amount=amount, currency=currency, reason=reason)
    db.session.add(refund)
    db.session.commit()
    return refund


def test_a_wrong_sum_goes_back_and_the_claim_can_still_be_paid(client, event):
    claim = a_claim_of(client, event)
    a_refund(claim, "wrong amount", 250_000)
    html = page(client, claim)
    assert "We received <strong>NGN\N{NO-BREAK SPACE}2,500.00</strong>" in html
    assert "is not the price of these tickets" in html
    assert "Pay NGN" in html


def test_a_second_payment_of_a_paid_claim_goes_back(client, event):
    claim = a_claim_of(client, event, state="CONFIRMED")
    refund = a_refund(claim, "paid twice")
    html = page(client, claim)
    assert heading(html) == "Your ticket is paid"
    assert "one payment is enough" in html
    assert "It is on its way back to you" in html
    assert "every 60s" in html
    refund.state = "settled"
    db.session.commit()
    html = page(client, claim)
    assert "Our support has given it back to you" in html
    assert "hx-trigger" not in html


def test_who_paid_in_time_reads_so(client, event):
    claim = a_claim_of(client, event, state="EXPIRED", ended_at=factories.utc_now())
    a_refund(claim, "no tickets left")
    assert "You paid in time" in page(client, claim)


def test_a_refunded_claim_says_where_its_money_is(client, event):
    claim = a_claim_of(client, event, state="REFUNDED", ended_at=factories.utc_now())
    a_refund(claim, "support: the fan fell ill")
    html = page(client, claim)
    assert heading(html) == "Your money goes back to you"
    assert "It is on its way back to you" in html


def test_a_fan_who_comes_back_declined_may_try_again_at_once(client, event):
    claim = a_claim_of(client, event)
    factories.a_payment(claim, state="FAILED", gateway_status="failed")
    html = client.get(f"/claims/{claim.reference}?back=1").text
    assert heading(html) == "The payment did not go through"
    assert "Pay NGN" in html


def test_a_fan_who_comes_back_without_paying_is_told_so(client, event):
    claim = a_claim_of(client, event)
    factories.a_payment(
        claim,
        state="PENDING",
        gateway_status="abandoned",
        authorization_url="https://pay.example/x",
    )
    html = client.get(f"/claims/{claim.reference}?back=1").text
    assert "nothing has been paid yet" in html
    assert "continue to payment" in html


def test_the_page_tells_what_happened_to_the_money(client, event):
    claim = a_claim_of(client, event, state="CONFIRMED")
    factories.a_payment(claim, state="FAILED")
    factories.a_payment(claim, state="SUCCEEDED", counts=True, paid_at=factories.utc_now())
    html = page(client, claim)
    assert "What happened to your money" in html
    assert "it did not go through. Nothing was charged." in html
    assert "You paid NGN\N{NO-BREAK SPACE}5,000.00 for these tickets." in html
