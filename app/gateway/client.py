"""Paystack's HTTP interface: initialize, verify, refund, list refunds.

Source: Paystack's OpenAPI description; field names and codes are from there. Nothing here
raises for what the network or the gateway does: every call returns one typed result.
Amounts are in the smallest unit of the currency.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from app import clock
from app.config import Settings
from app.domain.payments import Answer
from app.extensions import db
from app.failpoints import reached
from app.gateway import reading
from app.gateway.breaker import Breaker
from app.gateway.results import (
    Accepted,
    DuplicateReference,
    Missing,
    RefundAnswer,
    RefundPage,
    Refused,
    TryLater,
)

T = TypeVar("T")

# An answer of the gateway has a few kilobytes; more is not one.
LARGEST_BODY = 1024 * 1024
LONGEST_RETRY_AFTER = 900.0

# Of these two kinds of 400 the gateway itself is to blame; asked again, it may do better.
_NOT_OUR_FAULT = ("processor_error", "api_error")
# Said at the door, before anything was done.
_TURNED_AWAY = (401, 403, 429)


class InTransaction(RuntimeError):
    """The gateway was about to be called while a database transaction was open."""


class _Connection:
    """The HTTP client of this process; a forked process makes its own."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.transport: httpx.BaseTransport | None = None
        self.breaker = Breaker()
        self._client: httpx.Client | None = None
        self._pid = 0

    def client(self) -> httpx.Client:
        assert self.settings is not None, "create_app() has not run in this process."
        if self._client is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._client = httpx.Client(
                base_url=self.settings.paystack_url,
                timeout=self.settings.gateway_timeout,
                headers={
                    "Authorization": f"Bearer {self.settings.paystack_secret_key}",
                    "Accept": "application/json",
                },
                transport=self.transport,
            )
        return self._client

    def reset(self) -> None:
        if self._client is not None and self._pid == os.getpid():
            self._client.close()
        self._client = None
        self.breaker = Breaker()


_connection = _Connection()


