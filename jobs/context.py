"""The application of a process that serves jobs instead of requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from flask import Flask, current_app, has_app_context

from app import logs
from app.extensions import settings
from app.factory import create_app
from jobs.wake import wake

P = ParamSpec("P")
R = TypeVar("R")


@cache
def application() -> Flask:
    """The application of this process, made at the first call. Raises SettingError."""
    app = create_app(wake=wake)
    # RQ tells three lines about every job, eight times a second; only its complaints matter.
    logs.write(settings.log_level)
    return app


def in_application(work: Callable[P, R]) -> Callable[P, R]:
    """Give each call an application context, and so a database session, of its own."""

    @wraps(work)
    def entered(*args: P.args, **kwargs: P.kwargs) -> R:
        # A context that is already there belongs to a test.
        app = current_app if has_app_context() else application()
        with app.app_context():
            return work(*args, **kwargs)

    return entered
