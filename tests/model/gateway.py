"""What the models of money share: the stand-in's books, its webhooks, and time that passes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy import text

from app.extensions import db, settings
from app.services import inbox
from sandbox.paystack import shapes
from sandbox.paystack.desk import signature

# What moves back when time passes.
MOMENTS = {
    "claims": ("held_until",),
    "payments": ("created_at", "checked_at", "next_check_at"),
    "refunds": ("created_at", "asked_at", "next_try_at", "taken_until"),
    "outbox": ("due_at", "taken_until"),
}


def rows(query: str) -> list[Any]:
    found = list(db.session.execute(text(query)))
    db.session.rollback()
    return found


def empty_database() -> None:
    """A game begins with nothing; the migrations' own table stays."""
    db.session.rollback()
    names = rows(
        "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
        " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    )
    with psycopg.connect(settings.migrations_database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"TRUNCATE {names[0][0]} RESTART IDENTITY CASCADE")


def shift(seconds: int) -> None:
    """So much time goes by for claims and money."""
    for table, columns in MOMENTS.items():
        moved = ", ".join(f"{column} = {column} - :gap" for column in columns)
        gap = {"gap": timedelta(seconds=seconds)}
        db.session.execute(text(f"UPDATE {table} SET {moved}"), gap)
    db.session.commit()


class Gateway:
    """The stand-in: its ledger is the oracle, and its webhooks come when a model says so."""

    def __init__(self, bank: Any, secret: str) -> None:
        self.bank, self.secret = bank, secret
        bank.ledger.forget()

    def charges(self) -> list[dict[str, Any]]:
        return list(self.bank.ledger.as_json()["transactions"])

    def tell_success(self, reference: str) -> None:
        """Say that this charge succeeded, as often and as late as one likes."""
        charge = self.bank.charge(reference)
        charge.status = "success"
        self.speak(shapes.charge_event(charge))

    def tell_refund(self, refund: Any, said: str) -> None:
        """Say something about a refund, true or not any more."""
        refund.status = said
        self.speak(shapes.refund_event(refund, self.bank.charge(refund.reference)))

    def speak(self, event: dict[str, Any]) -> None:
        body = json.dumps(event).encode()
        inbox.receive(body, signature(body, self.secret))

    def unfinished_refunds(self) -> list[Any]:
        found = self.bank.ledger.repayments()
        return [refund for refund in found if refund.status not in ("processed", "failed")]

    def finish_refunds(self) -> None:
        for refund in self.unfinished_refunds():
            self.bank.desk.move_refund(refund.id, "processed")
