"""How the line speaks to Redis: one script per call, no retries, typed errors.

redis-py repeats a command whose reply was lost, and a repeated pop pops twice; so this client
never repeats anything. Every connection knows the run_id of its server, read once when it was
made: a server that was restarted, or another one that answers at the same address, is thereby
known not to hold the copy that Postgres believes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

import structlog
from redis.backoff import NoBackoff
from redis.connection import (
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from app.config import Settings
from app.domain.errors import LineLost, LineUnavailable
from app.line.scripts import script

log = structlog.get_logger(__name__)

# After a call that Redis did not answer, all calls of this process are refused for so long (s):
# else every thread in turn would wait out the whole timeout while a silent Redis is silent.
_PAUSE_AFTER_FAILURE = 0.2
_MOST_CONNECTIONS = 256

NO_VALID_COPY = -1


class _KnowsItsServer:
    """Reads the server's run_id as the last step of every connect."""

    run_id = ""

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)  # type: ignore[misc]
        self.send_command("INFO", "server", check_health=False)  # type: ignore[attr-defined]
        answer: bytes = self.read_response()  # type: ignore[attr-defined]
        self.run_id = next(
            line.removeprefix(b"run_id:").decode()
            for line in answer.splitlines()
            if line.startswith(b"run_id:")
        )


class _TcpConnection(_KnowsItsServer, Connection):
    pass


class _TlsConnection(_KnowsItsServer, SSLConnection):
    pass


class _UnixConnection(_KnowsItsServer, UnixDomainSocketConnection):
    pass


_CLASSES: dict[type[Any], type[Any]] = {
    Connection: _TcpConnection,
    SSLConnection: _TlsConnection,
    UnixDomainSocketConnection: _UnixConnection,
}


class LineClient:
    """A pool of connections and a breaker. Created unbound; safe for threads."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._refuse_until = 0.0

    def bind(self, settings: Settings) -> None:
        """Use the Redis of these settings from now on."""
        self.close()
        options: dict[str, Any] = dict(parse_url(settings.redis_url))  # type: ignore[no-untyped-call]
        kind = _CLASSES[options.pop("connection_class", Connection)]
        self._pool = ConnectionPool(
            connection_class=kind,
            max_connections=_MOST_CONNECTIONS,
            socket_timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_timeout,
            retry=Retry(NoBackoff(), 0),
            # Two commands that a connection need not begin with.
            protocol=2,
            driver_info=None,
            **options,
        )
        self._refuse_until = 0.0

    def close(self) -> None:
        """Close every idle connection."""
        if self._pool is not None:
            self._pool.disconnect()

    def forgive(self) -> None:
        """Close the breaker."""
        self._refuse_until = 0.0

    def run(self, name: str, epoch: int, keys: Sequence[str], *args: str | int) -> Any:
        """Run lua/<name>.lua against the copy of this epoch; ARGV[1] is put in front of `args`.

        Replies hold bytes and ints. Raises LineLost when there is no valid copy of this epoch
        on the server, LineUnavailable when Redis did not answer; the script may have run then.
        """
        if self._pool is None:
            raise RuntimeError("create_app() has not run in this process.")
        if monotonic() < self._refuse_until:
            raise LineUnavailable
        try:
            reply = self._evaluate(self._pool, name, epoch, keys, args)
        except (Disconnected, TimedOut) as exc:
            self._refuse_until = monotonic() + _PAUSE_AFTER_FAILURE
            raise LineUnavailable from exc
        except RedisError as exc:
            # Loading, read-only, out of memory - or a fault in a script, which must not hide.
            log.error("redis refused a script", script=name, error=str(exc))
            raise LineUnavailable from exc
        if reply == NO_VALID_COPY:
            raise LineLost
        return reply

    def alive(self) -> bool:
        """Whether Redis answers now."""
        if self._pool is None:
            raise RuntimeError("create_app() has not run in this process.")
        try:
            connection: Any = self._pool.get_connection()
            try:
                connection.send_command("PING")
                return bool(connection.read_response() == b"PONG")
            finally:
                self._pool.release(connection)
        except RedisError:
            return False

    def _evaluate(
        self,
        pool: Any,
        name: str,
        epoch: int,
        keys: Sequence[str],
        args: Sequence[str | int],
    ) -> Any:
        wanted = script(name)
        connection: Any = pool.get_connection()
        try:
            rest = (len(keys), *keys, f"{epoch}:{connection.run_id}", *args)
            try:
                connection.send_command("EVALSHA", wanted.sha, *rest)
                return connection.read_response()
            except NoScriptError:
                connection.send_command("EVAL", wanted.text, *rest)
                return connection.read_response()
        except RedisError:
            raise
        except BaseException:
            # A thread that is stopped between the question and the answer would leave the
            # answer to the next one.
            connection.disconnect()
            raise
        finally:
            pool.release(connection)


line_client = LineClient()


def bind(settings: Settings) -> None:
    """Bind the process's client; called by the factory."""
    line_client.bind(settings)


def forget_all() -> None:
    """Forget that Redis was away (between tests)."""
    line_client.forgive()
