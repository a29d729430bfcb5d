"""Counters for operators, read at /metrics. Each process counts for itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Metric, generate_latest
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector

__all__ = [
    "CONTENT_TYPE",
    "HEALED",
    "MAILS",
    "REFUSALS",
    "WEBHOOKS",
    "answered",
    "exposition",
]

CONTENT_TYPE = CONTENT_TYPE_LATEST

# In seconds, the upper end of each bucket included.
_LIMITS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3)
_NAMES = (*map(str, map(float, _LIMITS)), "+Inf")


@dataclass(slots=True)
class _OneKind:
    """Of one endpoint, method and status: how many took how long, and the seconds of all."""

    by_bucket: list[int] = field(default_factory=lambda: [0] * len(_NAMES))
    seconds: float = 0.0


class _Requests(Collector):
    """A histogram of requests. Its count is their number: of line.join and claims.make with a 303,
    that of joins and claims.

    prometheus_client's own takes more than twice as long for each.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[tuple[str, str, int], _OneKind] = {}

    def count(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        of_these, bucket = (endpoint, method, status), bisect_left(_LIMITS, seconds)
        with self._lock:
            kept = self._kept.get(of_these)
            if kept is None:
                kept = self._kept[of_these] = _OneKind()
            kept.by_bucket[bucket] += 1
            kept.seconds += seconds

    def collect(self) -> Iterable[Metric]:
        found = HistogramMetricFamily(
            "fairqueue_requests",
            "Requests answered, and the seconds that it took.",
            labels=["endpoint", "method", "status"],
        )
        with self._lock:
            kept = [(of, list(one.by_bucket), one.seconds) for of, one in self._kept.items()]
        for (endpoint, method, status), by_bucket, seconds in kept:
            buckets = list(zip(_NAMES, accumulate(by_bucket), strict=True))
            found.add_metric([endpoint, method, str(status)], buckets, seconds)
        yield found


_requests = _Requests()
REGISTRY.register(_requests)
REFUSALS = Counter("fairqueue_refusals", "Requests refused, by the reason.", ["reason"])
WEBHOOKS = Counter("fairqueue_webhooks", "What the gateway told us.", ["outcome"])
MAILS = Counter("fairqueue_mails", "Mails handed to the mail server.", ["kind", "outcome"])
HEALED = Counter("fairqueue_healed", "Differences that reconciliation put right.", ["what"])


def answered(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one request."""
    _requests.count(endpoint, method, status, seconds)


def exposition() -> bytes:
    """All counters in the Prometheus text format."""
    return generate_latest()
