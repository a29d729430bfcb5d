"""A till beside a running FairQueue: it lets fans hold tickets, pays at the stand-in, and compares
the gateway's books with ours.

Fans enter with a held claim, written straight into Postgres as the claim function leaves it: what
is tried here begins at the button "Pay". From there on everything goes through HTTP and real jobs.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
from psycopg.rows import namedtuple_row

from app.domain.references import claim_reference
from app.domain.tokens import ClaimLink

PRICE = 500_000
CURRENCY = "NGN"

_EVENT = """
WITH made AS (
    INSERT INTO events (
        organisation_id, slug, title, venue, starts_at, time_zone, state, sale_starts_at,
        sale_ends_at, capacity, price, currency, admit_per_minute, pass_capacity)
    SELECT min(id), %(slug)s, 'A drill', 'Eko Hotel, Lagos', now() + interval '30 days',
        'Africa/Lagos', 'on_sale', now() - interval '1 hour', now() + interval '7 days',
        %(capacity)s, %(price)s, %(currency)s, 600, 50
    FROM organisations
    RETURNING id
), lined AS (
    INSERT INTO lines (event_id) SELECT id FROM made
), stocked AS (
    INSERT INTO tickets (event_id, number)
    SELECT made.id, n FROM made, generate_series(1, %(capacity)s) n
)
SELECT id FROM made
"""

_HOLD = """
WITH fan AS (
    INSERT INTO fans (email) VALUES (%(email)s)
    ON CONFLICT (email) DO UPDATE SET email = excluded.email
    RETURNING id
), place AS (
    INSERT INTO places (
        id, event_id, visitor, number, epoch, state, fan_id, pass_until, joined_at, admitted_at,
        ended_at)
    SELECT %(place)s, %(event)s, %(place)s,
        coalesce((SELECT max(number) FROM places WHERE event_id = %(event)s), 0) + 1,
        1, 'used', fan.id, 0, now(), now(), now()
    FROM fan
    RETURNING id, fan_id
)
INSERT INTO claims (
    reference, event_id, fan_id, place_id, form_key, quantity, name, unit_price, amount, currency,
    held_until)
SELECT %(reference)s, %(event)s, place.fan_id, place.id, %(place)s, %(quantity)s, 'Ada Obi',
    %(price)s, %(price)s * %(quantity)s, %(currency)s, now() + interval '10 minutes'
FROM place
RETURNING id
"""

# An array is made once; a plan may ask for the rows of IN (...) again and get others.
_SEATS = """
UPDATE tickets SET claim_id = %(claim)s
WHERE event_id = %(event)s AND number = ANY (ARRAY(
    SELECT number FROM tickets WHERE event_id = %(event)s AND claim_id IS NULL
    ORDER BY number LIMIT %(quantity)s FOR UPDATE))
"""

# What moves back when time passes for one claim.
_AGE = (
    "UPDATE claims SET held_until = held_until - %(by)s WHERE id = %(claim)s",
    "UPDATE payments SET created_at = created_at - %(by)s, checked_at = checked_at - %(by)s,"
    " next_check_at = CASE WHEN next_check_at IS NOT NULL THEN now() END"
    " WHERE claim_id = %(claim)s",
    "UPDATE refunds r SET created_at = r.created_at - %(by)s, asked_at = r.asked_at - %(by)s,"
    " next_try_at = CASE WHEN r.next_try_at IS NOT NULL THEN now() END"
    " FROM payments p WHERE p.id = r.payment_id AND p.claim_id = %(claim)s",
    "UPDATE outbox o SET due_at = o.due_at - %(by)s, taken_until = o.taken_until - %(by)s"
    " FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id WHERE o.done_at IS NULL"
    " AND p.claim_id = %(claim)s AND (o.payload ->> 'payment_id' = p.id::text"
    "   OR o.payload ->> 'refund_id' = r.id::text)",
)

_BOOKS = """
SELECT p.reference, p.state, p.counts, c.state AS claim, p.received_amount, p.received_currency,
    r.state AS refund, r.amount AS refund_amount, r.currency AS refund_currency
