"""What all that was tried before has left: the audit, which compares tickets, money and
lines with each other and with the gateway's books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill.attack.site import Row, Site
from drill.noon import audit
from drill.stage import wait_until

# Redis and Postgres are brought together again within 30 s (docs/architecture.md).
PATIENCE = 60


def attack(site: Site, scale: float) -> list[Row]:
    """The same at any scale."""
    last: Mapping[str, Any] = {}

    def nothing_wrong() -> bool:
        nonlocal last
        last = audit(site.data_dir)
        return not last["violations"] and not last["unchecked"]

    held = wait_until(nothing_wrong, PATIENCE, every=5)
    told = [f"{one['rule']}: {one['id']} {one['what']}" for one in last["violations"][:4]]
    found = "; ".join(told + [str(rule) for rule in last["unchecked"]]) or "all of them hold"
    return [Row("the rules of the audit, after all that", len(last["rules"]), found, held)]
