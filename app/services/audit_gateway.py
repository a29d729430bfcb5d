"""The audit's second half: our books against the gateway's.

Every payment is verified and the gateway's list of refunds is read once. What is on its way at
the first look has landed at the second; only what both looks show is a violation. Charges with
references that are not ours cannot be seen: the published interface lists none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep

from app.domain.payments import SUCCEEDED, Answer
from app.domain.refunds import ALIVE_THERE, PROCESSED
from app.gateway import client as gateway
from app.gateway.results import Missing, RefundAnswer, TryLater
from app.store import audit as store
from app.store.audit import Booked
from app.store.db import snapshot

RULES = ["gateway_charge_is_in_our_books", "gateway_refund_is_in_our_books"]

BETWEEN_LOOKS_S = 3.0
_CLOCKS_DIFFER = timedelta(days=1)


class GatewayAway(Exception):
    """The gateway could not be asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference between the books: which rule it breaks, its id, and what is wrong."""

    rule: str
    id: str
    what: str


def mismatches() -> list[Mismatch]:
    """What two looks showed. Raises GatewayAway, StoreUnavailable."""
    first = set(_look())
    if not first:
        return []
    sleep(BETWEEN_LOOKS_S)
    return sorted(first & set(_look()), key=lambda found: found.id)


def _look() -> Iterator[Mismatch]:
    with snapshot() as connection:
        books = store.books(connection)
    for booked in books:
        yield from _charge(booked)
    if books:
        yield from _refunds(books)


def _charge(booked: Booked) -> Iterator[Mismatch]:
    answer = gateway.verify(booked.reference)
    if isinstance(answer, TryLater):
        raise GatewayAway(answer.why)
    what = _difference(booked, answer)
    if what:
        yield Mismatch(RULES[0], f"payment {booked.reference}", what)


def _difference(booked: Booked, answer: Answer | Missing) -> str:
    if isinstance(answer, Missing) or not answer.success:
        said = "does not know it" if isinstance(answer, Missing) else f"says {answer.status}"
        # "reversed" is what a refunded charge may be called.
        if booked.state == SUCCEEDED and said != "says reversed":
            return f"succeeded here, but the gateway {said}"
        return ""
    if booked.state != SUCCEEDED:
        return f"was charged {answer.amount} {answer.currency}, but here it is {booked.state}"
    if (answer.amount, answer.currency) != (booked.received_amount, booked.received_currency):
        return (
            f"was charged {answer.amount} {answer.currency}, but here it is"
            f" {booked.received_amount} {booked.received_currency}"
        )
    return ""


def _refunds(books: list[Booked]) -> Iterator[Mismatch]:
    there = _refunds_by_charge(min(booked.created_at for booked in books) - _CLOCKS_DIFFER)
    for booked in books:
        alive = there.get(booked.gateway_id or 0, [])
        what = _refund_difference(booked, alive)
        if what:
            yield Mismatch(RULES[1], f"payment {booked.reference}", what)


def _refund_difference(booked: Booked, alive: list[RefundAnswer]) -> str:
    if len(alive) > 1:
        return f"was refunded {len(alive)} times by the gateway"
    if alive and booked.refund_state is None:
        return f"was refunded {alive[0].amount} by the gateway, but nothing is owed here"
    if alive and alive[0].amount != booked.refund_amount:
        return f"was refunded {alive[0].amount} by the gateway, but here {booked.refund_amount}"
    if booked.refund_state == PROCESSED and not alive:
        return "is refunded here, but the gateway lists no refund"
    return ""


def _refunds_by_charge(since: datetime) -> dict[int, list[RefundAnswer]]:
    found: dict[int, list[RefundAnswer]] = defaultdict(list)
    for refund in _every_refund(since):
        if refund.status in ALIVE_THERE:
            found[refund.transaction].append(refund)
    return found


def _every_refund(since: datetime) -> Iterable[RefundAnswer]:
    page, pages = 1, 1
    while page <= pages:
        answer = gateway.refunds(since=since, page=page)
        if isinstance(answer, TryLater):
            raise GatewayAway(answer.why)
        yield from answer.refunds
        page, pages = page + 1, answer.pages
