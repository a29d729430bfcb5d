"""What the first fans would wait for, done before there are any.

To compile a template takes 10 to 40 ms, to read a language about as long, and nothing else goes on
in a process meanwhile. Of a crowd every thread would do it for itself: a web worker that came back
in the middle of a sale answered nobody for up to a second.
"""

from __future__ import annotations

from flask import Flask

from app.clock import now
from app.domain.words import moment, money
from app.languages import LANGUAGES, catalogue

# Whose templates make the pages of fans, with those at the top that all of them build upon.
FOLDERS = frozenset({"claims", "errors", "line", "public", "verify"})


def warm(app: Flask) -> None:
    """Have the templates of fans' pages and all languages at hand."""
    for name in app.jinja_env.list_templates():
        folder, _, rest = name.partition("/")
        if not rest or folder in FOLDERS:
            app.jinja_env.get_template(name)
    for language in LANGUAGES:
        catalogue(language)
        money(0, "NGN", language)
        moment(now(), "UTC", language)
