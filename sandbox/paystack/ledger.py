"""The stand-in's books: charges, refunds and the webhooks still to be delivered.

One SQLite file (or memory) behind one lock, so that a restart forgets nothing. Each row is a
JSON document; the columns beside it are only what is searched for.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    id INTEGER PRIMARY KEY, reference TEXT UNIQUE, access_code TEXT UNIQUE,
    settles_at REAL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refunds (
    id INTEGER PRIMARY KEY, charge_id INTEGER NOT NULL, moves_at REAL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY, due_at REAL, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    last_status TEXT);
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;
"""
# Paystack's ids are large; starting high keeps anyone from taking them for ours.
_BEFORE_FIRST = {"charges": 4_099_260_000, "refunds": 15_581_000}


class Refused(Exception):
    """The books do not allow this; `code` is Paystack's word for it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(slots=True)
class Charge:
    """One transaction. `status` is Paystack's word; times are seconds since 1970."""

    id: int
    reference: str
    access_code: str
    email: str
    amount: int
    currency: str
    callback_url: str
    channels: list[str]
    metadata: Any
    created_at: float
    requested_amount: int
    status: str = "abandoned"
    channel: str = "card"
    gateway_response: str = "The transaction was not completed"
    paid_at: float | None = None
    attempts: int = 0
    errors: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    # A slow transfer succeeds by itself at this moment.
    settles_at: float | None = None

    def note(self, kind: str, message: str) -> None:
        """Add a line to the log that verify shows."""
        elapsed = int(time.time() - self.created_at)
        self.history.append({"type": kind, "message": message, "time": elapsed})


@dataclass(slots=True)
class Repayment:
    """One refund. `status`: pending, processing, processed, failed or needs-attention."""

    id: int
    charge_id: int
    reference: str
    amount: int
    currency: str
    status: str
    customer_note: str
    merchant_note: str
    created_at: float
    updated_at: float
    # When and to what it moves on by itself.
    moves_at: float | None = None
    becomes: str = "processed"


