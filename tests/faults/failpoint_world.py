"""A small world in which a use case is killed at one of its points, and what must hold after.

Everything is real: Postgres, Redis, the stand-in gateway, a mail catcher. The use case runs in a
forked child that ends by SIGKILL; the beats of the rest of the day run in this process.
"""

from __future__ import annotations

import gc
import os
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from time import sleep
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from app import extensions, failpoints
from app.domain.errors import Refusal
from app.extensions import db
from app.gateway import client as gateway
from app.line import client as line_client
from app.services import audit, audit_gateway, claims, outbox, payments, reconciliation
from app.store import db as store
from jobs import ticks
from jobs import wake as waking
from sandbox.mailbox import MailCatcher
from sandbox.paystack.server import StandIn
from tests import factories
from tests.conftest import EMPTY_TABLES, forget_everything

# Long enough for a claim of these tests, short enough to wait for when its process has died.
LEASE = 0.15
BETWEEN_LOOKS = 0.01
# A call that a dead worker had in hand comes back after its time; so much goes by in each round.
ROUND = "10 minutes"
_MOST_ROUNDS = 8
_LONGEST_CHILD = 20

Act = Callable[[], object]
Life = Generator[Act, None, None]
# What was there before; yields the act to be killed; then what the fan does again, and the one
# result that this must have.
UseCase = Callable[["World"], Life]


class UseCases(list[Any]):
    """The use cases of one file, in order; used as a decorator."""

    def __call__(self, case: UseCase) -> UseCase:
        self.append(case)
        return case


@dataclass(frozen=True)
class Death:
    """How a child ended: the number of the signal (0 for none), and what it said before."""

    by: int
    said: str


