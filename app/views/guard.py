"""By which name the site may be asked, and which site may ask for a change.

The host is PUBLIC_URL's or one of ALLOWED_HOSTS, so that nobody can have a page made that leads
elsewhere; in development any name of this very machine will do. Unsafe methods: `Sec-Fetch-Site`,
if present, must be `same-origin` or `none`; else `Origin`, if present, must be our own. Both
absent is allowed for now. The gateway signs what it sends, so its address is exempt.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request

from app.domain.errors import CrossSite, HostUnknown, Refusal
from app.extensions import settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
EXEMPT = frozenset({"webhooks.paystack"})
# What watches the machines asks each by its own address.
ANY_HOST = frozenset({"health.live", "health.ready", "health.counters"})
# What the short way was refused, in the environment of the request that it hands on.
REFUSED = "fairqueue.refused"
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def register(app: Flask) -> None:
    app.before_request(check)


def check() -> None:
    """Raises HostUnknown, CrossSite."""
    if request.endpoint not in ANY_HOST and not host_is_ours(request.environ):
        raise HostUnknown
    if request.method in SAFE or request.endpoint in EXEMPT:
        return
    if not asked_by_us(request.environ):
        raise CrossSite


def not_again() -> None:
    """Raises what the short way was refused when it asked for the same (app/fast_writes.py)."""
    refusal = request.environ.get(REFUSED)
    if isinstance(refusal, Refusal):
        raise refusal


def host_is_ours(environ: dict[str, Any]) -> bool:
    """Whether the request names this site."""
    return _is_ours(
        environ.get("HTTP_HOST", ""),
        settings.public_url,
        settings.allowed_hosts,
        settings.development,
    )


def asked_by_us(environ: dict[str, Any]) -> bool:
    """Whether no other site had the browser send this request, whose host is ours."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or origin in (
        _origin(settings.public_url),
        f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}",
    )


@lru_cache(maxsize=256)
def _is_ours(host: str, public_url: str, allowed: tuple[str, ...], development: bool) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if name is None:
        return False
    known = name == urlsplit(public_url).hostname or name in allowed
    return known or (development and name in THIS_MACHINE)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
