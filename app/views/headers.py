"""What every answer carries: a request id, security headers, and a word in the metrics."""

from __future__ import annotations

import logging
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g
from htmx_flask import request

from app import clock, metrics
from app.extensions import settings

log = logging.getLogger("fairqueue.requests")

CHECKOUT = {"api.paystack.co": "https://checkout.paystack.com"}


def register(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(finish)


def page_policy() -> str:
    """Content-Security-Policy of a page: nothing inline, nothing from elsewhere.

    form-action names the gateway's checkout too: browsers apply it to the redirect that answers
    the Pay button, so that paying without JavaScript would be blocked otherwise.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'; form-action 'self' {checkout_origin()}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def checkout_origin() -> str:
    """Where the gateway asks for the card: beside its API, or at the same host (stand-in)."""
    parts = urlsplit(settings.paystack_url)
    return CHECKOUT.get(parts.netloc, f"{parts.scheme}://{parts.netloc}")


def begin() -> None:
    g.request_id = secrets.token_hex(8)
    g.started = clock.monotonic()


def finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = _policy(response)
    if settings.secure_cookies:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    # What belongs to one person must not stay in a cache shared with others.
    headers.setdefault("Cache-Control", "no-store")
    endpoint = request.endpoint or "none"
    metrics.REQUESTS.labels(endpoint, request.method, response.status_code).inc()
    metrics.SECONDS.labels(endpoint).observe(clock.monotonic() - g.started)
    if response.status_code >= 500:
        log.warning("%s %s %s id=%s", response.status_code, request.method, endpoint, g.request_id)
    return response


def _policy(response: Response) -> str:
    if response.mimetype == "text/html" and not request.htmx:
        return page_policy()
    return "default-src 'none'; frame-ancestors 'none'"
