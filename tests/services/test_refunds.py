"""Money that goes back: asked for once, looked for before it is asked for again, until done."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.domain import errors
from app.extensions import db
from app.services import claims, inbox, payments, refunds
from app.store.models import Claim, InboxEntry, OutboxEntry, Payment, Refund, TimelineEntry
from sandbox.paystack import shapes
from sandbox.paystack.desk import signature
from tests.factories import a_claim, an_event, utc_now


@pytest.fixture
def paid(bank, deliver) -> Claim:
    """A confirmed claim."""
    claim = a_claim(an_event(), quantity=2)
    payments.pay(claim.reference)
    deliver()
    bank.act(f"{claim.reference}-1", "pay")
    payments.ask(claim.reference, "fan")
    deliver()
    db.session.refresh(claim)
    assert claim.state == "CONFIRMED"
    return claim


@pytest.fixture
def owed(paid) -> Refund:
    """The refund of a whole claim; the gateway has not heard of it."""
    refunds.refund_claim(paid.reference, "staff:7", "the fan fell ill")
    return the_refund()


def the_refund() -> Refund:
    db.session.rollback()
    (found,) = db.session.scalars(select(Refund).execution_options(populate_existing=True))
    return found


def news() -> list[str]:
    db.session.rollback()
    rows = db.session.scalars(
        select(OutboxEntry).where(OutboxEntry.kind == "send_refund_news").order_by(OutboxEntry.id)
    )
    return [row.payload["state"] for row in rows]


def verbs() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(TimelineEntry.verb).order_by(TimelineEntry.id)))


def later(deliver, **ago: float) -> None:
    """So much time goes by for the refund; then its beat comes and the lane delivers."""
    db.session.execute(
        text(
            "UPDATE refunds SET asked_at = asked_at - :ago, next_try_at = now(),"
            " taken_until = taken_until - :ago"
        ),
        {"ago": timedelta(**ago)},
    )
    db.session.commit()
    refunds.refunds_once()
    deliver()


def asked(bank) -> int:
    return bank.transport.count("POST", "/refund")


def speak(settings, event) -> None:
    body = json.dumps(event).encode()
    inbox.receive(body, signature(body, settings.paystack_secret_key))


def test_a_whole_claim_is_refunded_and_its_seats_go_back_on_sale(bank, paid, owed, deliver):
    claim, refund = db.session.get(Claim, paid.id), the_refund()
    assert claim.state == "REFUNDED"
    assert claim.tickets == []
    assert (refund.state, refund.amount) == ("owed", claim.amount)
    assert refund.reason == "support: the fan fell ill"
    assert not refund.payment.counts
    free = db.session.scalar(text("SELECT count(*) FROM tickets WHERE claim_id IS NULL"))
    assert free == 100
    assert deliver() == 1
    refund = the_refund()
    assert (refund.state, refund.attempts) == ("pending", 1)
    (there,) = bank.ledger.repayments()
    assert (there.amount, there.currency, there.id) == (claim.amount, "NGN", refund.gateway_id)


def test_it_is_done_when_the_gateway_says_processed(bank, owed, deliver):
    deliver()
    bank.desk.move_refund(the_refund().gateway_id, "processed")
    later(deliver, minutes=1)
    refund = the_refund()
    assert refund.state == "processed"
    assert refund.done_at is not None
    assert refund.next_try_at is None
    assert news() == ["owed", "processed"]
    assert verbs()[-3:] == ["refund owed", "refund pending", "refund processed"]


def test_a_refund_that_moves_through_every_state(bank, owed, deliver):
    deliver()
    for status in ("processing", "needs-attention", "processing", "processed"):
        bank.desk.move_refund(the_refund().gateway_id, status)
        later(deliver, minutes=1)
        assert the_refund().state == status
    assert news() == ["owed", "needs-attention", "processed"]


def test_the_gateways_word_is_only_a_reason_to_ask(bank, owed, deliver, settings):
    deliver()
    id = the_refund().gateway_id
    charge = bank.charge(the_refund().payment.reference)
    bank.desk.move_refund(id, "processed")
    processed = shapes.refund_event(bank.ledger.repayment(id), charge)
    late = {"event": "refund.pending", "data": processed["data"] | {"status": "pending"}}
    db.session.rollback()
    for event in (processed, processed, late):
        speak(settings, event)
        deliver()
    assert the_refund().state == "processed"
    assert len(list(db.session.scalars(select(InboxEntry)))) == 2


def test_words_about_a_refund_that_is_not_ours_are_put_aside(bank, deliver, settings, caplog):
    for data in ({"transaction_reference": "R-9"}, {"transaction_reference": None}, None, []):
        speak(settings, {"event": "refund.processed", "data": data})
    assert deliver() == 4
    assert "not ours" in caplog.text


def test_two_workers_never_ask_twice_for_one_refund(bank, owed, race):
    refund_id = owed.id
    db.session.rollback()
    race(4, lambda _: refunds.advance(refund_id))
    assert asked(bank) == 1
    assert len(bank.ledger.repayments()) == 1


@pytest.mark.parametrize("fault", ["timeout_after", "reset_after", "garbage"])
def test_an_unanswered_call_is_looked_for_before_it_is_asked_again(bank, owed, deliver, fault):
    bank.order(refund=[fault])
    deliver()
    refund = the_refund()
    assert (refund.state, refund.gateway_id) == ("owed", None)
    assert refund.asked_at is not None
    later(deliver, minutes=1)
    assert bank.transport.count("GET", "/refund") == 0, "the gateway gets two minutes"
    later(deliver, minutes=2)
    assert the_refund().state == "pending"
    assert asked(bank) == 1
    assert len(bank.ledger.repayments()) == 1


@pytest.mark.parametrize("fault", ["timeout_before", "reset_before", "500", "502", "408"])
def test_it_is_asked_again_only_when_the_list_does_not_name_it(bank, owed, deliver, fault):
    bank.order(refund=[fault])
    deliver()
    assert bank.ledger.repayments() == []
    later(deliver, minutes=3)
    assert the_refund().state == "pending"
    assert asked(bank) == 2
    assert len(bank.ledger.repayments()) == 1


@pytest.mark.parametrize("fault", ["401", "403", "429"])
def test_a_gateway_that_turns_us_away_need_not_be_waited_for(bank, owed, deliver, fault):
    bank.order(refund=[fault])
    deliver()
    assert the_refund().asked_at is None
    later(deliver, seconds=1)
    assert the_refund().state == "pending"


def test_a_list_that_cannot_be_read_says_nothing(bank, owed, deliver):
    bank.order(refund=["timeout_after"], refunds=["500", "garbage"])
    deliver()
    later(deliver, minutes=3)
    assert asked(bank) == 1
    deliver(hurry=True)
    assert asked(bank) == 1
    deliver(hurry=True)
    assert the_refund().state == "pending"
    assert asked(bank) == 1


def test_every_page_of_the_list_is_read(bank, owed, deliver, monkeypatch):
    bank.order(refund=["timeout_after"])
    deliver()
    for n in range(5):
        charge = bank.ledger.initialize({"email": "a@b.example", "amount": 5, "reference": f"X{n}"})
        bank.desk.act(charge.access_code, "pay")
        bank.desk.refund(bank.charge(f"X{n}"), 5, ("", ""))
    listed = refunds.gateway.refunds
    monkeypatch.setattr(
        refunds.gateway, "refunds", lambda since, page: listed(since=since, page=page, per_page=2)
    )
    later(deliver, minutes=3)
    assert the_refund().state == "pending"
    assert bank.transport.count("GET", "/refund") == 3
    assert asked(bank) == 1


def test_a_worker_that_dies_in_the_middle_asks_no_second_time(bank, owed, deliver, monkeypatch):
    class Killed(BaseException):
        """As if the process had ended here: no line after it runs."""

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(refunds, "_record", die)
    with pytest.raises(Killed):
        deliver()
    monkeypatch.undo()
    assert the_refund().gateway_id is None
    db.session.execute(text("UPDATE outbox SET taken_until = now() - interval '1 second'"))
    later(deliver, minutes=4)
    assert the_refund().state == "pending"
    assert asked(bank) == 1


def test_a_failed_refund_is_tried_until_it_is_done(bank, owed, deliver):
    deliver()
    first = the_refund().gateway_id
    bank.desk.move_refund(first, "failed")
    later(deliver, minutes=1)
    assert the_refund().state == "failed"
    later(deliver, minutes=1)
    refund = the_refund()
    assert refund.state == "pending"
    assert refund.gateway_id != first
    assert asked(bank) == 2
    bank.desk.move_refund(refund.gateway_id, "processed")
    later(deliver, minutes=1)
    assert the_refund().state == "processed"


def test_what_needs_attention_is_settled_by_hand_and_never_asked_for_again(bank, owed, deliver):
    deliver()
    bank.desk.move_refund(the_refund().gateway_id, "needs-attention")
    later(deliver, minutes=1)
    later(deliver, minutes=30)
    assert asked(bank) == 1
    refund = the_refund()
    with pytest.raises(errors.Invalid):
        refunds.settle(refund.id, "staff:7", " ", "needs-attention")
    with pytest.raises(errors.StateGone):
        refunds.settle(refund.id, "staff:7", "by transfer", "failed")
    refunds.settle(refund.id, "staff:7", "by transfer", "needs-attention")
    refund = the_refund()
    assert refund.state == "settled"
    assert refund.next_try_at is None
    assert news() == ["owed", "needs-attention", "settled"]
    with pytest.raises(errors.StateGone):
        refunds.settle(refund.id, "staff:7", "by transfer", "needs-attention")


def test_a_refund_on_its_way_cannot_be_settled_by_hand(bank, owed, deliver):
    deliver()
    with pytest.raises(errors.StateGone):
        refunds.settle(the_refund().id, "staff:7", "by transfer", "pending")


def test_a_refund_needs_a_reason_and_a_confirmed_claim(bank, paid):
    with pytest.raises(errors.Invalid):
        refunds.refund_claim(paid.reference, "staff:7", "  ")
    with pytest.raises(errors.ClaimUnknown):
        refunds.refund_claim("FQ-0000-0000-00", "staff:7", "why not")
    refunds.refund_claim(paid.reference, "staff:7", "the fan fell ill")
    with pytest.raises(errors.StateGone):
        refunds.refund_claim(paid.reference, "staff:7", "the fan fell ill")
    assert len(list(db.session.scalars(select(Refund)))) == 1


def test_a_late_second_success_on_a_refunded_claim_goes_back_too(bank, paid, deliver):
    db.session.add(
        Payment(
            claim_id=paid.id,
            reference=f"{paid.reference}-2",
            amount=paid.amount,
            currency="NGN",
            state="PENDING",
            next_check_at=utc_now(),
        )
    )
    db.session.commit()
    charge = bank.ledger.initialize(
        {"email": "a@b.example", "amount": paid.amount, "reference": f"{paid.reference}-2"}
    )
    refunds.refund_claim(paid.reference, "staff:7", "the fan fell ill")
    bank.desk.act(charge.access_code, "pay")
    payments.payments_once()
    deliver()
    deliver()
    reasons = sorted(db.session.scalars(select(Refund.reason)))
    assert reasons == ["claim was refunded", "support: the fan fell ill"]
    assert len(bank.ledger.repayments()) == 2


def test_the_fan_is_told_by_mail_at_each_turn(bank, owed, deliver, monkeypatch):
    from app.services import mail

    sent: list[tuple[str, str]] = []

    def hand_over(message) -> None:
        sent.append((message["Subject"], message.get_content()))

    monkeypatch.setattr(mail, "_hand_over", hand_over)
    deliver()
    for status in ("needs-attention", "processed"):
        bank.desk.move_refund(the_refund().gateway_id, status)
        later(deliver, minutes=1)
    deliver("mail")
    told = [text for subject, text in sent if "money" in subject or "refund" in subject]
    assert len(told) == 3
    assert "10,000.00" in told[0]
    assert "needs a person’s help" in told[1]
    assert "on its way back to you" in told[2]
    assert all("/claims/FQ-" in text for text in told)


def test_a_claim_that_was_refunded_shows_where_its_money_is(bank, paid, owed, deliver):
    deliver()
    view = claims.look(paid.reference)
    assert view.payments[0].refund_state == "pending"