class World:
    """See above. `settings` are those that the product runs with here."""

    def __init__(
        self,
        app: Flask,
        settings: Any,
        stand_in: StandIn,
        mailbox: MailCatcher,
        keys: Any,
        sweeper: psycopg.Connection[Any],
    ) -> None:
        self.app = app
        # A child inherits this connection and never touches it.
        self.sweeper = sweeper
        self.stand_in = stand_in
        self.desk, self.ledger = stand_in.desk, stand_in.desk.ledger
        self.mailbox = mailbox
        self.line_redis = keys
        self.settings = replace(
            settings,
            lease=LEASE,
            smtp_url=mailbox.smtp_url,
            paystack_url=stand_in.url,
            # A machine that is busy is not a server that is away.
            redis_timeout=3.0,
            gateway_timeout=10.0,
        )
        self.ring: Callable[[str], None] | None = None

    # -- the experiment

    def rehearse(self, case: UseCase) -> list[str]:
        """The points that the use case passes, in order, when nothing happens to it."""
        life = self._begin(case)
        points, death = self._in_a_child(next(life), None)
        assert death == Death(0, ""), f"the use case fails by itself: {death.said}"
        self._must_hold(life)
        return points

    def only_the_points(self, case: UseCase) -> list[str]:
        """As rehearse(), without a look at what follows."""
        points, death = self._in_a_child(next(self._begin(case)), None)
        assert death == Death(0, ""), f"the use case fails by itself: {death.said}"
        return points

    def kill(self, case: UseCase, point: str) -> None:
        """Run the use case afresh in a child that dies at this point; all must be well after."""
        life = self._begin(case)
        _, death = self._in_a_child(next(life), point)
        assert death.by == signal.SIGKILL, f"nobody died: {death}"
        self._must_hold(life)

    def kill_everywhere(self, case: UseCase) -> list[str]:
        """rehearse(), then kill() at every point found; the points."""
        points = self.rehearse(case)
        assert points, "nothing happens in this use case"
        wrong = []
        for point in points:
            try:
                self.kill(case, point)
            except Exception:
                wrong.append(f"killed at {point}:\n{traceback.format_exc()}")
        assert not wrong, "\n\n".join(wrong)
        return points

    def _begin(self, case: UseCase) -> Generator[Act, None, None]:
        self.clean()
        return case(self)

    def _must_hold(self, life: Life) -> None:
        self.beats()
        self.check_the_charges()
        # The fan does it again, and there is one right result.
        for _ in life:
            raise AssertionError("a use case has one act")
        self.deliver()
        self.check_the_charges()
        report = audit.audit(ask_gateway=True)
        assert not report.violations, report.violations
        assert not report.unchecked, report.unchecked

    def _in_a_child(self, act: Act, point: str | None) -> tuple[list[str], Death]:
        """Run the act in a forked child, dying at `point` if there is one."""
        self.disconnect()
        reader, writer = os.pipe()
        # The child ends at once and runs nothing of what other threads hold.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            self._live(act, point, writer)
        os.close(writer)
        with os.fdopen(reader, errors="replace") as heard:
            said = heard.read()
        _, status = os.waitpid(child, 0)
        # A second ago is long ago: what other processes did in it is known here too.
        forget_everything()
        names = [line[1:] for line in said.splitlines() if line.startswith("+")]
        words = "\n".join(line for line in said.splitlines() if not line.startswith("+"))
        return names, Death(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, words)

    def _live(self, act: Act, point: str | None, writer: int) -> None:
        """The child's whole life."""
        gc.disable()
        # The test's own alarm clock stayed with the parent.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LONGEST_CHILD)
        try:
            if point is None:
                failpoints.record(lambda name: os.write(writer, f"+{name}\n".encode()) and None)
            else:
                failpoints.arm(point)
            with self.app.app_context():
                act()
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(0)

    # -- the world

    def bind(self, settings: Any, ring: Callable[[str], None] | None = None) -> None:
        """Have the product run with these settings; `ring` wakes lanes."""
        extensions.settings.bind(settings, ring)
        gateway.bind(settings)

    def clean(self) -> None:
        """Nothing is there any more, and nobody remembers anything."""
        db.session.remove()
        self.bind(self.settings)
        self.sweeper.execute(EMPTY_TABLES)
        self.line_redis.flushall()
        forget_everything()
        self.ledger.forget()
        self.desk.faults.clear()
        self.desk.refund_takes = 3600.0

    def disconnect(self) -> None:
        """Two processes must not share a connection, so none is open at a fork."""
        db.session.remove()
        db.engine.dispose()
        store.lone.close()
        line_client.bind(self.settings)
        gateway.bind(self.settings)
        waking.client.cache_clear()
        waking._rang_at.clear()

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        found = [tuple(row) for row in db.session.execute(text(query), parameters)]
        db.session.rollback()
        return found

    def change(self, statement: str, **parameters: Any) -> None:
        db.session.execute(text(statement), parameters)
        db.session.commit()

    # -- the rest of the day

    def beats(self) -> None:
        """Time goes by, and every beat and lane does its work, until all is quiet: nothing is
        owed, and nothing was to be healed."""
        if self.line_redis.keys("fq:*:leases"):
            sleep(LEASE)
        for _ in range(_MOST_ROUNDS):
            self.pass_time()
            for beat in (ticks.calendar, ticks.admit, ticks.journal, ticks.expire, ticks.payments):
                beat()
            self.deliver()
            self._gateway_goes_on()
            healed = ticks.reconcile()
            forget_everything()
            owed = self.rows(OWED)
            if not owed and not healed:
                return
        raise AssertionError(f"not quiet after {_MOST_ROUNDS} rounds: {healed} healed, {owed}")

    def deliver(self) -> None:
        """Both lanes, until nothing is due."""
        for lane in (outbox.MONEY, outbox.MAIL):
            deliver(lane)

    def next_of(self, lane: str) -> Act:
        """Take the next entry of a lane; the act is to deliver it."""
        db.session.remove()
        (entry,) = outbox.take(lane, 1)
        return lambda: outbox.deliver(entry)

    def pass_time(self) -> None:
        """What was in a dead process's hands, or was to be tried again later, is due now."""
        self.change("; ".join(LATER))

    def _gateway_goes_on(self) -> None:
        for refund in self.ledger.repayments():
            if refund.status not in ("processed", "failed"):
                self.desk.move_refund(refund.id, "processed")

    # -- what must hold

    def check_the_charges(self) -> None:
        """Each charge at the gateway that succeeded is a ticket or a refund."""
        ours = {row[0]: row[1:] for row in self.rows(ALL_PAYMENTS)}
        given = Counter(r.reference for r in self.ledger.repayments() if r.status == "processed")
        for charge in self.ledger.as_json()["transactions"]:
            reference = charge["reference"]
            counts, claim, refund, received = ours[reference]
            if charge["paid_at"] is None:
                expected = received is None and refund is None and not given[reference]
            else:
                expected = received == charge["amount"] and (
                    (claim, refund, given[reference]) == ("CONFIRMED", None, 0)
                    if counts
                    else (refund, given[reference]) in (("processed", 1), ("settled", 0))
                )
            assert expected, f"{reference}: {ours[reference]}, given back {given[reference]} times"

    # -- the gateway as the fan meets it

    def at_checkout(self, claim: str, action: str = "pay") -> None:
        """What the fan does at the checkout of the claim's latest payment."""
        charge = self.ledger.charge(reference=claims.look(claim).payments[-1].reference)
        assert charge is not None, "the gateway never heard of it"
        self.desk.act(charge.access_code, action)

    def order(self, **faults: list[str]) -> None:
        """Faults for the next calls of an operation."""
        self.desk.faults.order({"next": faults, "retry_after": 7})

    def pays(self, claim: str) -> None:
        """The fan presses Pay (again), pays at the checkout that is shown, and comes back."""
        payments.pay(claim)
        self.deliver()
        shown = claims.look(claim).payment
        assert shown is not None
        assert shown.authorization_url
        self.at_checkout(claim)
        # Who has asked just now is not asked again at once.
        self.pass_time()
        payments.ask(claim, "fan")
        self.deliver()

    def mails_to(self, email: str) -> list[Any]:
        return self.mailbox.mailbox.newest_first(to=email)


