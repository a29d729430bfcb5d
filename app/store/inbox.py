"""The inbox: what the gateway told us, kept before anything is done about it."""

from __future__ import annotations

import json
from typing import Any

from app.store.db import one_statement


def keep(key: str, kind: str, body: dict[str, Any], wanted: bool) -> bool:
    """Keep a message and, when it is `wanted`, owe its handling; whether it was new."""
    parameters = {"key": key, "kind": kind, "body": json.dumps(body), "wanted": wanted}
    return one_statement("store_inbox", parameters, key) is not None
