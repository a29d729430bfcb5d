"""Whatever happens, in whatever order: each charge at the gateway is a ticket or a refund.

Hypothesis plays fans, a gateway on a bad day, workers that die, time that passes, and staff; the
gateway's own ledger is the oracle.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from app.domain import errors
from app.extensions import db
from app.services import catalogue, claims, inbox, outbox, payments, refunds
from sandbox.paystack import shapes
from sandbox.paystack.desk import signature
from sandbox.paystack.ledger import Refused
from tests.factories import a_claim, a_fan, an_event

CAPACITY = 3
FAULTS = ["reset_before", "reset_after", "401", "429", "500", "502", "garbage"]
# How far each kind of moment is moved when time passes.
MOMENTS = {
    "claims": ("held_until",),
    "payments": ("created_at", "checked_at", "next_check_at"),
    "refunds": ("created_at", "asked_at", "next_try_at", "taken_until"),
    "outbox": ("due_at", "taken_until"),
}


class Killed(BaseException):
    """A worker dies here: no line after it runs."""


def rows(query: str) -> list[Any]:
    found = list(db.session.execute(text(query)))
    db.session.rollback()
    return found


def wipe() -> None:
    db.session.rollback()
    names = rows(
        "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
        " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    )
    db.session.execute(text(f"TRUNCATE {names[0][0]} RESTART IDENTITY CASCADE"))
    db.session.commit()
    catalogue.forget_all()


def machine(bank: Any, secret: str) -> type[RuleBasedStateMachine]:
    class Money(RuleBasedStateMachine):
        @initialize(fault=st.sampled_from([None, None, *FAULTS]))
        def start(self, fault: str | None) -> None:
            """Three fans have pressed Pay, so that the game begins where money begins."""
            wipe()
            self.elapsed = 0
            bank.ledger.forget()
            bank.desk.faults.clear()
            self.event = an_event(line=False, capacity=CAPACITY)
            self.fans = [a_fan() for _ in range(3)]
            for fan in self.fans:
                payments.pay(a_claim(self.event, fan=fan).reference)
            self.deliver({"initialize": [fault] if fault else []}, None)

        # -- fans

        @rule(who=st.integers(0, 2))
        def claim_and_pay(self, who: int) -> None:
            fan = self.fans[who]
            live = "SELECT 1 FROM claims WHERE state IN ('HELD', 'CONFIRMED') AND fan_id = "
            free = rows("SELECT 1 FROM tickets WHERE claim_id IS NULL")
            if free and not rows(f"{live} {fan.id}"):
                payments.pay(a_claim(self.event, fan=fan).reference)
                outbox.deliver_once("money")

        @rule(data=st.data())
        def press_pay(self, data: st.DataObject) -> None:
            if reference := self.any_claim(data):
                self.try_to(payments.pay, reference)

        @rule(data=st.data())
        def give_back(self, data: st.DataObject) -> None:
            if reference := self.any_claim(data):
                self.try_to(claims.release, reference, "fan")

        @rule(data=st.data())
        def come_back_from_the_gateway(self, data: st.DataObject) -> None:
            if reference := self.any_claim(data):
                self.try_to(payments.ask, reference, "fan")

        @rule(
            data=st.data(),
            action=st.sampled_from(["pay", "pay", "pay", "decline", "leave", "start"]),
            fault=st.sampled_from([None] * 8 + ["wrong_amount", "wrong_currency"]),
        )
        def at_the_checkout(self, data: st.DataObject, action: str, fault: str | None) -> None:
            charges = bank.ledger.as_json()["transactions"]
            if not charges:
                return
            charge = data.draw(st.sampled_from(charges))
            if fault:
                bank.order(pay=[fault])
            try:
                bank.desk.act(charge["access_code"], action)
            except Refused:
                pass
            finally:
                bank.desk.faults.clear()

        # -- the gateway

        @rule(data=st.data())
        def the_gateway_speaks(self, data: st.DataObject) -> None:
            """Any event that is true or was, any number of times, in any order."""
            charges = [c for c in bank.ledger.as_json()["transactions"] if c["paid_at"]]
            if charges:
                reference = data.draw(st.sampled_from(charges))["reference"]
                charge = bank.charge(reference)
                charge.status = "success"
                self.speak(shapes.charge_event(charge))

        @rule(data=st.data(), status=st.sampled_from(["processed", "failed", "needs-attention"]))
        def a_refund_moves(self, data: st.DataObject, status: str) -> None:
            moving = [
                r for r in bank.ledger.repayments() if r.status not in ("processed", "failed")
            ]
            if moving:
                refund = data.draw(st.sampled_from(moving))
                bank.desk.move_refund(refund.id, status)
                refund.status = data.draw(st.sampled_from(["pending", "processed", "failed"]))
                self.speak(shapes.refund_event(refund, bank.charge(refund.reference)))

        # -- our jobs

        @rule(
            faults=st.dictionaries(
                st.sampled_from(["initialize", "verify", "refund", "refunds", "refund_fetch"]),
                st.lists(st.sampled_from(FAULTS), max_size=2),
            ),
            dies=st.sampled_from([None, None, "before", "after", "done"]),
        )
        def deliver(self, faults: dict[str, list[str]], dies: str | None) -> None:
            bank.order(**faults)

            def die(*_: Any) -> None:
                raise Killed

            done = outbox.store.done
            if dies == "done":
                outbox.store.done = die
            elif dies:
                setattr(bank.transport, dies, die)
            try:
                outbox.deliver_once("money")
            except Killed:
                db.session.rollback()
            finally:
                outbox.store.done = done
                bank.transport.before = bank.transport.after = lambda: None
                bank.desk.faults.clear()

        # The gateway is watched for three days; a longer game would need its webhooks.
        @precondition(lambda self: self.elapsed < 40 * 3600)
        @rule(seconds=st.sampled_from([5, 40, 150, 400, 700, 1300, 20_000]))
        def time_passes(self, seconds: int) -> None:
            self.pass_time(seconds)

        def pass_time(self, seconds: int) -> None:
            self.elapsed += seconds
            for table, columns in MOMENTS.items():
                moved = ", ".join(f"{column} = {column} - :gap" for column in columns)
                db.session.execute(
                    text(f"UPDATE {table} SET {moved}"), {"gap": timedelta(seconds=seconds)}
                )
            db.session.commit()

        @rule()
        def beats(self) -> None:
            payments.payments_once()
            claims.expire_once()

        # -- staff

        @rule(data=st.data())
        def refund_a_claim(self, data: st.DataObject) -> None:
            if reference := self.any_claim(data):
                self.try_to(refunds.refund_claim, reference, "staff:1", "asked for")

        # -- what must hold at every moment

        @invariant()
        @precondition(lambda self: hasattr(self, "event"))
        def every_success_we_know_is_a_ticket_or_a_refund(self) -> None:
            wrong = rows(
                "SELECT p.reference, c.state, p.counts, r.state FROM payments p"
                " JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id"
                " WHERE p.state = 'SUCCEEDED'"
                " AND (p.counts AND c.state = 'CONFIRMED') = (r.id IS NOT NULL)"
            )
            assert wrong == []
            assert rows("SELECT 1 FROM payments WHERE counts AND state <> 'SUCCEEDED'") == []

        @invariant()
        @precondition(lambda self: hasattr(self, "event"))
        def tickets_and_claims_agree(self) -> None:
            wrong = rows(
                "SELECT c.reference, c.state, count(t.number), count(t.code) FROM claims c"
                " LEFT JOIN tickets t ON t.claim_id = c.id GROUP BY c.id"
                " HAVING count(t.number) <>"
                "   CASE WHEN c.state IN ('HELD', 'CONFIRMED') THEN c.quantity ELSE 0 END"
                " OR count(t.code) <> CASE WHEN c.state = 'CONFIRMED' THEN c.quantity ELSE 0 END"
            )
            assert wrong == []

        @invariant()
        @precondition(lambda self: hasattr(self, "event"))
        def no_charge_is_given_back_twice(self) -> None:
            back: dict[str, int] = {}
            for refund in bank.ledger.repayments():
                if refund.status != "failed":
                    back[refund.reference] = back.get(refund.reference, 0) + 1
            assert all(count == 1 for count in back.values())
            counted = {row[0] for row in rows("SELECT reference FROM payments WHERE counts")}
            assert not counted & set(back), "money of a sold ticket went back"

        # -- and in the end, with a healthy gateway

        def teardown(self) -> None:
            if not hasattr(self, "event"):
                return
            for _ in range(12):
                self.pass_time(5000)
                payments.payments_once()
                claims.expire_once()
                outbox.deliver_once("money")
                for refund in bank.ledger.repayments():
                    if refund.status in ("pending", "processing", "needs-attention"):
                        bank.desk.move_refund(refund.id, "processed")
            self.every_success_we_know_is_a_ticket_or_a_refund()
            self.tickets_and_claims_agree()
            self.no_charge_is_given_back_twice()
            ours = {
                row.reference: row
                for row in rows(
                    "SELECT p.reference, p.state, p.counts, c.state AS claim, r.state AS refund,"
                    " r.amount, r.currency FROM payments p JOIN claims c ON c.id = p.claim_id"
                    " LEFT JOIN refunds r ON r.payment_id = p.id"
                )
            }
            given = {r.reference: r for r in bank.ledger.repayments() if r.status == "processed"}
            for charge in bank.ledger.as_json()["transactions"]:
                row = ours[charge["reference"]]
                if charge["paid_at"] is None:
                    assert row.state != "SUCCEEDED", charge
                    continue
                assert row.state == "SUCCEEDED", (charge, row)
                if row.counts:
                    assert row.claim == "CONFIRMED"
                    assert charge["reference"] not in given
                else:
                    assert row.refund == "processed", row
                    refund = given[charge["reference"]]
                    assert (refund.amount, refund.currency) == (
                        charge["amount"],
                        charge["currency"],
                    )
                    assert (row.amount, row.currency) == (refund.amount, refund.currency)
            doubtful = [row for row in ours.values() if row.state in ("INITIALIZING", "PENDING")]
            statuses = {c["reference"]: c["status"] for c in bank.ledger.as_json()["transactions"]}
            assert all(statuses.get(row.reference) == "ongoing" for row in doubtful), doubtful

        # -- helpers

        def any_claim(self, data: st.DataObject) -> str | None:
            references = [row[0] for row in rows("SELECT reference FROM claims ORDER BY id")]
            return data.draw(st.sampled_from(references)) if references else None

        def try_to(self, verb: Any, *arguments: Any) -> None:
            with suppress(errors.StateGone):
                verb(*arguments)

        def speak(self, event: dict[str, Any]) -> None:
            body = json.dumps(event).encode()
            inbox.receive(body, signature(body, secret))

    return Money


def test_each_charge_is_a_ticket_or_a_refund_whatever_happens(bank, settings) -> None:
    run_state_machine_as_test(
        machine(bank, settings.paystack_secret_key),
        settings=how(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