FROM payments p JOIN claims c ON c.id = p.claim_id LEFT JOIN refunds r ON r.payment_id = p.id
"""


class Till:
    """One running FairQueue, seen from its counter."""

    def __init__(self, run: Mapping[str, Any], secret_key: str) -> None:
        self.run, self.secret_key = run, secret_key
        self.http = httpx.Client(timeout=30, limits=httpx.Limits(max_connections=64))
        self._own = threading.local()
        self._holding = threading.Lock()
        self._connections: list[psycopg.Connection[Any]] = []

    @property
    def database(self) -> psycopg.Connection[Any]:
        """This thread's connection, in autocommit."""
        if not hasattr(self._own, "connection"):
            self._own.connection = psycopg.connect(
                self.run["database_url"], autocommit=True, row_factory=namedtuple_row
            )
            self._connections.append(self._own.connection)
        found: psycopg.Connection[Any] = self._own.connection
        return found

    def close(self) -> None:
        self.http.close()
        for connection in self._connections:
            connection.close()

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        return self.database.execute(query, parameters).fetchall()

    def event(self, capacity: int) -> int:
        """An event on sale; its id."""
        slug = f"drill-{secrets.token_hex(4)}"
        wanted = {"slug": slug, "capacity": capacity, "price": PRICE, "currency": CURRENCY}
        (row,) = self.rows(_EVENT, wanted)
        return int(row[0])

    def hold(self, event: int, quantity: int = 1, email: str | None = None) -> Held:
        """A claim that holds tickets for ten minutes."""
        email = email or f"fan-{secrets.token_hex(5)}@example.com"
        reference = claim_reference()
        facts = {
            "event": event,
            "email": email,
            "place": secrets.token_urlsafe(12),
            "reference": reference,
            "quantity": quantity,
            "price": PRICE,
            "currency": CURRENCY,
        }
        # One after the other: the place's number is the highest and one.
        with self._holding, self.database.transaction():
            claim = self.database.execute(_HOLD, facts).fetchone()
            assert claim is not None
            seated = self.database.execute(_SEATS, {**facts, "claim": claim[0]}).rowcount
            assert seated == quantity, "the event has too few tickets for the drill"
        return Held(self, claim[0], reference, email, PRICE * quantity)

    # -- the stand-in

    def faults(self, **wanted: Any) -> None:
        """Order faults: faults(next={"initialize": ["429"]}) or faults(rates={"api": 0.2})."""
        self.http.post(f"{self.run['sandbox_url']}/faults", json=wanted).raise_for_status()

    def no_faults(self) -> None:
        self.http.delete(f"{self.run['sandbox_url']}/faults").raise_for_status()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = self.http.get(
            f"{self.run['sandbox_url']}/ledger"
        ).json()
        return found

    def move_refund(self, id: int, status: str) -> None:
        self.http.post(f"{self.run['sandbox_url']}/refunds/{id}/{status}").raise_for_status()

    # -- both books

    def differences(self) -> list[str]:
        """Each charge at the gateway that is not exactly one of: a ticket, a refund."""
        ours = {row.reference: row for row in self.rows(_BOOKS)}
        books = self.ledger()
        given: dict[str, list[dict[str, Any]]] = {}
        for refund in books["refunds"]:
            if refund["status"] != "failed":
                given.setdefault(refund["reference"], []).append(refund)
        found = []
        for charge in books["transactions"]:
            wrong = _difference(
                charge, ours.get(charge["reference"]), given.get(charge["reference"], [])
            )
            if wrong:
                found.append(f"{charge['reference']}: {wrong}")
        return found


def _difference(charge: dict[str, Any], row: Any, given: list[dict[str, Any]]) -> str | None:
    if row is None:
        return "we know nothing of it"
    if charge["paid_at"] is None:
        return f"not paid there, {row.state} here" if row.state == "SUCCEEDED" else None
    if row.state != "SUCCEEDED":
        return f"paid there, {row.state} here"
    received = (charge["amount"], charge["currency"])
    if (row.received_amount, row.received_currency) != received:
        return f"{received} there, {(row.received_amount, row.received_currency)} here"
    is_ticket = row.counts and row.claim == "CONFIRMED"
    if is_ticket == (row.refund is not None):
        return f"claim {row.claim}, counts {row.counts}, refund {row.refund}"
    if is_ticket:
        return f"a ticket, and given back: {given}" if given else None
    if row.refund in ("processed", "settled") and [r["status"] for r in given] != ["processed"]:
        return f"{row.refund} here, {[r['status'] for r in given]} there"
    if len(given) > 1 or any((r["amount"], r["currency"]) != received for r in given):
        return f"given back wrongly: {given}"
    return None


