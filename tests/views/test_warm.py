"""The first fans who come wait for no template and no language."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import Environment

from app import languages
from app.views.warm import warm
from tests import factories
from tests.product import environment_of
from tests.views.browsing import a_claim_of, join

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cold(app: Flask) -> Flask:
    app.jinja_env.cache.clear()
    languages.catalogue.cache_clear()
    return app


def test_a_warm_process_compiles_nothing_for_fans(
    cold: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm(cold)

    def compiled(*_: Any, **__: Any) -> None:
        raise AssertionError("a fan waits for a template or for a language")

    monkeypatch.setattr(Environment, "compile", compiled)
    monkeypatch.setattr(languages, "read_po", compiled)
    client = cold.test_client()
    event = factories.an_event()
    join(client, event)
    claim = a_claim_of(client, event)
    for page in ("", "/line", "/line/status", "/nowhere"):
        for language in languages.LANGUAGES:
            answer = client.get(f"/events/{event.slug}{page}?lang={language}")
            assert answer.status_code == (404 if page == "/nowhere" else 200)
    assert client.get(f"/claims/{claim.reference}").status_code == 200


@pytest.mark.parametrize(("by_command", "at_hand"), [(False, True), (True, False)])
def test_what_serves_fans_is_warm_and_a_command_does_not_wait_for_it(
    app: Flask, settings: Any, by_command: bool, at_hand: bool
) -> None:
    environment = environment_of(settings)
    if by_command:
        environment["FLASK_RUN_FROM_CLI"] = "true"
    asked = "from wsgi import app; print(len(app.jinja_env.cache))"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) > 0) is at_hand
