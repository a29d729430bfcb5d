"""The bodies that Paystack answers with and posts to us, field by field.

Source: Paystack's published OpenAPI description (transactions, refunds) and, for webhooks, the
page on events in its documentation.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.paystack.ledger import Charge, Repayment

INTEGRATION = 463_433
# Refunds in other states are found by asking only.
SPOKEN_REFUND_STATUSES = ("pending", "processing", "processed", "failed")
Body = dict[str, Any]


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as Paystack writes them: 2024-08-22T09:14:24.000Z."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def said(message: str, data: Any) -> Body:
    return {"status": True, "message": message, "data": data}


def refused(message: str, kind: str, code: str, next_step: str) -> Body:
    return {
        "status": False,
        "message": message,
        "meta": {"nextStep": next_step},
        "type": kind,
        "code": code,
    }


def initialized(charge: Charge, base_url: str) -> Body:
    return said(
        "Authorization URL created",
        {
            "authorization_url": f"{base_url}/checkout/{charge.access_code}",
            "access_code": charge.access_code,
            "reference": charge.reference,
        },
    )


def _customer(charge: Charge) -> Body:
    return {
        "id": 180_000_000 + charge.id % 1_000_000,
        "first_name": "",
        "last_name": "",
        "email": charge.email,
        "customer_code": f"CUS_{charge.access_code[:12]}",
        "phone": "",
        "metadata": {},
        "risk_action": "default",
        "international_format_phone": "",
    }


def _authorization(charge: Charge) -> Body:
    return {
        "authorization_code": f"AUTH_{charge.access_code[:10]}",
        "bin": "408408",
        "last4": "4081",
        "exp_month": "12",
        "exp_year": "2030",
        "channel": charge.channel,
        "card_type": "visa",
        "bank": "TEST BANK",
        "country_code": "NG",
        "brand": "visa",
        "reusable": True,
        "signature": f"SIG_{charge.access_code[:16]}",
        "account_name": None,
        "receiver_bank_account_number": None,
        "receiver_bank": None,
    }


def _log(charge: Charge) -> Body | None:
    if not charge.history:
        return None
    return {
        "start_time": int(charge.created_at),
        "time_spent": charge.history[-1]["time"],
        "attempts": charge.attempts,
        "errors": charge.errors,
        "success": charge.paid_at is not None,
        "mobile": False,
        "input": [],
        "history": charge.history,
    }


def _transaction(charge: Charge) -> Body:
    paid = charge.paid_at is not None
    return {
        "id": charge.id,
        "domain": "test",
        "status": charge.status,
        "reference": charge.reference,
        "receipt_number": None,
        "amount": charge.amount,
        "message": None,
        "gateway_response": charge.gateway_response,
        "paid_at": moment(charge.paid_at),
        "created_at": moment(charge.created_at),
        "channel": charge.channel,
        "currency": charge.currency,
        "ip_address": "127.0.0.1",
        "metadata": charge.metadata,
        "log": _log(charge),
        "fees": charge.amount * 15 // 1000 if paid else None,
        "fees_split": None,
        "authorization": _authorization(charge) if paid else {},
        "customer": _customer(charge),
        "plan": None,
        "split": {},
        "order_id": None,
        "paidAt": moment(charge.paid_at),
        "createdAt": moment(charge.created_at),
        "requested_amount": charge.requested_amount,
        "pos_transaction_data": None,
        "source": None,
        "fees_breakdown": None,
        "connect": None,
    }


def verified(charge: Charge) -> Body:
    data = _transaction(charge) | {
        "transaction_date": moment(charge.created_at),
        "plan_object": {},
        "subaccount": {},
    }
    return said("Verification successful", data)


def fetched(charge: Charge) -> Body:
    # The description allows fewer nulls here than for verify.
    data = _transaction(charge)
    return said(
        "Transaction retrieved",
        data
        | {
            "helpdesk_link": None,
            "paid_at": data["paid_at"] or "",
            "paidAt": data["paidAt"] or "",
            "metadata": {"custom_fields": []},
            "fees": data["fees"] or 0,
            "authorization": _authorization(charge),
            "plan": {},
            "subaccount": {},
            "source": {"type": "api", "source": "merchant_api", "identifier": None},
        },
    )


def refund_created(repayment: Repayment, charge: Charge) -> Body:
    transaction = {
        "id": charge.id,
        "domain": "test",
        "reference": charge.reference,
        "amount": charge.amount,
        "paid_at": moment(charge.paid_at) or "",
        "channel": charge.channel,
        "currency": charge.currency,
        "authorization": {"exp_month": None, "exp_year": None, "account_name": None},
        "customer": {"international_format_phone": None},
        "plan": {},
        "subaccount": {"currency": None},
        "split": {},
        "order_id": None,
        "paidAt": moment(charge.paid_at) or "",
        "pos_transaction_data": None,
        "source": None,
        "fees_breakdown": None,
    }
    return said(
        "Refund has been queued for processing",
        {
            "transaction": transaction,
            "integration": INTEGRATION,
            "deducted_amount": 0,
            "channel": None,
            "merchant_note": repayment.merchant_note,
            "customer_note": repayment.customer_note,
            "status": repayment.status,
            "refunded_by": "merchant@fairqueue.example",
            "expected_at": moment(repayment.created_at + 7 * 86_400),
            "currency": repayment.currency,
            "domain": "test",
            "amount": repayment.amount,
            "fully_deducted": False,
            "id": repayment.id,
            "createdAt": moment(repayment.created_at),
            "updatedAt": moment(repayment.updated_at),
        },
    )


def refund_row(repayment: Repayment, charge: Charge) -> Body:
    processed = repayment.status == "processed"
    return {
        "integration": INTEGRATION,
        "transaction": charge.id,
        "dispute": None,
        "settlement": None,
        "id": repayment.id,
        "domain": "test",
        "currency": repayment.currency,
        "amount": repayment.amount,
        "status": repayment.status,
        "refunded_at": moment(repayment.updated_at) if processed else None,
        "refunded_by": "merchant@fairqueue.example",
        "customer_note": repayment.customer_note,
        "merchant_note": repayment.merchant_note,
        "deducted_amount": repayment.amount if processed else 0,
        "fully_deducted": int(processed),
        "createdAt": moment(repayment.created_at),
        "bank_reference": None,
        "transaction_reference": charge.reference,
        "reason": "",
        "customer": _customer(charge) | {"metadata": ""},
        "refund_type": "full" if repayment.amount == charge.amount else "partial",
        "transaction_amount": charge.amount,
        "initiated_by": "merchant@fairqueue.example",
        "refund_channel": "original",
        "session_id": None,
        "collect_account_number": False,
    }


def refund_fetched(repayment: Repayment, charge: Charge) -> Body:
    return said("Refund retrieved", refund_row(repayment, charge))


def refunds_listed(rows: list[Body], total: int, page: int, per_page: int) -> Body:
    meta = {
        "total": total,
        "skipped": (page - 1) * per_page,
        "perPage": str(per_page),
        "page": page,
        "pageCount": -(-total // per_page),
        "failedRefundCount": sum(row["status"] == "failed" for row in rows),
    }
    return {**said("Refunds retrieved", rows), "meta": meta}


def charge_event(charge: Charge) -> Body:
    """The webhook `charge.success`."""
    return {"event": "charge.success", "data": _transaction(charge) | {"plan": {}}}


def refund_event(repayment: Repayment, charge: Charge) -> Body:
    """The webhooks `refund.pending`, `.processing`, `.processed`, `.failed`; Paystack writes the
    amount as text in some of them, so we do as well."""
    customer = _customer(charge)
    data = {
        "status": repayment.status,
        "transaction_reference": charge.reference,
        "refund_reference": f"TRF_{repayment.id}",
        "amount": str(repayment.amount),
        "currency": repayment.currency,
        "processor": "stand-in",
        "customer": {name: customer[name] for name in ("first_name", "last_name", "email")},
        "integration": INTEGRATION,
        "domain": "test",
    }
    return {"event": f"refund.{repayment.status}", "data": data}
