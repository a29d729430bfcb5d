"""By which name the site may be asked, and which site may ask for a change.

The host is PUBLIC_URL's or one of ALLOWED_HOSTS, so that nobody can have a page made that leads
elsewhere; in development any name of this very machine will do. Unsafe methods: `Sec-Fetch-Site`,
if present, must be `same-origin` or `none`; else `Origin`, if present, must be PUBLIC_URL's. Where
a browser sends neither, a form needs the token that its page gave it, bound to this browser; all
but joining, whose page is the same for everyone, and which takes nothing from anybody. Forms of
staff always need a token, that of their session (app/views/staff.py). The gateway signs what it
sends, so its address is exempt.

Nothing that is longer than what a page of ours sends is read: what says its length is refused
before, what comes in chunks as soon as it is longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g
from htmx_flask import request
from markupsafe import Markup
from werkzeug.exceptions import RequestEntityTooLarge

from app.config import THIS_MACHINE
from app.domain.errors import CrossSite, FormTooOld, HostUnknown, Refusal
from app.domain.networks import is_within
from app.domain.tokens import FormToken, VisitorToken, new_id
from app.extensions import settings
from app.views import cookies, staff

EXEMPT = frozenset({"webhooks.paystack"})
NEEDS_NO_TOKEN = frozenset({"line.join"})
# What watches the machines asks each by its own address.
ANY_HOST = frozenset({"health.live", "health.ready", "health.counters"})
# What the short way was refused, in the environment of the request that it hands on.
REFUSED = "fairqueue.refused"
FIELD = "form_token"
# In bytes. A fan's longest form is a claim with a name of 100 letters, each nine bytes as it is
# sent; a text of an organiser's may have 500.
LONGEST = 8 * 1024
LONGEST_OF_STAFF = 32 * 1024
LONGEST_WEBHOOK = 64 * 1024


def register(app: Flask) -> None:
    app.before_request(check)
    app.after_request(keep_visitor)
    app.jinja_env.globals["own_form"] = own_form


def check() -> None:
    """Raises HostUnknown, RequestEntityTooLarge, CrossSite, FormTooOld."""
    if request.endpoint not in ANY_HOST and not host_is_ours(request.environ):
        raise HostUnknown
    longest = request.max_content_length = _longest()
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        put_together(request.environ, longest + 1)
    if (request.content_length or 0) > longest:
        raise RequestEntityTooLarge
    if request.method in staff.SAFE or request.endpoint in EXEMPT:
        return
    ours = asked_by_us(request.environ)
    if ours is False:
        raise CrossSite
    if (
        ours is None
        and _needs_token()
        and not is_own_form(request.cookies, request.form.get(FIELD))
    ):
        raise FormTooOld


def _longest() -> int:
    if request.endpoint in EXEMPT:
        return LONGEST_WEBHOOK
    return LONGEST_OF_STAFF if request.blueprint in staff.ALLOWED else LONGEST


def put_together(environ: dict[str, Any], most: int) -> None:
    """A body that comes in chunks, as one of known length, cut off after `most` bytes.

    Werkzeug would take the first bytes of one that is too long for the whole.
    """
    body = read_body(environ, most)
    del environ["HTTP_TRANSFER_ENCODING"]
    environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def read_body(environ: Mapping[str, Any], most: int) -> bytes:
    """What comes of the body, up to `most` bytes."""
    body = b""
    while len(body) < most and (more := environ["wsgi.input"].read(most - len(body))):
        body += more
    return body


def has_short_body(environ: Mapping[str, Any], longest: int = LONGEST) -> bool:
    """Whether the request says that its body is no longer than this, or that it has none."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in environ or not (length.isascii() and length.isdecimal()):
        return False
    # As a number, a length of a million digits would cost more than the body.
    return len(length) < 12 and int(length) <= longest


def _needs_token() -> bool:
    # An address without a page changes nothing; staff check a token of their own.
    if request.endpoint is None or request.blueprint in staff.ALLOWED:
        return False
    return request.endpoint not in NEEDS_NO_TOKEN


def is_own_form(jar: Mapping[str, str], given: str | None) -> bool:
    """Whether this is the token of a form that this browser was given."""
    token, visitor = FormToken.read(given, settings.secret_key), cookies.visitor(jar)
    return token is not None and visitor is not None and token.visitor == visitor.visitor


def own_form() -> Markup:
    """In a fan's form: the hidden field with its token, after which the browser is known.

    A fragment has none: who has htmx says the origin of what is sent.
    """
    if request.htmx:
        return Markup()
    visitor = cookies.visitor() or g.get("new_visitor")
    if visitor is None:
        g.new_visitor = visitor = VisitorToken(new_id())
    return field_of(visitor)


def field_of(visitor: VisitorToken) -> Markup:
    """The field as own_form() gives it to this browser."""
    token = FormToken(visitor.visitor).sign(settings.secret_key)
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)


def keep_visitor(response: Response) -> Response:
    """The cookie that a form's token is bound to."""
    known = g.get("new_visitor")
    return cookies.keep_visitor(response, known) if known else response


def not_again() -> None:
    """Raises what the short way was refused when it asked for the same (app/fast_writes.py)."""
    refusal = request.environ.get(REFUSED)
    if isinstance(refusal, Refusal):
        raise refusal


def may_be_the_gateway(environ: Mapping[str, Any]) -> bool:
    """Whether the request comes from where the gateway speaks, if that is known."""
    networks = settings.gateway_networks
    return not networks or is_within(environ.get("REMOTE_ADDR", ""), networks)


def host_is_ours(environ: dict[str, Any]) -> bool:
    """Whether the request names this site."""
    return _is_ours(
        environ.get("HTTP_HOST", ""),
        settings.public_url,
        settings.allowed_hosts,
        settings.development,
    )


def asked_by_us(environ: Mapping[str, Any]) -> bool | None:
    """Whether no other site had the browser send this request, whose host is ours; None when the
    browser says nothing of it."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return None
    host = environ.get("HTTP_HOST", "")
    return origin in _origins(
        host, settings.public_url, settings.allowed_hosts, settings.development
    )


@lru_cache(maxsize=256)
def _is_ours(host: str, public_url: str, allowed: tuple[str, ...], development: bool) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        # .port raises ValueError when it is not a number.
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    # A name and a port, and nothing around them: localhost/evil.example is not localhost.
    if name is None or parts.netloc != host or "@" in host:
        return False
    known = name == urlsplit(public_url).hostname or name in allowed
    return known or (development and name in THIS_MACHINE)


@lru_cache(maxsize=256)
def _origins(
    host: str, public_url: str, allowed: tuple[str, ...], development: bool
) -> frozenset[str]:
    """PUBLIC_URL's origin and those of its other names; on a development machine this one's."""
    parts = urlsplit(public_url)
    port = f":{parts.port}" if parts.port else ""
    own = {f"{parts.scheme}://{parts.netloc}"}
    own |= {f"{parts.scheme}://{name}{port}" for name in allowed}
    return frozenset(own | {f"http://{host}"} if development else own)