_MOMENTS = {
    "outbox": ("due_at", "taken_until"),
    "refunds": ("asked_at", "next_try_at", "taken_until"),
    "payments": ("next_check_at", "checked_at"),
}
LATER = [
    f"UPDATE {table} SET "
    + ", ".join(f"{column} = {column} - interval '{ROUND}'" for column in columns)
    for table, columns in _MOMENTS.items()
]
OWED = (
    "SELECT kind, attempts, last_error FROM outbox WHERE done_at IS NULL"
    " UNION ALL SELECT 'refund ' || state, attempts, last_error FROM refunds"
    " WHERE state NOT IN ('processed', 'settled')"
)
ALL_PAYMENTS = (
    "SELECT p.reference, p.counts, c.state, r.state, p.received_amount FROM payments p"
    " JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id"
)


def deliver(lane: str) -> None:
    """A lane, until nothing is due in it."""
    # What a use case has read so far is no part of a delivery.
    db.session.remove()
    while taken := outbox.take(lane, 1):
        outbox.deliver(taken[0])


@contextmanager
def refused(*refusals: type[Refusal]) -> Generator[None, None, None]:
    """The block ends in one of these refusals."""
    try:
        yield
    except refusals:
        return
    raise AssertionError("it was not refused")


def again(verb: Act, *refusals: type[Exception]) -> None:
    """Somebody does it again; being told that it is done already is right too."""
    with suppress(*refusals):
        verb()


@dataclass(frozen=True)
class Sale:
    """An event on sale, its line written, and fans inside with proven addresses."""

    id: int
    slug: str
    capacity: int
    buyers: list[factories.Buyer]


def a_sale(fans: int = 1, **event: Any) -> Sale:
    made = factories.an_event(line=False, **{"capacity": 5, "admit_per_minute": 60_000} | event)
    buyers = [factories.a_buyer(made) for _ in range(fans)]
    factories.write_line(made)
    sale = Sale(made.id, made.slug, made.capacity, buyers)
    db.session.remove()
    return sale


@contextmanager
def quickly(patch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """What takes its time on purpose takes less: two looks."""
    with patch.context() as patched:
        patched.setattr(reconciliation, "BETWEEN_LOOKS_S", BETWEEN_LOOKS)
        patched.setattr(audit_gateway, "BETWEEN_LOOKS_S", BETWEEN_LOOKS)
        yield
