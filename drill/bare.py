"""The yardstick: a Flask view that does nothing, and one that does a single INSERT.

Served by the very Granian command line of supervisord.conf, so that what is compared with it
differs in the view only. For development machines: it has no place beside a sale.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager
from typing import Any

from flask import Flask

from app.config import DEVELOPMENT, Settings, load
from drill.load import Site, answer
from drill.product import ROOT, free_ports
from sandbox.servers import dying_with_us

TABLE = "drill_inserts"


def create() -> Flask:
    """The application behind `granian ... drill.bare:app`. Raises SettingError."""
    settings = load()
    if settings.environment != DEVELOPMENT:
        raise SystemExit("drill.bare is for development only.")
    bare = Flask("bare")
    insert = _inserter(settings)

    @bare.get("/")
    def ok() -> str:
        return "ok"

    @bare.post("/insert")
    def one_insert() -> str:
        insert(secrets.token_urlsafe(12))
        return "ok"

    return bare


def _inserter(settings: Settings) -> Any:
    """One row in one round trip, through an engine made as the product's."""
    from sqlalchemy import create_engine, text

    from app.store import db

    engine = create_engine(
        db.sqlalchemy_url(settings.database_url),
        isolation_level="AUTOCOMMIT",
        **db.engine_options(settings),
    )
    statement = text(f"INSERT INTO {TABLE} (id) VALUES (:id)")

    def insert(id: str) -> None:
        with engine.connect() as connection:
            connection.execute(statement, {"id": id})

    return insert


def command(port: int) -> list[str]:
    """The product's own command line, for this application at another port."""
    configuration = RawConfigParser()
    configuration.read(ROOT / "supervisord.conf")
    whole = shlex.split(configuration["program:web"]["command"])
    whole = whole[whole.index("granian") : -1]
    given = {"%(ENV_HOST)s": "127.0.0.1", "%(ENV_PORT)s": str(port)}
    return [sys.executable, "-m", *(given.get(word, word) for word in whole), "drill.bare:app"]


@contextmanager
def bare_server(environment: dict[str, str]) -> Iterator[Site]:
    """Serve the yardstick with the settings of a running product."""
    port = free_ports()
    site = Site(port, f"127.0.0.1:{port}", "/")
    process = subprocess.Popen(
        dying_with_us(command(port)),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        # Not a session of its own: Linux would share the processors between it and wrk's
        # (sched_autogroup), and not between threads.
        process_group=0,
    )
    try:
        _wait_for(site, process)
        yield site
    finally:
        # The whole group: Granian's workers outlive a parent that is killed.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _wait_for(site: Site, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, "the bare view's server ended"
        assert time.monotonic() < deadline, "the bare view's server did not start"
        try:
            answer(site, site.probe)
        except OSError:
            time.sleep(0.1)
        else:
            return


def __getattr__(name: str) -> Any:
    # Made when Granian asks for it, not when the benchmark imports this file.
    if name == "app":
        return create()
    raise AttributeError(name)
