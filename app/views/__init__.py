"""HTTP in, HTML out. Views speak to services only."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

# No row of ours has a higher number, and Postgres takes none.
_HIGHEST = 2**63 - 1
# Each of these modules has a Blueprint named `blueprint`.
PAGES = (
    "public",
    "line",
    "carry",
    "turn",
    "appeal",
    "verify",
    "proof",
    "claims",
    "webhooks",
    "health",
    "staff",
    "organiser",
    "addresses",
    "marked",
    "previews",
    "support",
    "trail",
    "account",
    "arrivals",
    "people",
)


def register(app: Flask) -> None:
    """Put every page, error page, filter and header on the application."""
    from app.views import assets, errors, guard, headers, language, limits, packing, words

    # The first to see a request gives it its id, which every refusal after it needs.
    headers.register(app)
    # The second gives it its language, which they need as well.
    language.register(app)
    guard.register(app)
    limits.register(app)
    errors.register(app)
    words.register(app)
    assets.register(app)
    packing.register(app)
    app.url_map.converters["int"] = _RowNumber
    for name in PAGES:
        if find_spec(f"app.views.{name}"):
            app.register_blueprint(import_module(f"app.views.{name}").blueprint)


class _RowNumber(IntegerConverter):
    """A number in an address; a higher one than any row's finds nothing."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=_HIGHEST)
