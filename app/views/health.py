"""For operators: is this process alive, can it work, what has it counted."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from app import metrics
from app.services import health

blueprint = Blueprint("health", __name__)


@blueprint.get("/health/live")
def live() -> Response:
    return jsonify(status="alive")


@blueprint.get("/health/ready")
def ready() -> Response:
    checks = health.checks()
    good = all(checks.values())
    return make_response(jsonify(ready=good, **checks), 200 if good else 503)


@blueprint.get("/metrics")
def counters() -> Response:
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
