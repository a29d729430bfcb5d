"""create_app(): binds the extensions, registers the blueprints and the error pages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from flask import Flask, has_app_context
from werkzeug.middleware.proxy_fix import ProxyFix

from app import clock, extensions, logs
from app.config import Settings, by_command, forget, load
from app.fast import Fast, short_way
from app.fast_writes import writes
from app.gateway import client as gateway
from app.line import client as line
from app.store import db as store
from app.views import guard
from app.views.language import language
from app.views.warm import warm


def create_app(
    settings: Settings | None = None,
    wake: Callable[[str], None] | None = None,
    serves: bool = False,
) -> Flask:
    """Make the application.

    `settings` default to the environment's; `wake(lane)` rings the workers of a lane after a
    commit, and may be left out (the sweep finds everything within a second). What `serves` fans
    is made ready for them first (app/views/warm.py), unless it is there for a command only.
    Raises SettingError.
    """
    settings = settings or load()
    app = Flask(__name__, template_folder="../templates", static_folder="../static")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=store.sqlalchemy_url(settings.database_url),
        SQLALCHEMY_ENGINE_OPTIONS=store.engine_options(settings),
        SESSION_COOKIE_NAME=f"{settings.cookie_prefix}fq_staff",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        MAX_CONTENT_LENGTH=guard.LONGEST,
    )
    app.wsgi_app = Fast(app.wsgi_app, short_way, writes)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    clock.be_off(settings.clock_offset)
    extensions.settings.bind(settings, wake)
    extensions.db.init_app(app)
    store.bind(settings, _context_of(app))
    extensions.migrate.init_app(app, extensions.db)
    extensions.babel.init_app(app, locale_selector=language)
    extensions.htmx.init_app(app)
    line.bind(settings)
    gateway.bind(settings)
    _log_to_logging()
    if not by_command():
        logs.write(settings.log_level)
    _register(app)
    if serves and not by_command():
        warm(app)
        forget()
    return app


def _context_of(app: Flask) -> Callable[[], AbstractContextManager[Any]]:
    """What gives the application's context where there is none. Requests and jobs have one; the
    short way for what writes seldom needs it, and making it took a tenth of a payment's CPU."""
    return lambda: nullcontext() if has_app_context() else app.app_context()


def _log_to_logging() -> None:
    # By itself structlog writes to stdout, which belongs to what a command prints.
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _register(app: Flask) -> None:
    from app import cli, views

    views.register(app)
    cli.register(app)
