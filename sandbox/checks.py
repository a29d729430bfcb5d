"""What `make run` checks before it starts anything, and the one sentence each check says."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit


class Refused(Exception):
    """`make run` cannot go on; the message is one plain sentence."""


def check_writable(data_dir: Path) -> None:
    """Raises Refused when the folder cannot be made or written."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise Refused(f"DATA_DIR {data_dir} cannot be made: {exc.strerror}.") from None
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise Refused(f"DATA_DIR {data_dir} cannot be written by this user.")
    cluster = data_dir / "postgres"
    if cluster.exists() and os.geteuid() not in (0, cluster.stat().st_uid):
        raise Refused(f"The database in {cluster} belongs to another user; run it as that user.")


def claim_ports(host: str, port: int) -> dict[str, int]:
    """The ports of a run: the site's, the three after it for the stand-ins, and any free ones
    for our own servers. Raises Refused when a port is in use."""
    ports = {"PORT": port}
    for offset, name in enumerate(("SANDBOX_PORT", "MAILBOX_PORT", "SMTP_PORT"), start=1):
        ports[name] = port + offset
    for name, number in ports.items():
        _check_free(name, host if name == "PORT" else "127.0.0.1", number)
    candidates = iter(range(port + 4, 65_536))
    for name in ("POSTGRES_PORT", "REDIS_PORT"):
        ports[name] = next(n for n in candidates if _free("127.0.0.1", n))
    return ports


def _check_free(name: str, host: str, port: int) -> None:
    try:
        free = _free(host, port)
    except PermissionError:
        raise Refused(f"Port {port} needs root; set PORT to one above 1023.") from None
    except OSError as exc:
        raise Refused(f"HOST {host} is not an address of this machine: {exc.strerror}.") from None
    if not free:
        words = "" if name == "PORT" else f" ({name[:-5].lower()} takes it, counted from PORT)"
        raise Refused(f"Port {port} is in use{words}; set PORT to another one.")


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the servers themselves do it; connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            if isinstance(exc, PermissionError) or exc.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def check_postgres(name: str, url: str) -> None:
    """Raises Refused when the database cannot be reached."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as exc:
        raise Refused(f"{name} does not lead to a database: {_reason(exc)}.") from None


def check_redis(name: str, url: str) -> None:
    """Raises Refused when the Redis server cannot be reached."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (redis.RedisError, OSError) as exc:
        place = urlsplit(url)
        where = f"{place.hostname}:{place.port or 6379}" if place.hostname else place.path
        raise Refused(f"{name} does not lead to Redis at {where}: {_reason(exc)}.") from None


def _reason(exc: Exception) -> str:
    # The drivers' messages have several lines, hints, and no password.
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0].rstrip(".")