class Ledger:
    """The books. Every method is one transaction; objects handed out are copies."""

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Losing power may cost the last moments; losing the process may not.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def initialize(self, wanted: dict[str, Any]) -> Charge:
        """Open a charge. Raises Refused when the reference has been used."""
        now = time.time()
        with self._transaction() as db:
            reference = wanted.get("reference") or secrets.token_hex(8)
            if db.execute("SELECT 1 FROM charges WHERE reference = ?", (reference,)).fetchone():
                raise Refused("Duplicate Transaction Reference", "duplicate_reference")
            charge = Charge(
                id=_next_id(db, "charges"),
                reference=reference,
                access_code=secrets.token_hex(8),
                email=wanted["email"],
                amount=wanted["amount"],
                requested_amount=wanted["amount"],
                currency=wanted.get("currency") or "NGN",
                callback_url=wanted.get("callback_url") or "",
                channels=list(wanted.get("channels") or []),
                metadata=wanted.get("metadata") or {},
                created_at=now,
            )
            _save(db, charge)
        return charge

    def charge(self, *, reference: str = "", access_code: str = "", id: int = 0) -> Charge | None:
        with self._lock:
            return _load(self._db, reference, access_code, id)

    @contextmanager
    def changing(self, access_code: str) -> Iterator[Charge | None]:
        """Change a charge and send webhooks in one transaction."""
        with self._transaction() as db:
            charge = _load(db, "", access_code, 0)
            yield charge
            if charge is not None:
                _save(db, charge)

    def due_charges(self) -> list[str]:
        """Access codes of the slow transfers whose moment has come."""
        with self._lock:
            rows = self._db.execute(
                "SELECT access_code FROM charges WHERE settles_at <= ?", (time.time(),)
            ).fetchall()
        return [row[0] for row in rows]

    def refund(
        self, charge: Charge, amount: int, notes: tuple[str, str], moves_in: float, becomes: str
    ) -> Repayment:
        """Open a refund. Raises Refused when more would go back than came in."""
        now = time.time()
        with self._transaction() as db:
            given = sum(r.amount for r in _repayments(db, charge.id) if r.status != "failed")
            if charge.status not in ("success", "reversed"):
                raise Refused("Transaction has not been paid", "transaction_not_paid")
            if given + amount > charge.amount:
                raise Refused("Transaction has been fully reversed", "transaction_reversed")
            repayment = Repayment(
                id=_next_id(db, "refunds"),
                charge_id=charge.id,
                reference=charge.reference,
                amount=amount,
                currency=charge.currency,
                status="pending",
                customer_note=notes[0],
                merchant_note=notes[1],
                created_at=now,
                updated_at=now,
                moves_at=now + moves_in,
                becomes=becomes,
            )
            _save_repayment(db, repayment)
        return repayment

    def repayment(self, id: int) -> Repayment | None:
        with self._lock:
            row = self._db.execute("SELECT body FROM refunds WHERE id = ?", (id,)).fetchone()
        return Repayment(**json.loads(row[0])) if row else None

    def repayments(self, charge_id: int | None = None) -> list[Repayment]:
        """Newest first, as Paystack lists them."""
        with self._lock:
            return _repayments(self._db, charge_id)

    def due_repayments(self) -> list[int]:
        with self._lock:
            rows = self._db.execute(
                "SELECT id FROM refunds WHERE moves_at <= ?", (time.time(),)
            ).fetchall()
        return [row[0] for row in rows]

    def move_repayment(self, id: int, status: str) -> Repayment:
        """Set a refund's status; one that is processed makes its charge `reversed`."""
        with self._transaction() as db:
            row = db.execute("SELECT body FROM refunds WHERE id = ?", (id,)).fetchone()
            repayment = Repayment(**json.loads(row[0]))
            repayment.status, repayment.moves_at = status, None
            repayment.updated_at = time.time()
            _save_repayment(db, repayment)
            charge = _load(db, "", "", repayment.charge_id)
            if status == "processed" and charge is not None:
                charge.status = "reversed"
                charge.note("action", "Refunded")
                _save(db, charge)
        return repayment

    def say(self, body: str, delay: float = 0.0) -> None:
        """Put a webhook in the post, due in `delay` seconds."""
        with self._lock:
            self._db.execute(
                "INSERT INTO webhooks (due_at, body) VALUES (?, ?)", (time.time() + delay, body)
            )

    def due_webhooks(self, limit: int) -> list[tuple[int, str, int]]:
        """(id, body, attempts so far) of the webhooks to deliver now."""
        with self._lock:
            return self._db.execute(
                "SELECT id, body, attempts FROM webhooks WHERE due_at <= ? ORDER BY due_at LIMIT ?",
                (time.time(), limit),
            ).fetchall()

    def webhook_answered(self, id: int, status: str, again_in: float | None) -> None:
        """Note an answer; None ends the retries."""
        due_at = None if again_in is None else time.time() + again_in
        with self._lock:
            self._db.execute(
                "UPDATE webhooks SET attempts = attempts + 1, last_status = ?, due_at = ?"
                " WHERE id = ?",
                (status, due_at, id),
            )

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """Everything, oldest first: what tests and the audit compare with our own rows."""
        with self._lock:
            charges = self._db.execute("SELECT body FROM charges ORDER BY id").fetchall()
            refunds = self._db.execute("SELECT body FROM refunds ORDER BY id").fetchall()
            hooks = self._db.execute(
                "SELECT id, due_at, attempts, last_status, body FROM webhooks ORDER BY id"
            ).fetchall()
        names = ("id", "due_at", "attempts", "last_status")
        return {
            "transactions": [json.loads(row[0]) for row in charges],
            "refunds": [json.loads(row[0]) for row in refunds],
            "webhooks": [
                {**dict(zip(names, row, strict=False)), "event": json.loads(row[4])["event"]}
                for row in hooks
            ],
        }

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def forget(self) -> None:
        """Empty the books; for tests."""
        with self._transaction() as db:
            for table in ("charges", "refunds", "webhooks"):
                db.execute(f"DELETE FROM {table}")


def _next_id(db: sqlite3.Connection, table: str) -> int:
    highest = db.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
    return int(highest or _BEFORE_FIRST[table]) + 1


def _load(db: sqlite3.Connection, reference: str, access_code: str, id: int) -> Charge | None:
    row = db.execute(
        "SELECT body FROM charges WHERE reference = ? OR access_code = ? OR id = ?",
        (reference, access_code, id),
    ).fetchone()
    return Charge(**json.loads(row[0])) if row else None


def _save(db: sqlite3.Connection, charge: Charge) -> None:
    db.execute(
        "INSERT OR REPLACE INTO charges (id, reference, access_code, settles_at, body)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            charge.id,
            charge.reference,
            charge.access_code,
            charge.settles_at,
            json.dumps(asdict(charge)),
        ),
    )


def _repayments(db: sqlite3.Connection, charge_id: int | None) -> list[Repayment]:
    rows = db.execute(
        "SELECT body FROM refunds WHERE ? IS NULL OR charge_id = ? ORDER BY id DESC",
        (charge_id, charge_id),
    ).fetchall()
    return [Repayment(**json.loads(row[0])) for row in rows]


def _save_repayment(db: sqlite3.Connection, repayment: Repayment) -> None:
    db.execute(
        "INSERT OR REPLACE INTO refunds (id, charge_id, moves_at, body) VALUES (?, ?, ?, ?)",
        (repayment.id, repayment.charge_id, repayment.moves_at, json.dumps(asdict(repayment))),
    )
