"""How the line speaks to Redis: one script per call, no retries, typed errors.

redis-py repeats a command whose reply was lost, and a repeated pop pops twice; so this client
never repeats anything. Every connection knows the run_id of its server, read once when it was
made: a server that was restarted, or another one that answers at the same address, is thereby
known not to hold the copy that Postgres believes in.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Sequence
from functools import partial
from os import register_at_fork
from threading import local
from typing import Any, NamedTuple

import hiredis
import structlog
from redis.backoff import NoBackoff
from redis.connection import (
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from app.clock import monotonic
from app.config import Settings
from app.domain.errors import LineLost, LineUnavailable
from app.failpoints import reached
from app.line.scripts import script
from app.silence import Silence

log = structlog.get_logger(__name__)

# After a call that Redis did not answer, all calls of this process are refused for so long (s):
# else every thread in turn would wait out the whole timeout while a silent Redis is silent.
_PAUSE_AFTER_FAILURE = 0.2

# A connection that was used so short a time ago (s) is used again without looking whether it has
# ended: to look gives the interpreter away. A Redis that is killed is back after 7 ms at best.
_BETWEEN_LOOKS = 0.005

NO_VALID_COPY = -1


class _Bare:
    """Connects as redis-py does (TLS, log-in, database), then speaks on the bare socket: redis-py's
    pool and parser take longer than Redis itself. Of one thread only."""

    # redis-py's own.
    _sock: Any
    run_id = ""
    # The life of the client that it was made in.
    life = 0
    used_at = float("-inf")
    # Answers that will come, and that nobody waits for.
    unheard = 0

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health)  # type: ignore[misc]
        self._reader = hiredis.Reader()
        # Scripts that this server has, as far as this connection knows.
        self.known: set[str] = set()
        # Python looks with poll() before each call on a socket with a timeout of its own; the
        # kernel keeps the time for nothing.
        seconds = float(self._sock.gettimeout())
        self._sock.settimeout(None)
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._sock.setsockopt(socket.SOL_SOCKET, direction, _timeval(seconds))
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        # The last step of every connect.
        answer = self.ask("INFO", "server")
        if isinstance(answer, hiredis.ReplyError):
            raise answer
        self.run_id = next(
            line.removeprefix(b"run_id:").decode()
            for line in answer.splitlines()
            if line.startswith(b"run_id:")
        )

    def ask(self, *words: str | int) -> Any:
        """Send one command and read its answer; an error is returned, not raised.

        Raises OSError (a timeout, too), after which the connection is of no more use.
        """
        return self.send(hiredis.pack_command(words), 1)[0]  # type: ignore[arg-type]

    def send(self, commands: bytes, count: int) -> list[Any]:
        """As ask(), of so many commands in one trip, packed already."""
        self._sock.sendall(commands)
        replies: list[Any] = []
        while len(replies) < count:
            if not self._hears():
                raise ConnectionResetError("Redis closed the connection")
            while (answer := self._reader.gets()) is not False:
                if self.unheard:
                    self.unheard -= 1
                    if isinstance(answer, hiredis.ReplyError):
                        log.error("redis refused a script", error=str(answer))
                else:
                    replies.append(answer)
        return replies

    def post(self, commands: bytes, count: int) -> None:
        """As send(), but the answers are read when the next ones are."""
        self._sock.sendall(commands)
        self.unheard += count

    def _hears(self) -> bool:
        """Take in what has come, or wait for it; False at the end of the connection."""
        received = self._sock.recv(65_536)
        self._reader.feed(received)
        return bool(received)

    def is_good(self) -> bool:
        """Whether to use it now: not if the server closed it a while ago."""
        now = monotonic()
        lately, self.used_at = now - self.used_at < _BETWEEN_LOOKS, now
        return lately or not self._has_ended()

    def _has_ended(self) -> bool:
        # But for answers that nobody waited for, nothing else can have come unasked.
        return bool(self._poll.poll(0)) and not (self.unheard and self._hears())


class _TcpConnection(_Bare, Connection):
    pass


class _TlsConnection(_Bare, SSLConnection):
    pass


class _UnixConnection(_Bare, UnixDomainSocketConnection):
    pass


_CLASSES: dict[type[Any], type[Any]] = {
    Connection: _TcpConnection,
    SSLConnection: _TlsConnection,
    UnixDomainSocketConnection: _UnixConnection,
}


class Call(NamedTuple):
    """One script that is to run, as LineClient.run() takes it."""

    name: str
    epoch: int
    keys: Sequence[str]
    args: Sequence[str | int]


class LineClient:
    """A connection for each thread, and the memory of a silent server. Created unbound."""

    def __init__(self) -> None:
        self._make: Callable[[], Any] | None = None
        self._own = local()
        # Grows when no connection made so far is to be used any more.
        self._life = 0
        self._silence = Silence(_PAUSE_AFTER_FAILURE, longest_look=1.0)

    def bind(self, settings: Settings) -> None:
        """Use the Redis of these settings from now on."""
        options: dict[str, Any] = dict(parse_url(settings.redis_url))  # type: ignore[no-untyped-call]
        kind: Callable[..., Any] = _CLASSES[options.pop("connection_class", Connection)]
        self._make = partial(
            kind,
            socket_timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_timeout,
            retry=Retry(NoBackoff(), 0),
            # Two commands that a connection need not begin with.
            protocol=2,
            driver_info=None,
            **options,
        )
        self.disown()
        self._silence.forget()

    def disown(self) -> None:
        """Use no connection made so far any more."""
        self._life += 1

    def forgive(self) -> None:
        """Forget that Redis was silent."""
        self._silence.forget()

    def run(self, name: str, epoch: int, keys: Sequence[str], *args: str | int) -> Any:
        """Run lua/<name>.lua against the copy of this epoch; ARGV[1] is put in front of `args`.

        Replies hold bytes and ints. Raises LineLost when there is no valid copy of this epoch
        on the server, LineUnavailable when Redis did not answer; the script may have run then.
        """
        return self.run_all((Call(name, epoch, keys, args),))[0]

    def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """As run(), of several in one trip. Raises what befell one of them, whatever became of
        the others."""
        replies = self._ask(calls, waits=True)
        if NO_VALID_COPY in replies:
            raise LineLost
        return replies

    def post_all(self, calls: Sequence[Call]) -> None:
        """As run_all(), without waiting for the answers: for what heals if it is lost.

        Redis reads it before whatever it is asked later. Raises LineUnavailable.
        """
        self._ask(calls, waits=self._silence.is_feared)

    def refuse_if_feared(self) -> None:
        """Raises LineUnavailable if Redis did not answer the last time: for who would have to wait
        for somebody else's call first."""
        if self._silence.is_feared:
            raise LineUnavailable

    def _ask(self, calls: Sequence[Call], waits: bool) -> list[Any]:
        if self._silence.refuses():
            raise LineUnavailable
        try:
            replies = self._evaluate(calls, waits)
        except (OSError, Disconnected, TimedOut) as exc:
            # Those of the other threads are broken too, most likely.
            self.disown()
            self._silence.began()
            raise LineUnavailable from exc
        except (RedisError, hiredis.ReplyError) as exc:
            # Loading, read-only, out of memory - or a fault in a script, which must not hide.
            names = sorted({call.name for call in calls})
            log.error("redis refused a script", script=" ".join(names), error=str(exc))
            raise LineUnavailable from exc
        finally:
            self._silence.looked()
        for call in calls:
            reached("line:", call.name)
        return replies

    def alive(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(self._connection().ask("PING") == b"PONG")
        except (OSError, RedisError, hiredis.ReplyError):
            self.disown()
            return False

    def _evaluate(self, calls: Sequence[Call], waits: bool) -> list[Any]:
        connection = self._connection()
        try:
            commands = b"".join(
                [_packed("EVALSHA", script(call.name).sha, call, connection) for call in calls]
            )
            # One that the server may not have yet has to be sent again as a whole.
            if not waits:
                names = {call.name for call in calls}
                if names <= connection.known:
                    connection.post(commands, len(calls))
                    return []
            replies: list[Any] = connection.send(commands, len(calls))
            refused = hiredis.ReplyError in map(type, replies)
            if refused:
                pairs = zip(calls, replies, strict=True)
                replies = [_once_more(connection, call, reply) for call, reply in pairs]
        except BaseException:
            # Also a thread that is stopped between the question and the answer: it would leave
            # the answer to its next question.
            self._drop()
            raise
        if refused:
            for reply in replies:
                if isinstance(reply, hiredis.ReplyError):
                    raise reply
        if not waits:
            connection.known |= names
        return replies

    def _connection(self) -> Any:
        """This thread's own. Raises OSError, RedisError."""
        mine: Any = getattr(self._own, "connection", None)
        if mine is not None and mine.life == self._life and mine.is_good():
            return mine
        if self._make is None:
            raise RuntimeError("create_app() has not run in this process.")
        if mine is not None:
            self._drop()
        mine = self._make()
        mine.life = self._life
        mine.connect()
        self._own.connection = mine
        return mine

    def _drop(self) -> None:
        mine: Any = self._own.connection
        self._own.connection = None
        mine.disconnect()


def _once_more(connection: Any, call: Call, reply: Any) -> Any:
    """The reply to a call; another one if the script was unknown to the server."""
    if not isinstance(reply, hiredis.ReplyError) or not str(reply).startswith("NOSCRIPT"):
        return reply
    return connection.send(_packed("EVAL", script(call.name).text, call, connection), 1)[0]


def _packed(command: str, what: str, call: Call, connection: Any) -> bytes:
    _, epoch, keys, args = call
    life = f"{epoch}:{connection.run_id}"
    packed: bytes = hiredis.pack_command((command, what, len(keys), *keys, life, *args))  # type: ignore[arg-type]
    return packed


def _timeval(seconds: float) -> bytes:
    """struct timeval, as socket(7) wants it: seconds and microseconds as long."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))


line_client = LineClient()
# A connection made before a fork belongs to the parent.
register_at_fork(after_in_child=line_client.disown)


def bind(settings: Settings) -> None:
    """Bind the process's client; called by the factory."""
    line_client.bind(settings)


def forget_all() -> None:
    """Forget that Redis was away (between tests)."""
    line_client.forgive()
