"""The whole sale against a plain one: a line of numbers, a heap of tickets, a list of charges.

Grown from the model of the line (test_line_model.py): fans prove addresses, claim with Redis and
without, pay in time and late, rightly and wrongly; staff pause, refund and close; places merge;
reconciliation meets damage of every kind; Redis is lost, comes back old, and is written anew.

MODEL_EXAMPLES=200 plays longer than `make test` does.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.domain import errors
from app.extensions import db
from app.services import (
    admission,
    audit,
    claims,
    events,
    line,
    payments,
    reconciliation,
    refunds,
    staff,
)
from app.store import tickets
from tests.factories import a_staff_member, an_event, an_id, an_organisation
from tests.model.gateway import empty_database, rows
from tests.model.plain_sale import (
    CONFIRMED,
    DAMAGE,
    HELD,
    REFUNDED,
    RELEASED,
    RUN_OUT,
    PlainSale,
)
from tests.model.test_line_model import SALE, TICKETS

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "5"))


class Sale(PlainSale):
    """What may happen, and what must hold after each step."""

    @initialize()
    def publish(self) -> None:
        empty_database()
        # Numbers of events begin anew: a copy of an earlier game must not pass for ours, nor may a
        # snapshot of one come back.
        self.redis().flushall()
        self.redis().save()
        organisation = an_organisation()
        member = a_staff_member("organiser", organisation)
        self.staff = staff.by_email(member.email)
        self.begin_sale()
        self.begin(an_event(organisation=organisation, **SALE))
        # What matters takes a dozen moves to reach, and Hypothesis leaves out whole rules in many
        # a game: some fans have claimed and paid, one of them the wrong sum, and one is inside with
        # a proven address, so as to claim while Redis is lost.
        for quantity in (4, 3, 2):
            self.pay(self.claim(self.somebody_proven(), quantity), wrong=quantity == 3)
        self.somebody_proven()

    # What fans do

    @rule(count=st.integers(1, 6))
    def strangers_join(self, count: int) -> None:
        if self.state == "closed":
            with pytest.raises(errors.NotOnSale):
                self.join(an_id())
        else:
            super().strangers_join(count)

    @rule(data=st.data(), quantity=st.integers(1, 4), known=st.booleans())
    def somebody_claims(self, data: st.DataObject, quantity: int, known: bool) -> None:
        """Somebody inside, perhaps a fan who has claimed before."""
        emails = sorted({claim.email for claim in self.claims}) if known else []
        self.claim(self.somebody_proven(data.draw(st.sampled_from(emails or [""]))), quantity)

    @rule(
        data=st.data(),
        quantity=st.integers(1, 4),
        wrong=st.sampled_from([False, False, True]),
        end=st.sampled_from(["", "", "given back", "runs out"]),
        heard=st.booleans(),
    )
    def somebody_buys(
        self, data: st.DataObject, quantity: int, wrong: bool, end: str, heard: bool
    ) -> None:
        """From the claim to the money in one go; the hold may be over before we hear of it."""
        claim = self.claim(self.somebody_proven(), quantity)
        charge = self.pay(claim, wrong)
        if claim and end == "given back":
            self.fresh(claims.release, claim.reference, "fan")
            claim.state = RELEASED
        elif end == "runs out":
            self.every_hold_runs_out()
        if charge and heard:
            self.hear(charge)

    @precondition(lambda self: self.valid and len(self.browsers) > 1 and self.state != "closed")
    @rule(data=st.data())
    def somebody_stands_in_the_line_twice(self, data: st.DataObject) -> None:
        """Two browsers, one address: the lower number stays."""
        places = [token.place_id for _, token in self.browsers if self.is_live(token.place_id)]
        if len(places) < 2:
            return
        first = data.draw(st.sampled_from(places))
        self.prove(first)
        unbound = [place for place in places if place not in self.email_of]
        if unbound:
            self.prove(data.draw(st.sampled_from(unbound)), self.email_of[first])

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def somebody_gives_back(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.may(claim.state == HELD, claims.release, claim.reference, "fan")
        if claim.state == HELD:
            claim.state = RELEASED

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def somebody_presses_pay(self, data: st.DataObject) -> None:
        held = [claim for claim in self.claims if claim.state == HELD]
        self.press_pay(data.draw(st.sampled_from(held or self.claims)))

    @precondition(lambda self: any(not charge.paid for charge in self.charges))
    @rule(data=st.data(), wrong=st.sampled_from([False, False, False, True]))
    def somebody_pays(self, data: st.DataObject, wrong: bool) -> None:
        """At the gateway; we have not heard of it."""
        self.pays(data.draw(st.sampled_from([c for c in self.charges if not c.paid])), wrong)

    @precondition(lambda self: any(not charge.paid for charge in self.charges))
    @rule(data=st.data())
    def a_card_is_declined(self, data: st.DataObject) -> None:
        charge = data.draw(st.sampled_from([c for c in self.charges if not c.paid]))
        self.bank.act(charge.reference, "decline")
        for other in self.charges:
            if other.claim is charge.claim:
                self.hear(other)
        payments.ask(charge.claim.reference, "staff:1")
        self.deliver()

    # What the gateway, the beats and staff do

    @precondition(lambda self: any(charge.paid for charge in self.charges))
    @rule(data=st.data())
    def a_webhook_comes(self, data: st.DataObject) -> None:
        """For the first time or again, in time or late."""
        self.hear(data.draw(st.sampled_from([c for c in self.charges if c.paid])))

    @rule()
    def every_payment_is_asked_about(self) -> None:
        for charge in self.charges:
            self.hear(charge)
        self.change("UPDATE payments SET next_check_at = now() WHERE next_check_at IS NOT NULL")
        payments.payments_once()
        self.deliver()

    @rule()
    def every_hold_runs_out(self) -> None:
        self.change("UPDATE claims SET held_until = held_until - interval '1 hour'")
        held = [claim for claim in self.claims if claim.state == HELD]
        assert self.fresh(claims.expire_once) == len(held)
        for claim in held:
            claim.state = RUN_OUT

    @precondition(lambda self: any(claim.state == CONFIRMED for claim in self.claims))
    @rule(data=st.data())
    def staff_refund(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from([c for c in self.claims if c.state == CONFIRMED]))
        self.fresh(refunds.refund_claim, claim.reference, "staff:1", "asked for")
        self.deliver()
        claim.state = REFUNDED
        for charge in self.charges:
            if charge.claim is claim:
                charge.becomes = charge.becomes and "refund"

    @precondition(lambda self: self.state == "on_sale")
    @rule()
    def staff_pause(self) -> None:
        self.fresh(events.pause, self.staff, self.event.slug, "on_sale", "A check.")
        self.state = "paused"

    @precondition(lambda self: self.state == "paused")
    @rule()
    def staff_resume(self) -> None:
        self.fresh(events.resume, self.staff, self.event.slug, "paused")
        self.state = "on_sale"

    @precondition(lambda self: self.state != "closed" and len(self.claims) > 4)
    @rule()
    def staff_close(self) -> None:
        """The line is over, and nobody looks at it any more; holds may be paid."""
        self.fresh(events.close, self.staff, self.event.slug, self.state)
        self.state = "closed"
        self.browsers.clear()

    @rule()
    def some_are_admitted(self) -> None:
        if self.state == "closed":
            assert admission.admit_once() == 0
        else:
            super().some_are_admitted()

    @precondition(lambda self: self.valid and self.state != "closed")
    @rule(damage=st.sampled_from(DAMAGE))
    def the_copy_is_reconciled(self, damage: str) -> None:
        self.the_journal_is_written()
        differences = self.broken(damage)
        assert self.fresh(reconciliation.reconcile_once) == differences
        assert reconciliation.reconcile_once() == 0

    # What must hold

    @invariant()
    def the_tickets_are_where_they_should_be(self) -> None:
        if not hasattr(self, "event"):
            return
        db.session.rollback()
        stock = tickets.stock(db.session, self.event.id)
        held = sum(claim.quantity for claim in self.claims if claim.state == HELD)
        sold = sum(claim.quantity for claim in self.claims if claim.state == CONFIRMED)
        assert (stock.free, stock.held, stock.sold) == (TICKETS - held - sold, held, sold)
        free = {row.number for row in rows("SELECT number FROM tickets WHERE claim_id IS NULL")}
        if self.valid:
            assert set(map(int, self.redis().zrange(self.keys.free, 0, -1))) == free
            assert self.redis().zcard(self.keys.leases) == 0

    @invariant()
    def the_claims_are_what_they_should_be(self) -> None:
        if not hasattr(self, "event"):
            return
        found = rows(
            "SELECT c.reference, c.state, f.email FROM claims c JOIN fans f ON f.id = fan_id"
        )
        assert {tuple(row) for row in found} == {
            (claim.reference, claim.state, claim.email) for claim in self.claims
        }
        live = [claim.email for claim in self.claims if claim.live]
        assert len(live) == len(set(live)), "a fan has two live claims"

    @invariant()
    def each_charge_is_a_ticket_or_goes_back(self) -> None:
        if not hasattr(self, "event"):
            return
        found = {row.reference: row for row in rows(BOOKS)}
        for charge in self.charges:
            row = found[charge.reference]
            ticket, refund = bool(row.counts and row.state == CONFIRMED), row.refund is not None
            expected = (charge.becomes == "ticket", charge.becomes == "refund")
            assert (ticket, refund) == expected, f"{charge} is {row}"

    def teardown(self) -> None:
        """In the end every word is heard and every refund done, and the audit finds nothing."""
        if hasattr(self, "event"):
            self.every_payment_is_asked_about()
            self.every_hold_runs_out()
            for _ in range(4):
                self.gateway.finish_refunds()
                self.change("UPDATE refunds SET next_try_at = now() WHERE next_try_at IS NOT NULL")
                refunds.refunds_once()
                self.deliver()
            self.the_gateway_agrees()
        super().teardown()
        if hasattr(self, "event"):
            self.each_charge_is_a_ticket_or_goes_back()
            self.the_tickets_are_where_they_should_be()
            assert self.fresh(audit.audit, True).violations == []

    def the_gateway_agrees(self) -> None:
        back = [refund for refund in self.bank.ledger.repayments() if refund.status == "processed"]
        wanted = [charge.reference for charge in self.charges if charge.becomes == "refund"]
        assert sorted(refund.reference for refund in back) == sorted(wanted)
        paid = {charge["reference"] for charge in self.gateway.charges() if charge["paid_at"]}
        assert paid == {charge.reference for charge in self.charges if charge.becomes}


BOOKS = (
    "SELECT p.reference, p.counts, c.state, r.state AS refund FROM payments p"
    " JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id"
)


@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * EXAMPLES)
def test_the_whole_sale_behaves_like_a_plain_one(
    app: Any, bank: Any, mortal_redis: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_LONGEST_WAIT_S", 0)
    monkeypatch.setattr(line, "_BETWEEN_TRIES_S", 0)
    monkeypatch.setattr(reconciliation, "BETWEEN_LOOKS_S", 0)

    class Machine(Sale):
        server = mortal_redis
        secret = settings.paystack_secret_key
        secret_key = settings.secret_key

    Machine.bank = bank
    run_state_machine_as_test(
        Machine,
        settings=how(
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            stateful_step_count=60,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
