"""What happens at the stand-in's desk: people pay or do not, refunds move on, webhooks leave."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.paystack import shapes
from sandbox.paystack.faults import Faults
from sandbox.paystack.ledger import Charge, Ledger, Refused, Repayment

log = logging.getLogger(__name__)

# Paystack posts again every 3 minutes, four times, and then every hour for 72 hours, until it
# hears 200. A person trying the stand-in cannot wait so long.
QUICK_RETRIES, QUICK_WAIT, SLOW_WAIT, LAST_RETRY = 4, 3.0, 30.0, 2000

ACTIONS = ("pay", "decline", "leave", "transfer", "start")
_OVER = ("success", "reversed")


def signature(body: bytes, secret: str) -> str:
    """HMAC-SHA512 of the raw body, in hex: the header x-paystack-signature."""
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


@dataclass
class Desk:
    """The stand-in without its HTTP. Durations are in seconds."""

    secret: str
    webhook_url: str | None = None
    ledger: Ledger = field(default_factory=Ledger)
    faults: Faults = field(default_factory=Faults)
    transfer_takes: float = 20.0
    refund_takes: float = 5.0
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10))

    def act(self, access_code: str, action: str, takes: float | None = None) -> Charge:
        """What a person does at the checkout. Raises LookupError, or Refused when it is over."""
        with self.ledger.changing(access_code) as charge:
            if charge is None:
                raise LookupError(access_code)
            if charge.status in _OVER:
                raise Refused("This payment is done.", "transaction_done")
            if action != "leave":
                charge.attempts += 1
            getattr(self, f"_{action}")(charge, takes)
        return charge

    def _pay(self, charge: Charge, takes: float | None) -> None:
        self._succeed(charge, "card")

    def _decline(self, charge: Charge, takes: float | None) -> None:
        charge.status, charge.gateway_response = "failed", "Declined"
        charge.settles_at = None
        charge.errors += 1
        charge.note("action", "Attempted to pay with card")
        charge.note("error", "Error: Declined")

    def _leave(self, charge: Charge, takes: float | None) -> None:
        charge.note("action", "Closed the checkout")
        if charge.status == "ongoing":
            charge.status = "abandoned"

    def _start(self, charge: Charge, takes: float | None) -> None:
        charge.status, charge.gateway_response = "ongoing", "Waiting for a one-time password"
        charge.note("action", "Attempted to pay with card")

    def _transfer(self, charge: Charge, takes: float | None) -> None:
        charge.status, charge.gateway_response = "pending", "Waiting for the transfer"
        charge.channel = "bank_transfer"
        charge.settles_at = time.time() + (self.transfer_takes if takes is None else takes)
        charge.note("action", "Set payment method to: bank_transfer")

    def _succeed(self, charge: Charge, channel: str, hear: bool = True) -> None:
        charge.status, charge.gateway_response = "success", "Approved"
        charge.channel, charge.paid_at, charge.settles_at = channel, time.time(), None
        fault = self.faults.pick("pay", "pay")
        if fault == "wrong_amount":
            charge.amount = max(1, charge.amount // 2)
        elif fault == "wrong_currency":
            charge.currency = "USD" if charge.currency != "USD" else "GHS"
        charge.note("success", f"Successfully paid with {channel}")
        if hear:
            self._say(shapes.charge_event(charge))

    def succeed_early(self, charge: Charge) -> None:
        """The charge succeeds and its webhook is delivered before initialize has answered."""
        with self.ledger.changing(charge.access_code) as changed:
            assert changed is not None
            self._succeed(changed, "card", hear=False)
        body = _text(shapes.charge_event(changed))
        if self.webhook_url is not None and self._post(body) != "200":
            self.ledger.say(body, QUICK_WAIT)

    def refund(self, charge: Charge, amount: int, notes: tuple[str, str]) -> Repayment:
        """Raises Refused."""
        fault = self.faults.pick("refund", "refund")
        becomes = {
            "refund_failed": "failed",
            "refund_needs_attention": "needs-attention",
        }.get(fault or "", "processed")
        takes = self.refund_takes * (10 if fault == "refund_pending" else 1)
        repayment = self.ledger.refund(charge, amount, notes, takes, becomes)
        self._say(shapes.refund_event(repayment, charge))
        return repayment

    def move_refund(self, id: int, status: str) -> Repayment:
        """Set a refund's status and say so."""
        repayment = self.ledger.move_repayment(id, status)
        charge = self.ledger.charge(id=repayment.charge_id)
        assert charge is not None
        if status in shapes.SPOKEN_REFUND_STATUSES:
            self._say(shapes.refund_event(repayment, charge))
        return repayment

    def _say(self, event: dict[str, Any]) -> None:
        fault = self.faults.pick("webhook", "webhook")
        if self.webhook_url is None or fault == "webhook_lost":
            return
        self.ledger.say(_text(event), self.faults.late if fault == "webhook_late" else 0.0)
        if fault == "webhook_twice":
            self.ledger.say(_text(event))

    def tick(self) -> None:
        """Slow transfers arrive, refunds move on."""
        for access_code in self.ledger.due_charges():
            with self.ledger.changing(access_code) as charge:
                if charge is not None and charge.status not in _OVER:
                    self._succeed(charge, "bank_transfer")
        for id in self.ledger.due_repayments():
            repayment = self.ledger.repayment(id)
            if repayment is not None:
                self.move_refund(id, repayment.becomes)

    def deliver(self, pool: ThreadPoolExecutor) -> None:
        """Post the webhooks that are due, several at a time."""
        list(pool.map(self._deliver_one, self.ledger.due_webhooks(100)))

    def _deliver_one(self, hook: tuple[int, str, int]) -> None:
        id, body, attempts = hook
        status = self._post(body)
        again = None
        if status != "200" and attempts < LAST_RETRY:
            again = QUICK_WAIT if attempts < QUICK_RETRIES else SLOW_WAIT
        self.ledger.webhook_answered(id, status, again)

    def _post(self, text: str) -> str:
        body = text.encode()
        headers = {
            "Content-Type": "application/json",
            "x-paystack-signature": signature(body, self.secret),
        }
        assert self.webhook_url is not None
        try:
            answer = self._http.post(self.webhook_url, content=body, headers=headers)
        except httpx.HTTPError as exc:
            return type(exc).__name__
        return str(answer.status_code)

    def run(self, stopped: threading.Event) -> None:
        """The clockwork, until `stopped` is set."""
        with ThreadPoolExecutor(8) as pool:
            while not stopped.wait(0.1):
                try:
                    self.tick()
                    self.deliver(pool)
                except Exception:
                    # One bad entry must not end the clockwork of the rest.
                    log.exception("the stand-in's clockwork stumbled")


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"))
