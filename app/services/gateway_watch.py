"""Whether the gateway answers, as far as what we owe it tells."""

from __future__ import annotations

from datetime import datetime

from app.store import money as store
from app.store.db import transaction


def away_since() -> datetime | None:
    """Since when the gateway has not answered; None while it does, or nobody asks it."""
    with transaction() as session:
        return store.gateway_away_since(session)
