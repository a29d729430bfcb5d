"""Support's page of a claim: where the money is, and the two buttons that move it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.services import refunds
from app.store.models import Claim, OutboxEntry, Refund
from tests import factories
from tests.stories import Stories
from tests.views.desk import Desk, has_form, hidden_fields


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "support")


@pytest.fixture
def stories(desk, bank, deliver) -> Stories:
    event = factories.an_event(organisation=desk.organisation, capacity=10)
    return Stories(event, bank, deliver)


@pytest.fixture
def stuck(stories) -> Claim:
    claim = stories.paid()
    stories.refunded(claim, "needs-attention")
    return claim


def page_of(claim: Claim) -> str:
    return f"/support/claims/{claim.reference}"


def text_of(desk: Desk, claim: Claim) -> str:
    db.session.rollback()
    return words(desk.get(page_of(claim)).text)


def words(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_before_the_button_was_pressed_the_money_is_with_the_fan(desk, stories):
    assert "has not pressed “Pay”" in text_of(desk, factories.a_claim(stories.event))


def test_the_page_says_where_the_money_is_at_every_turn(desk, stories):
    claim = stories.opened()
    assert "NGN 5,000.00 is in doubt" in text_of(desk, claim)
    stories.did(claim, "decline")
    assert "nothing was charged as far as we know" in text_of(desk, claim)
    stories.did(claim, "pay")
    assert "is with the organiser and pays for these tickets" in text_of(desk, claim)
    refunds.refund_claim(claim.reference, "staff:7", "ill")
    assert "is owed to the fan" in text_of(desk, claim)
    stories.deliver()
    for state, said in (
        ("processing", "on its way back"),
        ("needs-attention", "cannot send it back without a person"),
        ("failed", "could not send it back"),
    ):
        refund = stories.refund_of(claim)
        stories.bank.desk.move_refund(refund.gateway_id, state)
        db.session.rollback()
        refunds.advance(refund.id)
        assert said in text_of(desk, claim), state
    stories.bank.order(refund=["timeout_after"])
    db.session.rollback()
    refunds.advance(refund.id)
    page = text_of(desk, claim)
    assert "heard nothing; we look whether it has begun" in page
    assert "cannot be settled by hand this moment" in page


def test_done_is_said_with_its_day(desk, stories):
    back, settled = stories.paid(), stories.settled()
    stories.refunded(back, "processed")
    assert "was sent back to the fan" in text_of(desk, back)
    assert "Banks take up to ten working days" in text_of(desk, back)
    claim = db.session.get(Refund, settled.id).payment.claim
    page = text_of(desk, claim)
    assert "was given back by hand" in page
    assert "cash at the door" in page


def test_the_gateways_own_log_stands_beside_our_timeline(desk, stories):
    claim = stories.did(stories.declined(), "pay")
    page = text_of(desk, claim)
    for said in (
        "The gateway’s own log", "Error: Declined", "Successfully paid with card",
        "Timeline", "Payment failed by the gateway", "Confirmed by the gateway",
    ):  # fmt: skip
        assert said in page, said


def test_a_log_with_markup_in_it_is_only_text(desk, stories):
    claim = stories.paid()
    payment = claim.payments[0]
    payment.gateway_log = {"history": [{"type": "<b>", "message": "<script>x</script>"}]}
    db.session.commit()
    html = desk.get(page_of(claim)).text
    assert "<script>x" not in html
    assert "&lt;script&gt;x" in html


def test_what_came_in_wrong_is_shown_beside_what_was_asked_for(desk, stories):
    page = text_of(desk, stories.wrong("wrong_amount"))
    for said in (
        "NGN 5,000.00",
        "NGN 2,500.00",
        "not what was asked for",
        "another sum than the price",
    ):
        assert said in page, said


def test_each_payment_of_a_claim_is_there(desk, stories):
    stories.twice()
    claim = db.session.scalars(select(Claim)).one()
    page = text_of(desk, claim)
    assert f"{claim.reference}-1" in page
    assert f"{claim.reference}-2" in page
    assert "Paid; goes back: paid twice." in page
    assert "is with the organiser" in page


def test_a_whole_claim_is_refunded_with_a_reason(desk, stories):
    claim = stories.paid(2)
    answer = desk.send(page_of(claim), f"{page_of(claim)}/refund", reason="The fan fell ill.")
    assert (answer.status_code, answer.location) == (303, page_of(claim))
    page = text_of(desk, claim)
    for said in ("on sale again", "Refunded by support", "The fan fell ill.", desk.name):
        assert said in page, said
    assert not has_form(desk.get(page_of(claim)).text, f"{page_of(claim)}/refund")


def test_without_a_reason_it_is_422_and_the_form_stays_open(desk, stories):
    claim = stories.paid()
    answer = desk.send(page_of(claim), f"{page_of(claim)}/refund", reason=" ")
    assert answer.status_code == 422
    assert re.search(r'<details class="confirm" open>\s*<summary>Refund', answer.text)
    assert "Please say why." in answer.text
    assert stories.fresh(claim).state == "CONFIRMED"


def test_too_long_a_reason_is_422_and_is_kept(desk, stories):
    claim = stories.paid()
    reason = "<very long> " * 30
    answer = desk.send(page_of(claim), f"{page_of(claim)}/refund", reason=reason)
    assert answer.status_code == 422
    assert "&lt;very long&gt; &lt;very long&gt;" in answer.text
    # Corrected on that same page, it goes through.
    action = f"{page_of(claim)}/refund"
    fields = hidden_fields(answer.text, action) | {"reason": "shorter"}
    assert desk.client.post(action, data=fields).status_code == 303


def test_a_stuck_refund_is_settled_with_a_note(desk, stuck):
    action = f"{page_of(stuck)}/settle"
    answer = desk.send(page_of(stuck), action, note="Bank transfer, 12 May.")
    assert answer.status_code == 303
    page = text_of(desk, stuck)
    for said in ("Settled by hand", "Bank transfer, 12 May.", desk.name):
        assert said in page, said
    assert not has_form(desk.get(page_of(stuck)).text, action)


def test_a_note_that_is_too_long_is_kept_in_the_form_that_it_was_typed_in(desk, stuck):
    note = "x" * 201
    answer = desk.send(page_of(stuck), f"{page_of(stuck)}/settle", note=note)
    assert answer.status_code == 422
    assert f'value="{note}"' in answer.text
    assert re.search(r'<details class="confirm" open>\s*<summary>It is settled', answer.text)


@pytest.mark.parametrize(
    ("button", "fields"), [("refund", {"reason": "ill"}), ("settle", {"note": "cash"})]
)
def test_on_an_old_page_nothing_is_done_and_it_shows_how_it_stands(
    desk, stories, stuck, button, fields
):
    claim = stories.paid() if button == "refund" else stuck
    action = f"{page_of(claim)}/{button}"
    before = db.session.scalar(select(func.count(OutboxEntry.id)))
    answer = desk.send(page_of(claim), action, seen="HELD PENDING", **fields)
    assert answer.status_code == 409
    assert "nothing was done" in answer.text
    assert ("Paid" if button == "refund" else "Refund needs a person") in answer.text
    db.session.rollback()
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == before


def test_the_same_form_sent_twice_refunds_once(desk, stories):
    claim = stories.paid()
    action = f"{page_of(claim)}/refund"
    fields = hidden_fields(desk.get(page_of(claim)).text, action) | {"reason": "ill"}
    statuses = [desk.client.post(action, data=fields).status_code for _ in range(2)]
    assert statuses == [303, 409]


def test_claims_of_another_organisation_are_404(app, stories, stuck):
    other = Desk(app, "support", factories.an_organisation("Abuja Stages"))
    with other.client.session_transaction() as session:
        session["form"] = "token"
    data = {"form_token": "token", "seen": "CONFIRMED SUCCEEDED", "reason": "x", "note": "x"}
    for button in ("refund", "settle"):
        assert other.client.post(f"{page_of(stuck)}/{button}", data=data).status_code == 404
    assert stories.refund_of(stuck).state == "needs-attention"


def test_refunds_that_need_a_look_are_listed_until_they_are_done(app, desk, stories, stuck):
    wrong, quiet = stories.wrong("wrong_amount"), stories.paid()
    stories.refunded(quiet, "pending")
    stories.settled()
    page = desk.get("/support/").text
    assert re.findall(r'class="ref" href="[^"]*">([^<]*)<', page) == [
        stuck.reference, wrong.reference,
    ]  # fmt: skip
    assert "Refund needs a person" in page
    assert "another sum than the price" in page
    other = Desk(app, "support", factories.an_organisation("Abuja Stages"))
    assert stuck.reference not in other.get("/support/").text


def test_a_gateway_that_does_not_answer_is_said(desk, stories):
    claim = stories.paid()
    assert "has not answered" not in text_of(desk, claim)
    db.session.add(
        OutboxEntry(lane="money", kind="verify_payment", payload={}, attempts=3, last_error="502")
    )
    db.session.commit()
    assert "The gateway has not answered since" in text_of(desk, claim)
    assert "The gateway has not answered since" in words(desk.get("/support/").text)
