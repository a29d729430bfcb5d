"""Use cases of money: paying, what the gateway says, refunds, webhooks and mails."""

from __future__ import annotations

import json
from collections.abc import Callable

from app.domain import errors
from app.services import claims, inbox, outbox, payments, refunds
from jobs import ticks
from sandbox.paystack import shapes
from sandbox.paystack.desk import signature
from tests.faults import failpoint_world
from tests.faults.failpoint_world import Act, Life, Sale, UseCases, World, a_sale, again

USE_CASES = UseCases()


def held(quantity: int = 2, **event: int) -> tuple[Sale, str]:
    """A sale, and the reference of a claim on it."""
    sale = a_sale(**event)
    return sale, sale.buyers[0].claim(quantity)


def deliver() -> None:
    failpoint_world.deliver(outbox.MONEY)


def opened(quantity: int = 2, **event: int) -> tuple[Sale, str]:
    """The fan has pressed Pay, and the checkout is open."""
    sale, claim = held(quantity, **event)
    payments.pay(claim)
    deliver()
    return sale, claim


def paid(world: World, **event: int) -> tuple[Sale, str]:
    """The fan has paid, and comes back."""
    sale, claim = opened(**event)
    world.at_checkout(claim)
    payments.ask(claim, "fan")
    return sale, claim


def confirmed(world: World, **event: int) -> tuple[Sale, str]:
    sale, claim = paid(world, **event)
    deliver()
    return sale, claim


def run_out(world: World, claim: str) -> None:
    """The hold is over, and the claim has lost its tickets."""
    world.change("UPDATE claims SET held_until = now() - interval '1 hour'")
    ticks.expire()
    assert claims.look(claim).state == "EXPIRED"


def bought(world: World, claim: str) -> None:
    """The one right result: tickets with codes, one payment that counts, and the mail."""
    view = claims.look(claim)
    assert view.state == "CONFIRMED"
    assert [payment.counts for payment in view.payments].count(True) == 1
    assert len({ticket.code for ticket in view.tickets}) == view.quantity
    world.deliver()
    assert world.mails_to(view.email)[0].subject.startswith("Your tickets")


def given_back(world: World, claim: str, state: str) -> None:
    """The one right result: all that came in went back, once, and the fan was told."""
    view = claims.look(claim)
    assert view.state == state
    assert [payment.refund_state for payment in view.payments] == ["processed"]
    assert len(world.ledger.repayments()) == 1
    subjects = {mail.subject.partition(" for ")[0] for mail in world.mails_to(view.email)}
    assert {"Your money", "Your refund"} <= subjects


# -- paying


@USE_CASES
def a_fan_presses_pay(world: World) -> Life:
    _, claim = held()
    yield lambda: payments.pay(claim)
    world.pays(claim)
    assert len(claims.look(claim).payments) == 1
    bought(world, claim)


