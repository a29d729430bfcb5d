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

# Kinds of answers: a document with an address, a part of one for htmx, a sheet or script of ours,
# and whatever else.
PAGE, FRAGMENT, ASSET, OTHER = "page", "fragment", "asset", "other"
ASSETS = frozenset({"text/css", "text/javascript"})
NOTHING = "default-src 'none'; frame-ancestors 'none'"
# Nothing here uses these, so that nothing that gets in here can.
PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)
CHECKOUT = {"api.paystack.co": "https://checkout.paystack.com"}


def register(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(finish)


def kind_of(document: bool, htmx: bool) -> str:
    """What an answer is to the browser, which decides the headers that mean something to it."""
    if htmx:
        return FRAGMENT
    return PAGE if document else OTHER


@lru_cache(maxsize=8)
def security(kind: str, gateway: str, https_only: str) -> tuple[tuple[str, str], ...]:
    """The headers that every answer of a kind carries.

    A fragment is asked for by a script of ours, so it has no address of its own: nobody can frame
    it, and no link leads from it. Thousands are sent a second, and each byte of them counts. So it
    is with sheets and scripts, which every phone loads before it shows anything; the policy of a
    worker's script holds for the worker.
    """
    found = [("X-Content-Type-Options", "nosniff")]
    if kind in (FRAGMENT, ASSET):
        found.append(("Content-Security-Policy", "default-src 'none'"))
    else:
        found.append(("Referrer-Policy", "same-origin"))
        policy = page_policy(_checkout_of(gateway)) if kind == PAGE else NOTHING
        found.append(("Content-Security-Policy", policy))
    if kind == PAGE:
        found.append(("Permissions-Policy", PERMISSIONS))
    if https_only:
        found.append(("Strict-Transport-Security", https_only))
    return tuple(found)


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
    return random.randbytes(8).hex()  # noqa: S311  # nosec B311 # no secret


def finish(response: Response) -> Response:
    headers = response.headers
    if request.endpoint == "static" and response.status_code == 200 and response.mimetype in ASSETS:
        kind = ASSET
    else:
        headers["X-Request-Id"] = g.request_id
        # Whoever is sent elsewhere is shown nothing here.
        document = response.mimetype == "text/html" and response.location is None
        kind = kind_of(document, bool(request.htmx))
    for name, value in of_security(kind):
        # The preview of a page is framed, and may do less than the page.
        headers.setdefault(name, value)
    # What belongs to one person must not stay in a cache shared with others.
    headers.setdefault("Cache-Control", "no-store")
    endpoint = request.endpoint or "none"
    seconds = clock.monotonic() - g.started
    metrics.answered(endpoint, request.method, response.status_code, seconds)
    if to_be_logged(response.status_code):
        log.warning("%s %s %s", response.status_code, request.method, endpoint)
    return response


def to_be_logged(status: int) -> bool:
    """Faults of ours, what somebody was not allowed to do, and methods that no page of ours sends:
    what the page names the request for.

    Whoever asks for a page they may not see is no reason for a line, as a crowd does it.
    """
    if status >= 500 or status == 405:
        return True
    return status in (401, 403, 413, 429) and request.method == "POST"


def of_security(kind: str) -> tuple[tuple[str, str], ...]:
    return security(kind, settings.paystack_url, settings.https_only)
