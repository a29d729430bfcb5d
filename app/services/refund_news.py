"""Mails about money that goes back: one at each turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain import refunds as rules
from app.domain.said import say
from app.services import mail
from app.services.links import claim_link
from app.store import refunds as store
from app.store.db import transaction

_SUBJECTS = {
    rules.OWED: say("Your money for %(title)s goes back to you"),
    rules.PROCESSED: say("Your refund for %(title)s is on its way"),
    rules.SETTLED: say("Your refund for %(title)s has been settled"),
    rules.NEEDS_ATTENTION: say("Your refund for %(title)s: support is on it"),
}


@dataclass(frozen=True, slots=True)
class _News:
    to: str
    language: str
    title: str
    claim: str
    payment: str
    amount: int
    currency: str
    why: str


def send(payload: Mapping[str, Any]) -> None:
    """Tell the fan how a refund stands: the handler of `send_refund_news`."""
    news = _news(payload["refund_id"])
    mail.send(
        "refund",
        news.to,
        say(_SUBJECTS[payload["state"]], title=news.title),
        news.language,
        state=payload["state"],
        amount=news.amount,
        currency=news.currency,
        why=news.why,
        title=news.title,
        claim=news.claim,
        payment=news.payment,
        link=claim_link(news.claim, news.language),
    )


def _news(refund_id: int) -> _News:
    with transaction() as session:
        refund, _ = store.with_payment(session, refund_id)
        payment, claim = refund.payment, refund.payment.claim
        in_time = payment.paid_at is not None and payment.paid_at <= claim.held_until
        return _News(
            claim.fan.email,
            claim.fan.language,
            claim.event.title,
            claim.reference,
            payment.reference,
            refund.amount,
            refund.currency,
            rules.why(refund.reason, in_time),
        )
