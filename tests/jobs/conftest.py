"""A Redis of each test's own, because these tests wipe, freeze and kill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs import wake
from sandbox import servers


@pytest.fixture
def jobs_redis(tmp_path: Path) -> Iterator[servers.Redis]:
    server = servers.start_redis(tmp_path / "jobs-redis")
    yield server
    server.stop()


@pytest.fixture
def connection(jobs_redis: servers.Redis) -> Iterator[Any]:
    """A client as the beat process has one."""
    client = wake.client(jobs_redis.url)
    yield client
    client.close()
    client.connection_pool.disconnect()
