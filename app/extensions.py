"""Everything that is created unbound here and bound to one application in the factory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from babel.support import NullTranslations
from flask_babel import Babel, Domain, get_locale
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from htmx_flask import Htmx

from app import languages
from app.failpoints import reached

if TYPE_CHECKING:
    from app.config import Settings


class _Catalogues(Domain):  # type: ignore[misc]
    """Flask-Babel looks for compiled catalogues; ours are read as they are written."""

    def get_translations(self) -> NullTranslations:
        return languages.catalogue(str(get_locale() or languages.ENGLISH))


db = SQLAlchemy()
migrate = Migrate()
login_manager = LoginManager()
babel = Babel()
babel.domain_instance = _Catalogues()
htmx = Htmx()


class _Bound:
    """The settings and the wake-up call of this process, set once by the factory.

    Services read them here because nothing below the views may know Flask.
    """

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._wake: Callable[[str], None] | None = None

    def bind(self, settings: Settings, wake: Callable[[str], None] | None) -> None:
        self._settings = settings
        # Found at once from now on, without __getattr__: each poll reads several.
        names = [name for name in dir(settings) if not name.startswith("_")]
        self.__dict__.update({name: getattr(settings, name) for name in names})
        self._wake = wake

    def __getattr__(self, name: str) -> Any:
        if self._settings is None:
            raise RuntimeError("create_app() has not run in this process.")
        return getattr(self._settings, name)

    def wake(self, lane: str) -> None:
        """Tell the workers of a lane that its outbox has something; losing the call costs 1 s."""
        if self._wake is not None:
            self._wake(lane)
            reached("wake:", lane)


settings = _Bound()
