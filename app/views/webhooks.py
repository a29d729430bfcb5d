"""The gateway speaks."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app import metrics
from app.domain.errors import NotTheGateway
from app.services import inbox
from app.views import guard

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@blueprint.post("/paystack")
def paystack() -> Response:
    if not guard.may_be_the_gateway(request.environ):
        raise NotTheGateway
    # The signature covers the bytes as they came, so nothing may read them as a form first.
    body = request.get_data(cache=False, parse_form_data=False)
    guard.not_again()
    inbox.receive(body, request.headers.get("X-Paystack-Signature"))
    metrics.WEBHOOKS.labels("stored").inc()
    return Response(status=200)
