"""The filters of app/domain/words.py, in the language of the request."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask_babel import get_locale

from app.domain import words

LOCAL = (words.money, words.moment, words.day, words.count)


def register(app: Flask) -> None:
    for function in LOCAL:
        app.jinja_env.filters[function.__name__] = _localised(function)
    app.jinja_env.filters["clock"] = words.clock
    app.jinja_env.filters["duration"] = words.duration
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _localised(function: Callable[..., str]) -> Callable[..., str]:
    def filter_(*values: object, **options: object) -> str:
        return function(*values, **options, locale=str(get_locale() or words.LOCALE))

    return filter_
