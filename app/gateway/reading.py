"""Reading the gateway's answers and webhooks, strictly.

Every function takes parsed JSON of unknown shape and raises ValueError, KeyError, TypeError,
AttributeError or OverflowError (UNREADABLE) when it makes no sense. Amounts are in the smallest
unit of the currency. Source of the field names: Paystack's OpenAPI description.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from app.domain.payments import SUCCESS, Answer
from app.gateway.results import Accepted, RefundAnswer, RefundPage

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


def accepted(answer: Any, reference: str) -> Accepted:
    """Read the answer to initialize."""
    if answer["data"]["reference"] != reference:
        raise ValueError("the answer is about another reference")
    url = _text(answer["data"]["authorization_url"])
    # The fan's browser is sent there, so it must be a web address and nothing else.
    if not url.startswith(("https://", "http://")):
        raise ValueError("authorization_url is not a web address")
    return Accepted(url)


def verified(answer: Any, reference: str) -> Answer:
    """Read the answer to verify."""
    if answer["data"]["reference"] != reference:
        raise ValueError("the answer is about another reference")
    return transaction(answer["data"])


def transaction(data: Any) -> Answer:
    """Read a transaction, from verify or from a webhook."""
    amount = _whole(data["amount"])
    status = _text(data["status"])
    if amount < 1 and status == SUCCESS:
        raise ValueError("a success of nothing")
    log = data.get("log")
    return Answer(
        status=status,
        amount=amount,
        currency=_currency(data["currency"]),
        gateway_id=_whole(data["id"]),
        paid_at=moment(data.get("paid_at")),
        log=log if isinstance(log, dict) and storable(log) else None,
    )


def refund_created(answer: Any) -> RefundAnswer:
    """Read the answer to a refund."""
    return _refund(answer["data"], _whole(answer["data"]["transaction"]["id"]))


def refund_fetched(answer: Any) -> RefundAnswer:
    """Read one refund; here, unlike above, `transaction` is a bare number."""
    return _refund(answer["data"], _whole(answer["data"]["transaction"]))


def refund_page(answer: Any) -> RefundPage:
    """Read one page of the list of refunds."""
    rows = tuple(_refund(row, _whole(row["transaction"])) for row in answer["data"])
    return RefundPage(rows, _whole(answer["meta"]["pageCount"]))


def _refund(data: Any, transaction_id: int) -> RefundAnswer:
    created_at = moment(data["createdAt"])
    if created_at is None:
        raise ValueError("createdAt is empty")
    return RefundAnswer(
        gateway_id=_whole(data["id"]),
        status=_text(data["status"]),
        amount=_whole(data["amount"]),
        currency=_currency(data["currency"]),
        transaction=transaction_id,
        created_at=created_at,
    )


def moment(value: Any) -> datetime | None:
    """A time as Paystack writes it, in UTC; None when it is empty."""
    if value is None or value == "":
        return None
    found = datetime.fromisoformat(_text(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def storable(value: Any) -> bool:
    """Whether Postgres can keep this JSON: it knows no NUL, no half of a surrogate pair, no NaN."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text


def plain(text: str) -> str:
    """Somebody else's words, cut and cleaned so that a row and a page can hold them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:300])


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("not text")
    return value


def _currency(value: Any) -> str:
    code = _text(value)
    if len(code) != 3:
        raise ValueError("not a currency")
    return code
