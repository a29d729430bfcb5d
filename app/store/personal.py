"""What is held about a fan (sql/functions/fan_data.sql)."""

from __future__ import annotations

from typing import Any

from app.store.db import one_statement


def held(email: str) -> dict[str, Any] | None:
    """Everything that is held about an address, or None."""
    found: dict[str, Any] | None = one_statement("export_fan", {"email": email}).held
    return found


def erase(email: str) -> str:
    """Erase an address: "erased", "unknown", or what is under way: hold, money, ticket, place."""
    return str(one_statement("erase_fan", {"email": email}).outcome)


def forget_old(fans: int, inbox: int, outbox: int) -> int:
    """Erase what is older than so many days each (0: nothing), some of it: how much."""
    days = {"fans": fans, "inbox": inbox, "outbox": outbox}
    return int(one_statement("forget_old", days).gone)
