"""Faults, ordered one by one or by rate: what a gateway does on a bad day.

Set over HTTP: `POST /faults {"next": {"initialize": ["429", "timeout_after"]}}` orders faults for
the next calls of an operation; `{"rates": {"api": 0.2, "webhook_lost": 0.05}, "seed": 7}` lets
chance decide, per kind or for a whole family (then each of its kinds is as likely). `DELETE
/faults` ends them all.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

FAMILIES: dict[str, tuple[str, ...]] = {
    # What the HTTP interface does; the effect happens only after `_after` and with `garbage`.
    "api": (
        "latency",
        "timeout_before",
        "timeout_after",
        "reset_before",
        "reset_after",
        "401",
        "403",
        "408",
        "429",
        "500",
        "502",
        "garbage",
    ),
    # What happens to the money when a person pays.
    "pay": ("wrong_amount", "wrong_currency"),
    # What happens to a webhook. `webhook_before` belongs to initialize: the charge succeeds and
    # the webhook is delivered before the answer leaves.
    "webhook": ("webhook_lost", "webhook_twice", "webhook_late"),
    "early": ("webhook_before",),
    # How a refund goes on; without a fault it is processed.
    "refund": ("refund_pending", "refund_failed", "refund_needs_attention"),
}


@dataclass
class Faults:
    """The faults in force. Seconds unless the name says otherwise."""

    hang: float = 15.0
    latency: float = 1.0
    late: float = 5.0
    retry_after: int = 1
    rates: dict[str, float] = field(default_factory=dict)
    _next: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    _chance: random.Random = field(default_factory=random.Random)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, wanted: dict[str, Any]) -> None:
        """Add what `wanted` says. Raises ValueError when a name is unknown."""
        known = {kind for kinds in FAMILIES.values() for kind in kinds}
        ordered: dict[str, list[str]] = wanted.get("next", {})
        names = {kind for kinds in ordered.values() for kind in kinds}
        unknown = names - known | set(wanted.get("rates", {})) - known - set(FAMILIES)
        if unknown:
            raise ValueError(f"unknown faults: {', '.join(sorted(unknown))}")
        with self._lock:
            for operation, kinds in ordered.items():
                self._next[operation].extend(kinds)
            self.rates.update(wanted.get("rates", {}))
            for name in ("hang", "latency", "late"):
                setattr(self, name, float(wanted.get(name, getattr(self, name))))
            self.retry_after = int(wanted.get("retry_after", self.retry_after))
            if "seed" in wanted:
                self._chance.seed(wanted["seed"])

    def clear(self) -> None:
        with self._lock:
            self._next.clear()
            self.rates.clear()

    def pick(self, family: str, operation: str) -> str | None:
        """The fault that this call of the operation meets, or None."""
        kinds = FAMILIES[family]
        with self._lock:
            waiting = self._next.get(operation)
            if waiting and waiting[0] in kinds:
                return waiting.popleft()
            if self._chance.random() < self.rates.get(family, 0.0):
                return self._chance.choice(kinds)
            for kind in kinds:
                if self._chance.random() < self.rates.get(kind, 0.0):
                    return kind
        return None

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "rates": dict(self.rates),
                "next": {operation: list(kinds) for operation, kinds in self._next.items()},
                "hang": self.hang,
                "latency": self.latency,
                "late": self.late,
                "retry_after": self.retry_after,
            }
