"""Which site may ask for a change.

Unsafe methods: `Sec-Fetch-Site`, if present, must be `same-origin` or `none`; else `Origin`, if
present, must be our own. Both absent is allowed for now. The gateway signs what it sends, so its
address is exempt.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from app.domain.errors import CrossSite
from app.extensions import settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
EXEMPT = frozenset({"webhooks.paystack"})


def register(app: Flask) -> None:
    app.before_request(check)


def check() -> None:
    """Raises CrossSite."""
    if request.method in SAFE or request.endpoint in EXEMPT:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CrossSite
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (_origin(settings.public_url), _origin(request.url)):
        raise CrossSite


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
