"""Whatever happens, in whatever order: each charge at the gateway is a ticket or a refund.

Hypothesis plays fans, a gateway on a bad day, workers that die, time that passes, and staff; the
gateway's own ledger is the oracle. The game is a list of moves and not a machine of rules, since
a list has a least length: what matters takes a dozen moves to reach.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from app.domain import errors
from app.extensions import db
from app.gateway import client as gateway
from app.services import catalogue, claims, outbox, payments, refunds
from sandbox.paystack.ledger import Refused
from tests.factories import a_claim, a_fan, an_event
from tests.model.gateway import Gateway, empty_database, rows, shift

CAPACITY = 3
FAULTS = ["reset_before", "reset_after", "401", "429", "500", "502", "garbage"]

which = st.integers(0, 11)
faults = st.dictionaries(
    st.sampled_from(["initialize", "verify", "refund", "refunds", "refund_fetch"]),
    st.lists(st.sampled_from(FAULTS), min_size=1, max_size=2),
    max_size=2,
)
MOVES = st.one_of(
    st.tuples(st.just("claim"), which),
    st.tuples(st.just("press_pay"), which),
    st.tuples(st.just("give_back"), which),
    st.tuples(st.just("come_back"), which),
    st.tuples(
        st.just("pay"), which, st.sampled_from([None, None, "wrong_amount", "wrong_currency"])
    ),
    st.tuples(st.just("pay"), which, st.none()),
    st.tuples(st.just("dither"), which, st.sampled_from(["decline", "leave", "start"])),
    st.tuples(st.just("webhook"), which),
    st.tuples(
        st.just("move_refund"),
        which,
        st.sampled_from(["processed", "failed", "needs-attention"]),
        st.sampled_from(["pending", "processed", "failed"]),
    ),
    st.tuples(st.just("deliver"), faults, st.sampled_from([None, "before", "after", "done"])),
    st.tuples(st.just("deliver"), st.just({}), st.none()),
    st.tuples(st.just("pass_time"), st.sampled_from([5, 40, 150, 400, 700, 1300, 20_000])),
    st.tuples(st.just("beats")),
    st.tuples(st.just("refund_claim"), which),
)


class Killed(BaseException):
    """A worker dies here: no line after it runs."""


def die(*_: Any) -> None:
    raise Killed


class Game:
    """The moves; each picks what it moves by number, as far as there is any."""

    def __init__(self, bank: Any, secret: str) -> None:
        empty_database()
        catalogue.forget_all()
        self.bank = bank
        self.gateway = Gateway(bank, secret)
        self.elapsed = 0
        self.event = an_event(line=False, capacity=CAPACITY)
        self.fans = [a_fan() for _ in range(CAPACITY)]
        for number in range(CAPACITY):
            self.claim(number)
            self.press_pay(number)

    # -- fans

    def claim(self, number: int) -> None:
        fan = self.fans[number % CAPACITY]
        live = rows(
            f"SELECT FROM claims WHERE state IN ('HELD', 'CONFIRMED') AND fan_id = {fan.id}"
        )
        if not live and rows("SELECT FROM tickets WHERE claim_id IS NULL"):
            a_claim(self.event, fan=fan)

    def press_pay(self, number: int) -> None:
        self.with_claim(number, payments.pay)

    def give_back(self, number: int) -> None:
        self.with_claim(number, claims.release, "fan")

    def come_back(self, number: int) -> None:
        self.with_claim(number, payments.ask, "fan")

    def pay(self, number: int, fault: str | None) -> None:
        if fault:
            self.bank.order(pay=[fault])
        self.dither(number, "pay")

    def dither(self, number: int, action: str) -> None:
        if charges := self.charges():
            charge = charges[number % len(charges)]
            with suppress(Refused):
                self.bank.desk.act(charge["access_code"], action)
        self.bank.desk.faults.clear()

    # -- the gateway

    def webhook(self, number: int) -> None:
        """Any success, any number of times, in any order."""
        if paid := [charge for charge in self.charges() if charge["paid_at"]]:
            self.gateway.tell_success(paid[number % len(paid)]["reference"])

    def move_refund(self, number: int, status: str, said: str) -> None:
        """A refund moves on, and some word about it is heard, true or not any more."""
        if moving := self.gateway.unfinished_refunds():
            refund = moving[number % len(moving)]
            self.bank.desk.move_refund(refund.id, status)
            self.gateway.tell_refund(refund, said)

    # -- our jobs and our staff

    def deliver(self, faults: dict[str, list[str]], dies: str | None) -> None:
        transport, exchange = self.bank.transport, outbox.store.exchange

        def die_with_what_ended(lane: str, ended: Any, *rest: Any) -> Any:
            if ended:
                die()
            return exchange(lane, ended, *rest)

        self.bank.order(**faults)
        if dies == "done":
            outbox.store.exchange = die_with_what_ended
        elif dies:
            setattr(transport, dies, die)
        try:
            outbox.deliver_once("money")
        except Killed:
            db.session.rollback()
        finally:
            outbox.store.exchange = exchange
            transport.before = transport.after = lambda: None
            self.bank.desk.faults.clear()
            gateway.forgive()

    def beats(self) -> None:
        payments.payments_once()
        claims.expire_once()

    def refund_claim(self, number: int) -> None:
        self.with_claim(number, refunds.refund_claim, "staff:1", "asked for")

    def pass_time(self, seconds: int) -> None:
        # The gateway is watched for three days; a longer game would need its webhooks.
        if self.elapsed > 40 * 3600:
            return
        self.elapsed += seconds
        shift(seconds)

    # -- helpers

    def charges(self) -> list[dict[str, Any]]:
        return self.gateway.charges()

    def with_claim(self, number: int, verb: Any, *arguments: Any) -> None:
        if references := rows("SELECT reference FROM claims ORDER BY id"):
            with suppress(errors.StateGone):
                verb(references[number % len(references)][0], *arguments)

    # -- what must hold after every move

    def check(self) -> None:
        neither_or_both = rows(
            "SELECT p.reference, c.state, p.counts, r.state FROM payments p"
            " JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id"
            " WHERE p.state = 'SUCCEEDED'"
            " AND (p.counts AND c.state = 'CONFIRMED') = (r.id IS NOT NULL)"
        )
        assert neither_or_both == [], "a success we know of is one of: a ticket, a refund"
        torn = rows(
            "SELECT c.reference, c.state, count(t.number), count(t.code) FROM claims c"
            " LEFT JOIN tickets t ON t.claim_id = c.id GROUP BY c.id"
            " HAVING count(t.number) <>"
            "   CASE WHEN c.state IN ('HELD', 'CONFIRMED') THEN c.quantity ELSE 0 END"
            " OR count(t.code) <> CASE WHEN c.state = 'CONFIRMED' THEN c.quantity ELSE 0 END"
        )
        assert torn == [], "claims and tickets agree"
        given = [r.reference for r in self.bank.ledger.repayments() if r.status != "failed"]
        assert max(Counter(given).values(), default=0) <= 1, "nothing is given back twice"
        counted = {row[0] for row in rows("SELECT reference FROM payments WHERE counts")}
        assert not counted & set(given), "the money of a sold ticket stays"

    # -- and in the end, with a healthy gateway

    def end(self) -> None:
        # Failed refunds and watched payments come back every few hours at the latest.
        for _ in range(14):
            shift(5000)
            self.beats()
            outbox.deliver_once("money")
            self.gateway.finish_refunds()
            if self.quiet():
                break
        self.check()
        ours = {row.reference: row for row in rows(ALL_PAYMENTS)}
        given = {r.reference: r for r in self.bank.ledger.repayments() if r.status == "processed"}
        for charge in self.charges():
            row = ours[charge["reference"]]
            if charge["paid_at"] is None:
                assert row.state != "SUCCEEDED"
                assert row.state not in ("INITIALIZING", "PENDING") or charge["status"] == "ongoing"
            elif row.counts:
                assert (row.state, row.claim) == ("SUCCEEDED", "CONFIRMED")
            else:
                assert (row.state, row.refund) == ("SUCCEEDED", "processed")
                back = given[charge["reference"]]
                assert (row.amount, row.currency) == (back.amount, back.currency)
                assert (back.amount, back.currency) == (charge["amount"], charge["currency"])

    def quiet(self) -> bool:
        """Whether everything has been heard; if not, the assertions that follow say what."""
        paid = {charge["reference"] for charge in self.charges() if charge["paid_at"]}
        known = {row.reference for row in rows(ALL_PAYMENTS) if row.state == "SUCCEEDED"}
        open_states = "SELECT FROM payments WHERE state IN ('INITIALIZING', 'PENDING')"
        undone = "SELECT FROM refunds WHERE state <> 'processed'"
        return paid == known and not rows(open_states) and not rows(undone)


ALL_PAYMENTS = (
    "SELECT p.reference, p.state, p.counts, c.state AS claim, r.state AS refund, r.amount,"
    " r.currency FROM payments p JOIN claims c ON c.id = p.claim_id"
    " LEFT JOIN refunds r ON r.payment_id = p.id"
)


def test_each_charge_is_a_ticket_or_a_refund_whatever_happens(bank, settings) -> None:
    @how(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(moves=st.lists(MOVES, min_size=20, max_size=60))
    def play(moves: list[tuple[Any, ...]]) -> None:
        game = Game(bank, settings.paystack_secret_key)
        for name, *arguments in moves:
            getattr(game, name)(*arguments)
            game.check()
        game.end()

    play()
