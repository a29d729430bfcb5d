"""The world of the failpoints, for every file that kills use cases in it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis
from flask import Flask

from app import extensions
from app.gateway import client as gateway
from app.line import client as line_client
from sandbox import servers
from sandbox.mailbox import MailCatcher
from sandbox.paystack.server import StandIn
from tests.faults.failpoint_world import World, quickly


@pytest.fixture(scope="session")
def mail_catcher() -> Iterator[MailCatcher]:
    catcher = MailCatcher()
    catcher.start()
    yield catcher
    catcher.stop()


@pytest.fixture
def world(
    app: Flask,
    settings: Any,
    redis_server: servers.Redis,
    stand_in_server: StandIn,
    mail_catcher: MailCatcher,
    sweeper: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    # What lives now lives on: the collector need not look at it, nor each child copy it.
    gc.collect()
    gc.freeze()
    keys: Any = redis.Redis.from_url(redis_server.url, decode_responses=True)
    with keys, quickly(monkeypatch):
        yield World(app, settings, stand_in_server, mail_catcher, keys, sweeper)
    gc.unfreeze()
    extensions.settings.bind(settings, None)
    gateway.bind(settings)
    line_client.bind(settings)
