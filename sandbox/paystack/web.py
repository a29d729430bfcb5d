"""The stand-in's HTTP: Paystack's interface, the checkout page, and doors for tests."""

from __future__ import annotations

import hmac
import re
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as BaseResponse

from sandbox.paystack import shapes
from sandbox.paystack.desk import ACTIONS, Desk
from sandbox.paystack.ledger import Charge, Refused

api = Blueprint("api", __name__)
doors = Blueprint("doors", __name__)

CURRENCIES = ("GHS", "KES", "NGN", "ZAR", "USD")
CHANNELS = ("card", "bank", "ussd", "qr", "eft", "mobile_money", "bank_transfer")
_REFERENCE = re.compile(r"[A-Za-z0-9.=-]+")
View = Callable[..., Response]


def create(desk: Desk) -> Flask:
    app = Flask(__name__)
    app.config["DESK"] = desk
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_blueprint(api)
    app.register_blueprint(doors)
    return app


def desk() -> Desk:
    found: Desk = current_app.config["DESK"]
    return found


def operation(name: str) -> Callable[[View], View]:
    """An operation of the interface: the key is checked, and faults happen around it."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(**arguments: Any) -> Response:
            fault = desk().faults.pick("api", name)
            if fault in ("timeout_before", "reset_before") or (fault or "").isdigit():
                return _broken(str(fault))
            if fault == "latency":
                time.sleep(desk().faults.latency)
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {desk().secret}".encode()):
                return _error(401, "Invalid key", "validation_error", None)
            response = view(**arguments)
            return _broken(fault) if fault not in (None, "latency") else response

        return answer

    return decorate


def _broken(fault: str) -> Response:
    faults = desk().faults
    if fault.startswith(("timeout", "reset")):
        if fault.startswith("timeout"):
            time.sleep(faults.hang)
        _hang_up()
        return Response(status=500)
    if fault == "garbage":
        response = Response("<html>it works!</html", 200, content_type="application/json")
    elif fault == "502":
        response = Response("<html><h1>502 Bad Gateway</h1></html>", 502)
    else:
        response = _error(int(fault), "A fault was ordered", "api_error", None)
    if fault == "429":
        response.headers["Retry-After"] = str(faults.retry_after)
    response.headers["X-Fault"] = fault
    return response


def _hang_up() -> None:
    connection: socket.socket | None = request.environ.get("werkzeug.socket")
    if connection is not None:
        with suppress(OSError):
            # No lingering: the other side sees a reset, not an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)


def _error(status: int, message: str, kind: str, code: str | None, step: str = "") -> Response:
    body: dict[str, Any] = {"status": False, "message": message, "type": kind}
    if code is not None:
        body = shapes.refused(message, kind, code, step)
    response = jsonify(body)
    response.status_code = status
    return response


def _sent() -> dict[str, Any]:
    body = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    return body if isinstance(body, dict) else {}


def _wrong(body: dict[str, Any]) -> str | None:
    amount = body.get("amount")
    if "@" not in str(body.get("email", "")):
        return "Invalid Email Address Passed"
    if isinstance(amount, bool) or not str(amount).isdigit() or int(str(amount)) < 1:
        return "Invalid Amount Sent"
    if body.get("currency", "NGN") not in CURRENCIES:
        return "Currency not supported by merchant"
    if "reference" in body and not _REFERENCE.fullmatch(str(body["reference"])):
        return "Invalid transaction reference"
    if not set(body.get("channels", [])) <= set(CHANNELS):
        return "Invalid channels"
    return None


@api.post("/transaction/initialize")
@operation("initialize")
def initialize() -> Response:
    body = _sent()
    wrong = _wrong(body)
    if wrong:
        return _error(400, wrong, "validation_error", "invalid_params", "Correct it and try again")
    body["amount"] = int(str(body["amount"]))
    try:
        charge = desk().ledger.initialize(body)
    except Refused as refused:
        step = "Try and create the Transaction or Charge with a new reference"
        return _error(400, refused.message, "validation_error", refused.code, step)
    if desk().faults.pick("early", "initialize"):
        desk().succeed_early(charge)
    return jsonify(shapes.initialized(charge, request.host_url.rstrip("/")))


@api.get("/transaction/verify/<reference>")
@operation("verify")
def verify(reference: str) -> Response:
    charge = desk().ledger.charge(reference=reference)
    if charge is None:
        return _missing("Transaction reference not found.")
    return jsonify(shapes.verified(charge))


@api.get("/transaction/<int:id>")
@operation("fetch")
def fetch(id: int) -> Response:
    charge = desk().ledger.charge(id=id)
    return _missing("Transaction not found") if charge is None else jsonify(shapes.fetched(charge))


def _missing(message: str) -> Response:
    return _error(404, message, "validation_error", None)


@api.post("/refund")
@operation("refund")
def refund() -> Response:
    body = _sent()
    named = str(body.get("transaction", ""))
    charge = desk().ledger.charge(reference=named, id=int(named) if named.isdigit() else 0)
    if charge is None:
        return _error(400, "Transaction not found", "validation_error", "transaction_not_found")
    amount = int(str(body.get("amount") or charge.amount))
    notes = (str(body.get("customer_note", "")), str(body.get("merchant_note", "")))
    try:
        if body.get("currency", charge.currency) != charge.currency:
            raise Refused("Currency does not match the transaction's", "invalid_params")
        repayment = desk().refund(charge, amount, notes)
    except Refused as refused:
        return _error(400, refused.message, "validation_error", refused.code)
    return jsonify(shapes.refund_created(repayment, charge))


@api.get("/refund")
@operation("refunds")
def refunds() -> Response:
    start, end = _moment("from"), _moment("to")
    page = max(1, request.args.get("page", 1, type=int))
    per_page = min(100, max(1, request.args.get("perPage", 50, type=int)))
    found = [
        repayment
        for repayment in desk().ledger.repayments()
        if (start or 0) <= repayment.created_at <= (end or float("inf"))
    ]
    shown = found[(page - 1) * per_page : page * per_page]
    rows = [shapes.refund_row(repayment, _charge_of(repayment.charge_id)) for repayment in shown]
    return jsonify(shapes.refunds_listed(rows, len(found), page, per_page))


@api.get("/refund/<int:id>")
@operation("refund_fetch")
def refund_fetch(id: int) -> Response:
    repayment = desk().ledger.repayment(id)
    if repayment is None:
        return _missing("Refund not found")
    return jsonify(shapes.refund_fetched(repayment, _charge_of(repayment.charge_id)))


def _moment(name: str) -> float | None:
    text = request.args.get(name)
    with suppress(ValueError):
        return datetime.fromisoformat(text).timestamp() if text else None
    return None


def _charge_of(id: int) -> Charge:
    charge = desk().ledger.charge(id=id)
    assert charge is not None
    return charge


@doors.get("/checkout/<access_code>")
def checkout(access_code: str) -> tuple[str, int]:
    """The page on which a person pays, or does not."""
    charge = desk().ledger.charge(access_code=access_code)
    if charge is None:
        return render_template("unknown.html"), 404
    return render_template("checkout.html", charge=charge, back=_back(charge)), 200


@doors.post("/checkout/<access_code>/<action>")
def act(access_code: str, action: str) -> BaseResponse:
    """What the page's buttons do; with `Accept: application/json` the charge is the answer.

    `takes` (seconds) says how slow a transfer is.
    """
    if action not in ACTIONS:
        return _error(404, f"one of {', '.join(ACTIONS)}", "validation_error", None)
    try:
        charge = desk().act(access_code, action, request.values.get("takes", type=float))
    except LookupError:
        return _missing("Unknown checkout")
    except Refused as refused:
        return _error(409, refused.message, "validation_error", refused.code)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(shapes.verified(charge))
    stays = action in ("decline", "start") or not charge.callback_url
    return redirect(f"/checkout/{access_code}" if stays else _back(charge), code=303)


def _back(charge: Charge) -> str:
    """The shop's address, with the reference twice, as Paystack writes it."""
    parts = urlsplit(charge.callback_url)
    words = urlencode({"trxref": charge.reference, "reference": charge.reference})
    return urlunsplit(parts._replace(query=f"{parts.query}&{words}" if parts.query else words))


@doors.get("/")
def home() -> str:
    return render_template("home.html", books=desk().ledger.as_json())


@doors.get("/ledger")
def ledger() -> Response:
    return jsonify(desk().ledger.as_json())


@doors.delete("/ledger")
def forget() -> Response:
    desk().ledger.forget()
    return Response(status=204)


@doors.post("/refunds/<int:id>/<status>")
def move_refund(id: int, status: str) -> Response:
    """Move a refund to processed, failed, needs-attention ... now."""
    return jsonify(
        shapes.refund_row(
            repayment := desk().move_refund(id, status), _charge_of(repayment.charge_id)
        )
    )


@doors.get("/faults")
def faults() -> Response:
    return jsonify(desk().faults.as_json())


@doors.post("/faults")
def order_faults() -> Response:
    try:
        desk().faults.order(_sent())
    except ValueError as unknown:
        return _error(422, str(unknown), "validation_error", None)
    return jsonify(desk().faults.as_json())


@doors.delete("/faults")
def clear_faults() -> Response:
    desk().faults.clear()
    return Response(status=204)
