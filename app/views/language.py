"""In which language a request is answered.

Pages of one fan or one member of staff: by `?lang=` in the address, else by the cookie that such
an address has left, else by what the browser asks for, else in English. Pages that are the same
for everyone, and that caches hold, must not depend on who asks: theirs is the language in the
address, or English.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask, Response, g, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from app import languages
from app.domain.said import Said
from app.languages import ENGLISH, LANGUAGES
from app.views import cookies

# The pages that caches hold.
CACHED = frozenset({"public.index", "public.event"})


def register(app: Flask) -> None:
    app.before_request(choose)
    app.after_request(keep)
    app.url_defaults(carry)
    app.jinja_env.globals.update(language=language, languages=LANGUAGES, in_language=in_language)
    # Whatever sentence a template shows, it is shown in the language of the page.
    app.jinja_env.finalize = _finalize


def choose() -> None:
    g.chosen_language = chosen(request.args.get("lang"))
    if request.endpoint in CACHED:
        g.language = g.chosen_language or ENGLISH
    else:
        g.language = g.chosen_language or of_browser(
            request.cookies, request.headers.get("Accept-Language", "")
        )


def keep(response: Response) -> Response:
    """A language that was chosen is kept, except by a page that sets no cookies."""
    if g.get("chosen_language") and request.endpoint not in CACHED | {"static"}:
        response.headers.add("Set-Cookie", cookies.of_language(g.chosen_language))
    return response


def carry(endpoint: str, values: dict[str, Any]) -> None:
    """Links keep the language: those to a cached page, which knows it by its address alone, and
    those from one, which cannot leave a cookie."""
    if endpoint == "static" or "lang" in values:
        return
    here = g.get("chosen_language") if request and request.endpoint in CACHED else None
    if endpoint in CACHED and here is None and language() != ENGLISH:
        here = language()
    if here is not None:
        values["lang"] = here


def language() -> str:
    """The language of this request; English where there is none."""
    return str(g.get("language", ENGLISH)) if g else ENGLISH


def said(text: str) -> str:
    """A sentence in the language of this request."""
    return languages.said(text, language())


def chosen(text: str | None) -> str | None:
    """A language that an address or a cookie names, if we speak it."""
    return text if text in LANGUAGES else None


def of_browser(jar: Mapping[str, str], accept_language: str) -> str:
    """The language that this browser has kept, or the best of those it asks for."""
    return chosen(jar.get(cookies.named(cookies.LANGUAGE))) or _accepted(accept_language)


@lru_cache(maxsize=1024)
def _accepted(accept_language: str) -> str:
    asked = parse_accept_header(accept_language, LanguageAccept)
    # Canadian French is French; werkzeug would rather take the English that comes after it.
    spoken = (name.partition("-")[0].lower() for name, quality in asked if quality)
    return next((name for name in spoken if name in LANGUAGES), ENGLISH)


def in_language(name: str) -> str | None:
    """The address of this very page in another language; None for one that was not asked for by
    its address alone."""
    if request.method != "GET":
        return None
    return f"{own_path(quote(request.path))}?{urlencode({**request.args.to_dict(), 'lang': name})}"


def own_path(path: str) -> str:
    """A path as an address on this site: browsers take //name for the address of another."""
    return "/" + path.lstrip("/\\")


def _finalize(value: Any) -> Any:
    return said(value) if isinstance(value, Said) else value
