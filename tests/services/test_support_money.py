"""What support may do about money: refund a whole claim, and say that a refund is settled."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from app.domain import errors
from app.extensions import db
from app.services import refunds, staff, support
from app.services.support_money import Account
from app.store.models import Claim, Event, OutboxEntry, Refund, TimelineEntry
from tests import factories
from tests.stories import Stories


@pytest.fixture
def agent(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("support").email)


@pytest.fixture
def stranger(app) -> staff.StaffMember:
    elsewhere = factories.an_organisation("Abuja Stages")
    return staff.by_email(factories.a_staff_member("support", elsewhere).email)


@pytest.fixture
def event(agent) -> Event:
    return factories.an_event(organisation_id=agent.organisation_id, capacity=10)


@pytest.fixture
def stories(event, bank, deliver) -> Stories:
    return Stories(event, bank, deliver)


@pytest.fixture
def stuck(stories) -> Claim:
    """A refunded claim whose refund the gateway cannot finish by itself."""
    claim = stories.paid(2)
    stories.refunded(claim, "needs-attention")
    return claim


def seen(agent, claim: Claim) -> str:
    db.session.rollback()
    return support.look(agent, claim.reference).seen


def account(agent, claim: Claim) -> Account:
    db.session.rollback()
    return support.look(agent, claim.reference).accounts[-1]


def last_entry() -> TimelineEntry:
    db.session.rollback()
    return db.session.scalars(
        select(TimelineEntry).order_by(TimelineEntry.id.desc()).limit(1)
    ).one()


def free() -> int:
    return db.session.scalar(text("SELECT count(*) FROM tickets WHERE claim_id IS NULL"))


# Seeing


def test_the_case_shows_what_came_in_and_the_gateways_own_log(agent, stories):
    claim = stories.did(stories.declined(), "pay")
    found = account(agent, claim)
    assert (found.counts_as, found.received_amount, found.as_asked) == ("taken", 500_000, True)
    assert found.log is not None
    assert [line.message for line in found.log.lines] == [
        "Attempted to pay with card", "Error: Declined", "Successfully paid with card",
    ]  # fmt: skip


def test_every_payment_is_shown_with_its_own_refund(agent, stories):
    stories.twice()
    claim = db.session.scalars(select(Claim)).one()
    db.session.rollback()
    late, counted = support.look(agent, claim.reference).accounts
    assert (counted.counts_as, counted.refund) == ("taken", None)
    assert late.counts_as == "refund owed"
    assert late.refund is not None
    assert (late.refund.reason, late.refund.state) == ("paid twice", "pending")


# Refunding


def test_a_refund_gives_the_money_back_and_the_seats_to_the_line(agent, stories, line_redis):
    claim = stories.paid(2)
    before = free()
    support.refund(agent, claim.reference, seen(agent, claim), "  The fan\n fell ill. ")
    assert stories.fresh(claim).state == "REFUNDED"
    assert free() == before + 2
    refund = stories.refund_of(claim)
    assert (refund.state, refund.amount) == ("owed", 1_000_000)
    entry = last_entry()
    assert (entry.verb, entry.actor) == ("refund owed", f"staff:{agent.id}")
    assert entry.detail["reason"] == "support: The fan fell ill."
    offered = line_redis.zcard(f"fq:{{{claim.event_id}}}:free")
    assert offered == free()


def test_a_refund_without_a_reason_or_with_too_long_a_one_does_nothing(agent, stories):
    claim = stories.paid()
    for reason in ("", "   ", "\0", "x" * 201):
        with pytest.raises(errors.Invalid) as refused:
            support.refund(agent, claim.reference, seen(agent, claim), reason)
        assert list(refused.value.fields) == ["reason"]
    assert stories.fresh(claim).state == "CONFIRMED"
    assert db.session.scalar(select(func.count(Refund.id))) == 0


def test_two_agents_refund_a_claim_once(agent, stories, race):
    claim = stories.paid()
    mark, reference = seen(agent, claim), claim.reference
    db.session.rollback()
    answers = race(4, lambda n: support.refund(agent, reference, mark, f"reason {n}"))
    assert [type(answer) for answer in answers if answer is not None] == [errors.StateGone] * 3
    assert db.session.scalar(select(func.count(Refund.id))) == 1


@pytest.mark.parametrize("state", ["HELD", "EXPIRED", "RELEASED"])
def test_only_a_confirmed_claim_can_be_refunded(agent, event, state):
    claim = factories.a_claim(event, state=state)
    assert not support.look(agent, claim.reference).can_refund
    with pytest.raises(errors.StateGone):
        support.refund(agent, claim.reference, state, "asked for")


def test_a_second_payment_since_the_page_was_opened_makes_it_old(agent, stories):
    claim = stories.declined()
    stories.did(claim, "pay")
    mark = seen(agent, claim)
    factories.a_payment(claim, state="FAILED")
    with pytest.raises(errors.StateGone):
        support.refund(agent, claim.reference, mark, "asked for")


def test_a_refund_that_has_moved_on_makes_the_page_old(agent, stuck, stories):
    mark = seen(agent, stuck)
    stories.bank.desk.move_refund(stories.refund_of(stuck).gateway_id, "processed")
    refunds.advance(stories.refund_of(stuck).id)
    with pytest.raises(errors.StateGone):
        support.ask_gateway(agent, stuck.reference, mark)


# Settling


@pytest.mark.parametrize("state", ["needs-attention", "failed"])
def test_a_stuck_refund_is_settled_with_a_note_and_the_fan_is_told(agent, stories, state):
    claim = stories.paid()
    stories.refunded(claim, state)
    found = account(agent, claim)
    assert found.refund is not None
    assert found.refund.can_settle
    support.settle(agent, claim.reference, seen(agent, claim), found.reference, "Cash, 12 May.")
    refund = stories.refund_of(claim)
    assert (refund.state, refund.next_try_at) == ("settled", None)
    entry = last_entry()
    assert (entry.verb, entry.actor) == ("refund settled by hand", f"staff:{agent.id}")
    assert entry.detail["note"] == "Cash, 12 May."
    mails = db.session.scalars(
        select(OutboxEntry.payload).where(OutboxEntry.kind == "send_refund_news")
    ).all()
    assert "settled" in [mail["state"] for mail in mails]
    assert account(agent, claim).counts_as == "refunded"


@pytest.mark.parametrize("note", ["", "  ", "x" * 201])
def test_it_is_not_settled_without_a_proper_note(agent, stuck, stories, note):
    with pytest.raises(errors.Invalid) as refused:
        support.settle(
            agent, stuck.reference, seen(agent, stuck), account(agent, stuck).reference, note
        )
    assert list(refused.value.fields) == ["note"]
    assert stories.refund_of(stuck).state == "needs-attention"


@pytest.mark.parametrize("state", ["pending", "processing", "processed"])
def test_what_the_gateway_has_in_hand_is_not_settled(agent, stories, state):
    claim = stories.paid()
    stories.refunded(claim, state)
    found = account(agent, claim)
    assert found.refund is not None
    assert not found.refund.can_settle
    with pytest.raises(errors.StateGone):
        support.settle(agent, claim.reference, seen(agent, claim), found.reference, "cash")
    assert stories.refund_of(claim).state == state


def test_while_the_gateway_is_asked_again_it_is_not_settled(agent, stories):
    claim = stories.paid()
    refund = stories.refunded(claim, "failed")
    stories.bank.order(refund=["timeout_after"])
    db.session.rollback()
    refunds.advance(refund.id)
    assert stories.refund_of(claim).asked_at is not None
    found = account(agent, claim)
    assert found.refund is not None
    assert not found.refund.can_settle
    with pytest.raises(errors.StateGone):
        support.settle(agent, claim.reference, seen(agent, claim), found.reference, "cash")


def test_a_payment_of_another_claim_is_not_settled_from_here(agent, stuck, stories):
    other = stories.paid()
    stories.refunded(other, "needs-attention")
    with pytest.raises(errors.StateGone):
        support.settle(
            agent, stuck.reference, seen(agent, stuck), account(agent, other).reference, "cash"
        )
    assert stories.refund_of(other).state == "needs-attention"


def test_two_agents_settle_a_refund_once(agent, stuck, stories, race):
    mark, payment, reference = seen(agent, stuck), account(agent, stuck).reference, stuck.reference
    db.session.rollback()
    answers = race(4, lambda n: support.settle(agent, reference, mark, payment, f"note {n}"))
    assert [type(answer) for answer in answers if answer is not None] == [errors.StateGone] * 3


def test_nobody_reaches_the_money_of_another_organisation(agent, stranger, stuck, stories):
    mark, payment = seen(agent, stuck), account(agent, stuck).reference
    paid = stories.paid()
    for action in (
        lambda: support.refund(stranger, paid.reference, seen(agent, paid), "mine"),
        lambda: support.settle(stranger, stuck.reference, mark, payment, "mine"),
    ):
        with pytest.raises(errors.ClaimUnknown):
            action()