@dataclass
class Held:
    """A fan with a claim, in front of the till."""

    till: Till
    id: int
    reference: str
    email: str
    amount: int

    def _call(self, method: str, path: str) -> httpx.Response:
        key = ClaimLink(self.reference).sign(self.till.secret_key)
        return self.till.http.request(
            method,
            f"{self.till.run['url']}/claims/{self.reference}{path}",
            headers={
                "Cookie": f"fq_claim_{self.reference}={key}",
                "Sec-Fetch-Site": "same-origin",
            },
        )

    def press_pay(self) -> int:
        return self._call("POST", "/pay").status_code

    def give_back(self) -> int:
        return self._call("POST", "/release").status_code

    def come_back(self) -> int:
        """Back from the gateway, on the page that asks it."""
        return self._call("GET", "/return").status_code

    def page(self) -> str:
        return self._call("GET", "").text

    @property
    def state(self) -> str:
        query = "SELECT state FROM claims WHERE id = %(id)s"
        return str(self.till.rows(query, {"id": self.id})[0][0])

    def payments(self) -> list[Any]:
        return self.till.rows(
            "SELECT p.*, r.id AS refund_id, r.state AS refund, r.reason, r.attempts AS asked,"
            " r.gateway_id AS refund_gateway_id, r.taken_until AS refund_taken FROM payments p"
            " LEFT JOIN refunds r ON r.payment_id = p.id WHERE p.claim_id = %(id)s ORDER BY p.id",
            {"id": self.id},
        )

    def tickets(self) -> list[str]:
        query = "SELECT code FROM tickets WHERE claim_id = %(id)s ORDER BY number"
        return [row[0] for row in self.till.rows(query, {"id": self.id})]

    def age(self, seconds: float) -> None:
        """So much time goes by for this claim and its money."""
        facts = {"by": timedelta(seconds=seconds), "claim": self.id}
        with self.till.database.transaction():
            for statement in _AGE:
                self.till.database.execute(statement, facts)

    def wait(self, what: Callable[[], Any], patience: float = 20) -> Any:
        """Until `what()` is true; raises AssertionError with the story."""
        deadline = time.monotonic() + patience
        while not (found := what()):
            assert time.monotonic() < deadline, f"{self.state}: {self.payments()}"
            time.sleep(0.1)
        return found

    def open_checkout(self, patience: float = 20) -> str:
        """Press Pay and wait for the address; the reference of the payment."""
        answer = self.press_pay()
        assert answer in (200, 303), answer

        def opened() -> str | None:
            rows = self.payments()
            return rows[-1].reference if rows and rows[-1].authorization_url else None

        return str(self.wait(opened, patience))

    def checkout_of(self, patience: float) -> str | None:
        """The payment whose checkout is open, or None when nothing is left to pay."""

        def opened() -> str | None:
            if self.state != "HELD":
                return "none"
            last = self.payments()[-1]
            if last.state in ("SUCCEEDED", "FAILED"):
                return "none"
            return str(last.reference) if last.authorization_url else None

        found = str(self.wait(opened, patience))
        return None if found == "none" else found

    def heard_of(self, payment: str, patience: float) -> bool:
        """Wait until it is known what became of a payment; whether it could be paid again."""

        def known() -> Any:
            row = next(row for row in self.payments() if row.reference == payment)
            return row.state in ("SUCCEEDED", "FAILED", "ABANDONED") or self.state != "HELD"

        return bool(self.wait(known, patience))

    def at_checkout(self, payment: str, action: str, takes: float | None = None) -> None:
        """What the fan does at the checkout of this payment, whether we know its address or not."""
        charge = next(
            charge
            for charge in self.till.ledger()["transactions"]
            if charge["reference"] == payment
        )
        answer = self.till.http.post(
            f"{self.till.run['sandbox_url']}/checkout/{charge['access_code']}/{action}",
            params={} if takes is None else {"takes": str(takes)},
            headers={"Accept": "application/json"},
        )
        # A checkout that is paid already says so; the fan goes back to the shop.
        if answer.status_code != 409:
            answer.raise_for_status()
