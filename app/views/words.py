"""The filters of app/domain/words.py, in the language of the request."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from app.domain import happenings, words
from app.views.language import language, said

LOCAL = (
    words.money,
    words.moment,
    words.day,
    words.count,
    words.average,
    words.duration,
    words.percent,
)


def register(app: Flask) -> None:
    for function in LOCAL:
        app.jinja_env.filters[function.__name__] = _localised(function)
    app.jinja_env.filters["clock"] = words.clock
    app.jinja_env.filters["verb"] = lambda kept: said(happenings.verb(kept))
    app.jinja_env.filters["detail"] = lambda kept: said(happenings.detail(kept))
    app.jinja_env.filters["reason"] = lambda kept: said(happenings.reason(kept))
    app.jinja_env.filters["actor"] = lambda kept: said(happenings.who(kept))
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _localised(function: Callable[..., str]) -> Callable[..., str]:
    def filter_(*values: object, **options: object) -> str:
        return said(function(*values, **options, locale=language()))

    return filter_
