"""Whether what we stand on answers."""

from __future__ import annotations

from sqlalchemy import text

from app.domain.errors import NotNow
from app.line.client import line_client
from app.store.db import autocommit_engine, translated


def checks() -> dict[str, bool]:
    """Each server we need, and whether it answers now."""
    return {"postgres": _postgres(), "redis": line_client.alive()}


def _postgres() -> bool:
    try:
        with translated(), autocommit_engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except NotNow:
        return False
    return True