def bind(settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
    """Called once by the factory; tests may pass a transport that looks at every call."""
    _connection.reset()
    _connection.settings, _connection.transport = settings, transport


def forgive() -> None:
    """Close the breaker; for tests that have just been a bad day."""
    _connection.breaker.answered()


def initialize(
    *,
    email: str,
    amount: int,
    currency: str,
    reference: str,
    callback_url: str,
    channels: Sequence[str],
    metadata: Mapping[str, Any],
) -> Accepted | DuplicateReference | Refused | TryLater:
    """Open a transaction."""
    body = {
        "email": email,
        "amount": amount,
        "currency": currency,
        "reference": reference,
        "callback_url": callback_url,
        "channels": list(channels),
        "metadata": dict(metadata),
    }
    answer = _call("initialize", "POST", "/transaction/initialize", body=body)
    if isinstance(answer, Refused) and answer.why.startswith("duplicate_reference"):
        return DuplicateReference()
    if isinstance(answer, Refused | TryLater):
        return answer
    if isinstance(answer, Missing):
        return TryLater("initialize was answered 404")
    return _read(reading.accepted, answer, reference)


def verify(reference: str) -> Answer | Missing | TryLater:
    """What became of a transaction."""
    answer = _call("verify", "GET", f"/transaction/verify/{quote(reference, safe='')}")
    if isinstance(answer, Refused):
        # Paystack has been seen to say 400 where its description says 404.
        missing = "not_found" in answer.why or "not found" in answer.why
        return Missing() if missing else TryLater(answer.why)
    if isinstance(answer, Missing | TryLater):
        return answer
    return _read(reading.verified, answer, reference)


def refund(
    *, reference: str, amount: int, currency: str, note: str
) -> RefundAnswer | Refused | TryLater:
    """Ask for the money of a transaction to be given back."""
    body = {
        "transaction": reference,
        "amount": amount,
        "currency": currency,
        "merchant_note": note,
    }
    answer = _call("refund", "POST", "/refund", body=body)
    if isinstance(answer, Missing):
        return TryLater("refund was answered 404")
    if isinstance(answer, Refused | TryLater):
        return answer
    return _read(reading.refund_created, answer)


def refunds(*, since: datetime, page: int, per_page: int = 100) -> RefundPage | TryLater:
    """One page of the refunds that were made from `since` on."""
    start = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    query = {"from": start, "page": str(page), "perPage": str(per_page)}
    answer = _call("refunds", "GET", "/refund", query=query)
    if isinstance(answer, Missing | Refused):
        return TryLater(f"the list of refunds was refused: {answer}")
    return answer if isinstance(answer, TryLater) else _read(reading.refund_page, answer)


def fetch_refund(gateway_id: int) -> RefundAnswer | Missing | TryLater:
    """One refund, by the gateway's own number."""
    answer = _call("fetch_refund", "GET", f"/refund/{gateway_id}")
    if isinstance(answer, Refused):
        return TryLater(answer.why)
    if isinstance(answer, Missing | TryLater):
        return answer
    return _read(reading.refund_fetched, answer)


def _call(
    name: str,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any] | Missing | Refused | TryLater:
    # A slow gateway would hold the connection, and whatever rows it has locked, for as long.
    if db.session.registry.has() and db.session().in_transaction():
        raise InTransaction(f"{method} {path} was about to be called inside a transaction")
    breaker = _connection.breaker
    if pause := breaker.refuses_for():
        return TryLater("not asked: the gateway does not answer now", pause, untouched=True)
    result = _result(method, path, body, query)
    if isinstance(result, TryLater) and result.silent:
        breaker.silent()
    else:
        breaker.answered()
    reached("gateway:", name)
    return result


def _result(
    method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str] | None
) -> dict[str, Any] | Missing | Refused | TryLater:
    try:
        status, headers, raw = _exchange(method, path, body, query)
    except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
        return TryLater(reading.plain(f"{type(exc).__name__}: {exc}"), untouched=True, silent=True)
    except httpx.HTTPError as exc:
        return TryLater(reading.plain(f"{type(exc).__name__}: {exc}"), silent=True)
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if status == 200 and isinstance(answer, dict) and answer.get("status") is True:
        return answer
    return _no(status, answer, retry_after(headers.get("Retry-After")))


def _no(status: int, answer: Any, after: float) -> Missing | Refused | TryLater:
    # 401, 403, 408, 429 and 5xx say nothing about the question itself: a key is being changed,
    # a proxy is in a mood, there were too many of us. A 400 in Paystack's own words is final.
    untouched, silent = status in _TURNED_AWAY, status in (200, *range(500, 600))
    if not isinstance(answer, dict) or answer.get("status") is not False:
        return TryLater(f"{status} without a word that makes sense", after, untouched, silent)
    why = reading.plain(f"{answer.get('code') or ''}: {answer.get('message')}")
    if status == 400 and answer.get("type") not in _NOT_OUR_FAULT:
        return Refused(why)
    return Missing() if status == 404 else TryLater(f"{status} {why}", after, untouched, silent)


def _exchange(
    method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str] | None
) -> tuple[int, httpx.Headers, bytes]:
    # httpx bounds each read; an answer that trickles is bounded here.
    client = _connection.client()
    deadline = clock.monotonic() + (client.timeout.read or 0.0)
    raw = bytearray()
    with client.stream(method, path, json=body, params=query) as response:
        for chunk in response.iter_bytes():
            raw += chunk
            if len(raw) > LARGEST_BODY:
                raise httpx.ReadError("the answer is too large")
            if clock.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer trickles")
        return response.status_code, response.headers, bytes(raw)


def _read(reader: Callable[..., T], *arguments: Any) -> T | TryLater:
    try:
        return reader(*arguments)
    except reading.UNREADABLE as exc:
        return TryLater(f"an answer that makes no sense: {type(exc).__name__} {exc}")


def retry_after(value: str | None) -> float:
    """Seconds from a Retry-After header, in either of its forms; 0 when there is none."""
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER) if seconds == seconds else 0.0
