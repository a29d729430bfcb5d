"""What every answer carries: a request id, security headers, and a word in the metrics."""

from __future__ import annotations

import logging
import random
from functools import lru_cache
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


@lru_cache(maxsize=8)
def security(page: bool, checkout: str, https: bool) -> tuple[tuple[str, str], ...]:
    """The headers that every answer carries; `page` is an HTML document, not a fragment of one."""
    policy = page_policy(checkout) if page else "default-src 'none'; frame-ancestors 'none'"
    found = (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Content-Security-Policy", policy),
    )
    return (*found, ("Strict-Transport-Security", "max-age=31536000")) if https else found


def page_policy(checkout: str) -> str:
    """Content-Security-Policy of a page: nothing inline, nothing from elsewhere.

    form-action names the gateway's checkout too: browsers apply it to the redirect that answers
    the Pay button, so that paying without JavaScript would be blocked otherwise.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'; form-action 'self' {checkout}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def checkout_origin() -> str:
    """Where the gateway asks for the card: beside its API, or at the same host (stand-in)."""
    return _checkout_of(settings.paystack_url)


@lru_cache(maxsize=8)
def _checkout_of(gateway: str) -> str:
    parts = urlsplit(gateway)
    return CHECKOUT.get(parts.netloc, f"{parts.scheme}://{parts.netloc}")


def begin() -> None:
    g.request_id = new_request_id()
    g.started = clock.monotonic()


def new_request_id() -> str:
    """16 hexadecimal digits that tell requests apart; no secret."""
    return f"{random.getrandbits(64):016x}"


def finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.request_id
    page = response.mimetype == "text/html" and not request.htmx
    for name, value in of_security(page):
        # The preview of a page is framed, and may do less than the page.
        headers.setdefault(name, value)
    # What belongs to one person must not stay in a cache shared with others.
    headers.setdefault("Cache-Control", "no-store")
    endpoint = request.endpoint or "none"
    seconds = clock.monotonic() - g.started
    metrics.answered(endpoint, request.method, response.status_code, seconds)
    if response.status_code >= 500:
        log.warning("%s %s %s id=%s", response.status_code, request.method, endpoint, g.request_id)
    return response


def of_security(page: bool) -> tuple[tuple[str, str], ...]:
    return security(page, checkout_origin(), settings.secure_cookies)
