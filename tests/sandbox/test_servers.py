from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from sandbox import checks, servers


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[servers.Redis]:
    server = servers.start_redis(tmp_path / "redis")
    yield server
    server.stop()


def test_the_database_server_is_postgresql_18(postgres: servers.Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        assert connection.info.server_version // 10_000 == 18


def test_no_server_runs_as_root(postgres: servers.Postgres, own_redis: servers.Redis) -> None:
    for server in (postgres, own_redis):
        assert psutil.Process(server.pid).uids().effective != 0


def test_redis_remembers_nothing(own_redis: servers.Redis) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.set("seen", 1)
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
    own_redis.stop()
    own_redis.start()
    with redis.Redis.from_url(own_redis.url) as client:
        assert client.keys() == []


def test_redis_comes_from_the_wheel_where_path_has_none(tmp_path: Path, monkeypatch: Any) -> None:
    find = servers.shutil.which
    monkeypatch.setattr(
        servers.shutil, "which", lambda name: None if name == "redis-server" else find(name)
    )
    server = servers.start_redis(tmp_path / "redis")
    with redis.Redis.from_url(server.url) as client:
        assert client.info("server")["redis_version"].startswith("6.2.")
    server.stop()


def test_servers_with_a_password_want_it(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    port = servers.free_port()
    server = servers.Redis(folder, port, servers.redis_command(folder, port, "secret"))
    server.password = "secret"
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand its servers to another user")
def test_a_folder_closed_to_others_can_hold_the_servers(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = servers.start_postgres(closed / "postgres")
    try:
        assert servers.postgres_answers(server.url)
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, own_redis: servers.Redis) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    command = servers.redis_command(folder, own_redis.port)
    with pytest.raises(servers.ServerError, match=r"^Redis did not start: .*(in use|listening)"):
        servers.Redis(folder, own_redis.port, command).start()


def test_the_ports_of_a_run_are_counted_from_its_first() -> None:
    first = servers.free_port(in_a_row=6)
    assert checks.claim_ports("127.0.0.1", first) == {
        "PORT": first,
        "SANDBOX_PORT": first + 1,
        "MAILBOX_PORT": first + 2,
        "SMTP_PORT": first + 3,
        "POSTGRES_PORT": first + 4,
        "REDIS_PORT": first + 5,
    }


def test_a_stand_ins_port_in_use_is_named(own_redis: servers.Redis) -> None:
    with pytest.raises(checks.Refused, match=f"^Port {own_redis.port} is in use \\(sandbox takes"):
        checks.claim_ports("127.0.0.1", own_redis.port - 1)