@USE_CASES
def the_gateway_hears_of_a_payment(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    yield deliver
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def the_first_answer_of_the_gateway_was_lost(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    world.order(initialize=["reset_after"])
    deliver()
    world.pass_time()
    yield world.next_of(outbox.MONEY)
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def the_lost_payment_was_paid(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    world.order(initialize=["reset_after"])
    deliver()
    world.at_checkout(claim)
    world.pass_time()
    yield world.next_of(outbox.MONEY)
    bought(world, claim)
    assert len(claims.look(claim).payments) == 1


@USE_CASES
def the_gateway_refuses_a_payment(world: World) -> Life:
    sale = a_sale()
    world.change("UPDATE fans SET email = 'nowhere'")
    world.change("UPDATE verifications SET email = 'nowhere'")
    object.__setattr__(sale.buyers[0], "email", "nowhere")
    claim = sale.buyers[0].claim(2, "the form")
    payments.pay(claim)
    yield world.next_of(outbox.MONEY)
    assert [payment.state for payment in claims.look(claim).payments] == ["FAILED"]
    assert payments.pay(claim) is None, "the fan may try again"


@USE_CASES
def the_gateway_is_not_to_be_heard(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    world.order(initialize=["502"])
    yield world.next_of(outbox.MONEY)
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def the_hold_ends_before_the_gateway_hears_of_the_payment(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    world.change("UPDATE claims SET held_until = now() - interval '1 day'")
    world.change("UPDATE payments SET created_at = now() - interval '2 days'")
    claims.expire_once()
    yield world.next_of(outbox.MONEY)
    assert [payment.state for payment in claims.look(claim).payments] == ["ABANDONED"]


# -- what became of it


@USE_CASES
def a_fan_comes_back_from_the_gateway(world: World) -> Life:
    _, claim = opened()
    world.at_checkout(claim)
    yield lambda: payments.ask(claim, "fan")
    payments.ask(claim, "fan")
    bought(world, claim)


@USE_CASES
def a_success_is_heard(world: World) -> Life:
    _, claim = paid(world)
    yield world.next_of(outbox.MONEY)
    payments.ask(claim, "fan")
    bought(world, claim)


@USE_CASES
def a_declined_card(world: World) -> Life:
    _, claim = opened()
    world.at_checkout(claim, "decline")
    payments.ask(claim, "fan")
    yield world.next_of(outbox.MONEY)
    assert [payment.state for payment in claims.look(claim).payments] == ["FAILED"]
    world.pays(claim)
    bought(world, claim)


@USE_CASES
def the_gateway_does_not_know_the_payment(world: World) -> Life:
    _, claim = held()
    payments.pay(claim)
    payments.ask(claim, "staff:7")
    world.change("UPDATE outbox SET done_at = now() WHERE kind = 'initialize_payment'")
    yield world.next_of(outbox.MONEY)
    assert world.rows("SELECT state, attempts > 0 FROM payments") == [("INITIALIZING", True)]


@USE_CASES
def the_question_is_not_answered(world: World) -> Life:
    _, claim = paid(world)
    world.order(verify=["502"])
    yield world.next_of(outbox.MONEY)
    bought(world, claim)


@USE_CASES
def the_payments_beat(world: World) -> Life:
    """A payment and a refund are due for a question."""
    _, claim = opened()
    world.at_checkout(claim)
    _, other = confirmed(world)
    refunds.refund_claim(other, "staff:7", "the fan fell ill")
    deliver()
    world.pass_time()
    yield ticks.payments
    bought(world, claim)
    assert claims.look(other).state == "REFUNDED"


@USE_CASES
def a_late_success_finds_tickets(world: World) -> Life:
    _, claim = opened()
    world.at_checkout(claim)
    run_out(world, claim)
    payments.ask(claim, "fan")
    yield world.next_of(outbox.MONEY)
    bought(world, claim)


@USE_CASES
def a_late_success_finds_none(world: World) -> Life:
    sale, claim = opened(2, capacity=2, fans=2)
    world.at_checkout(claim)
    run_out(world, claim)
    sale.buyers[1].claim(1, "another form")
    payments.ask(claim, "fan")
    yield world.next_of(outbox.MONEY)
    given_back(world, claim, "EXPIRED")


@USE_CASES
def a_wrong_sum(world: World) -> Life:
    _, claim = opened()
    world.order(pay=["wrong_amount"])
    world.at_checkout(claim)
    payments.ask(claim, "fan")
    yield world.next_of(outbox.MONEY)
    given_back(world, claim, "HELD")


@USE_CASES
def a_success_for_a_claim_that_was_given_back(world: World) -> Life:
    _, claim = opened()
    claims.release(claim, "fan")
    world.at_checkout(claim)
    payments.ask(claim, "staff:7")
    yield world.next_of(outbox.MONEY)
    given_back(world, claim, "RELEASED")


# -- webhooks


def webhook(world: World, event: dict[str, object]) -> Act:
    """The gateway sends an event."""
    body = json.dumps(event).encode()
    signed = signature(body, world.settings.paystack_secret_key)
    return lambda: inbox.receive(body, signed)


def charge_event(world: World, claim: str) -> dict[str, object]:
    charge = world.ledger.charge(reference=f"{claim}-1")
    assert charge is not None
    return dict(shapes.charge_event(charge))


@USE_CASES
def a_webhook_comes(world: World) -> Life:
    _, claim = opened()
    world.at_checkout(claim)
    come = webhook(world, charge_event(world, claim))
    yield come
    come()
    assert world.rows("SELECT count(*) FROM inbox") == [(1,)]
    bought(world, claim)


@USE_CASES
def a_webhook_is_worked_off(world: World) -> Life:
    _, claim = opened()
    world.at_checkout(claim)
    come = webhook(world, charge_event(world, claim))
    come()
    yield world.next_of(outbox.MONEY)
    come()
    bought(world, claim)


@USE_CASES
def a_webhook_says_another_sum(world: World) -> Life:
    """The gateway's own books are asked before anything follows."""
    _, claim = opened()
    world.at_checkout(claim)
    event = charge_event(world, claim)
    event["data"]["amount"] += 1  # type: ignore[index]
    webhook(world, event)()
    yield world.next_of(outbox.MONEY)
    bought(world, claim)


@USE_CASES
def a_webhook_about_a_refund(world: World) -> Life:
    _, claim = refund_owed(world)
    deliver()
    (refund,) = world.ledger.repayments()
    world.desk.move_refund(refund.id, "processed")
    charge = world.ledger.charge(reference=f"{claim}-1")
    assert charge is not None
    come = webhook(world, shapes.refund_event(refund, charge))
    come()
    yield world.next_of(outbox.MONEY)
    come()
    given_back(world, claim, "REFUNDED")


# -- money that goes back


def refund_owed(world: World) -> tuple[Sale, str]:
    sale, claim = confirmed(world)
    refunds.refund_claim(claim, "staff:7", "the fan fell ill")
    return sale, claim


def step(world: World) -> Callable[[], None]:
    """The next step of the only refund."""
    ((refund,),) = world.rows("SELECT id FROM refunds")
    return lambda: refunds.advance(refund)


@USE_CASES
def support_refunds_a_claim(world: World) -> Life:
    _, claim = confirmed(world)

    def refund() -> None:
        refunds.refund_claim(claim, "staff:7", "the fan fell ill")

    yield refund
    again(refund, errors.StateGone)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def the_gateway_is_asked_for_a_refund(world: World) -> Life:
    _, claim = refund_owed(world)
    yield world.next_of(outbox.MONEY)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def the_gateway_does_not_answer_about_a_refund(world: World) -> Life:
    _, claim = refund_owed(world)
    world.order(refund=["reset_after"])
    yield world.next_of(outbox.MONEY)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def the_answer_about_a_refund_is_lost(world: World) -> Life:
    """It is looked for in the gateway's list, and found."""
    _, claim = refund_owed(world)
    world.order(refund=["reset_after"])
    deliver()
    world.pass_time()
    yield step(world)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def the_question_for_a_refund_is_lost(world: World) -> Life:
    """It is looked for in the gateway's list, not found, and asked for again."""
    _, claim = refund_owed(world)
    world.order(refund=["reset_before"])
    deliver()
    world.pass_time()
    yield step(world)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def the_list_of_refunds_is_not_to_be_had(world: World) -> Life:
    _, claim = refund_owed(world)
    world.order(refund=["reset_after"], refunds=["502"])
    deliver()
    world.pass_time()

    def look() -> None:
        again(step(world), outbox.Later)

    yield look
    given_back(world, claim, "REFUNDED")


@USE_CASES
def an_unanswered_refund_waits(world: World) -> Life:
    _, claim = refund_owed(world)
    world.order(refund=["reset_after"])
    deliver()
    yield step(world)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def a_refund_is_asked_about(world: World) -> Life:
    _, claim = refund_owed(world)
    deliver()
    world.desk.move_refund(world.ledger.repayments()[0].id, "processed")
    yield step(world)
    given_back(world, claim, "REFUNDED")


@USE_CASES
def a_refund_is_settled_by_hand(world: World) -> Life:
    _, claim = refund_owed(world)
    deliver()
    world.desk.move_refund(world.ledger.repayments()[0].id, "failed")
    step(world)()
    ((refund, state),) = world.rows("SELECT id, state FROM refunds")

    def settle() -> None:
        refunds.settle(refund, "staff:7", "cash at the door", state)

    yield settle
    again(settle, errors.StateGone)
    assert claims.look(claim).payments[0].refund_state in ("settled", "processed")


# -- mails


@USE_CASES
def the_tickets_are_mailed(world: World) -> Life:
    _, claim = confirmed(world)
    yield world.next_of(outbox.MAIL)
    bought(world, claim)


@USE_CASES
def news_of_a_refund_are_mailed(world: World) -> Life:
    _, claim = confirmed(world)
    failpoint_world.deliver(outbox.MAIL)
    refunds.refund_claim(claim, "staff:7", "the fan fell ill")
    yield world.next_of(outbox.MAIL)
    given_back(world, claim, "REFUNDED")
