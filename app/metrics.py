"""Counters for operators, read at /metrics. Each process counts for itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, Metric, generate_latest

__all__ = [
    "CONTENT_TYPE",
    "HEALED",
    "MAILS",
    "REFUSALS",
    "REQUESTS",
    "WEBHOOKS",
    "answered",
    "exposition",
]

CONTENT_TYPE = CONTENT_TYPE_LATEST

# Requests are counted so many at a time: to count each alone took a twentieth of a poll far back.
_TOGETHER = 256
_uncounted: deque[tuple[Histogram, float]] = deque()


class _Requests(Histogram):
    """Whoever reads it finds all requests counted."""

    def collect(self) -> Iterable[Metric]:
        _count()
        return super().collect()


# Its count is the number of requests: of line.join and claims.make with a 303, that of joins and
# claims. A counter beside it would be one more step of each.
REQUESTS = _Requests(
    "fairqueue_requests",
    "Requests answered, and the seconds that it took.",
    ["endpoint", "method", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
)
REFUSALS = Counter("fairqueue_refusals", "Requests refused, by the reason.", ["reason"])
WEBHOOKS = Counter("fairqueue_webhooks", "What the gateway told us.", ["outcome"])
MAILS = Counter("fairqueue_mails", "Mails handed to the mail server.", ["kind", "outcome"])
HEALED = Counter("fairqueue_healed", "Differences that reconciliation put right.", ["what"])


def answered(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one request."""
    _uncounted.append((_of_request(endpoint, method, status), seconds))
    if len(_uncounted) >= _TOGETHER:
        _count()


def _count() -> None:
    while _uncounted:
        try:
            requests, seconds = _uncounted.popleft()
        except IndexError:
            # Another thread took the last one.
            return
        requests.observe(seconds)


@lru_cache(maxsize=1024)
def _of_request(endpoint: str, method: str, status: int) -> Histogram:
    # Finding a counter by its labels takes longer than counting.
    return REQUESTS.labels(endpoint, method, status)


def exposition() -> bytes:
    """All counters in the Prometheus text format."""
    return generate_latest()
