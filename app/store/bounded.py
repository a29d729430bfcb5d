"""A connection to Postgres that never waits for ever, and how it is asked for one thing only.

psycopg's cursors take eight times as long as the exchange itself (84 µs against 11 µs), and a
request or a delivery makes one or two of them. So a statement that stands alone is prepared once
for each connection, by the name of its file, and goes over libpq as it is.
"""

from __future__ import annotations

import re
import select
import socket
from collections import namedtuple
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import _WaitTimeout, error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

# A stopped Postgres backend defeats statement_timeout, keepalives and tcp_user_timeout, so the
# client itself has to give up after so long (s). A server that lives ends a statement sooner
# (STATEMENT_TIMEOUT), so this one does not.
LONGEST_WAIT = 2.2
# For so long whoever knocks waits for an answer (s). With the wait before, for the thread of
# another one who gives up, it is less than the 3 s in which anybody is to be refused.
LONGEST_KNOCK = 0.6
# How often who waits hears whether another one gave up (s).
_SLICE = 0.1
_ANSWERS = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
# A question that the server answers with one byte before it asks who is there, as length and code:
# SSLRequest, PostgreSQL's documentation, "Message Formats".
_KNOCK = (8).to_bytes(4) + (80877103).to_bytes(4)
# When somebody in this process last waited LONGEST_WAIT in vain.
_gave_up_at = float("-inf")


class Statement:
    """A statement with parameters such as :event_id, whose types the server finds out."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name.encode()
        self.parameters: list[str] = []
        self.text = re.sub(r"(?<!:):([a-z]\w*)", self._numbered, text).encode()
        self._row: Any = None

    def _numbered(self, found: re.Match[str]) -> str:
        if found[1] not in self.parameters:
            self.parameters.append(found[1])
        return f"${self.parameters.index(found[1]) + 1}"

    def asked_with(self, parameters: Mapping[str, Any]) -> Question:
        """Raises psycopg.DataError for what no text can hold."""
        return Question(self, [as_text(parameters[name]) for name in self.parameters])

    def row_of(self, result: PGresult) -> Any:
        """What makes a named tuple of one row's values."""
        if self._row is None:
            names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
            row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
            self._row = row._make
        return self._row


class Question(NamedTuple):
    """A statement and its parameters, as they go over the wire."""

    statement: Statement
    values: list[bytes | None]


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits no longer than `longest_wait` seconds for the server; what the
    server did is then unknown."""

    longest_wait = LONGEST_WAIT

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._known: set[bytes] = set()
        self._ear = select.poll()
        self._ear.register(self.pgconn.socket, select.POLLIN)

    def wait(self, gen: Any, interval: float = _SLICE, timeout: float | None = None) -> Any:
        deadline = monotonic() + (timeout or self.longest_wait)
        try:
            return super().wait(self._unless_given_up(gen, deadline), interval)
        except _WaitTimeout as exc:
            self.close()
            raise psycopg.OperationalError("the server did not answer in time") from exc

    def _unless_given_up(self, gen: Any, deadline: float) -> Generator[Any, Any, Any]:
        """What psycopg waits for, until nobody ought to wait any more."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self._gives_up(deadline):
                    raise _WaitTimeout
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value

    def _gives_up(self, deadline: float) -> bool:
        """Whether to wait no longer: the time is over, or was for another one meanwhile.

        One silent server is silent to all who wait. If each waited out a time of its own, who
        comes when theirs ends would have waited for a thread first, and then as long again.
        """
        global _gave_up_at
        if self.longest_wait > LONGEST_WAIT:
            # Nobody waits for a job that takes its time.
            return monotonic() >= deadline
        if monotonic() >= deadline:
            _gave_up_at = monotonic()
            return True
        return _gave_up_at > deadline - self.longest_wait

    def _deallocate(self, name: bytes | None) -> Any:
        # psycopg forgets all that it prepared when a transaction is rolled back, and ours with it.
        if name is None:
            self._known.clear()
        return super()._deallocate(name)

    def has_ended(self) -> bool:
        """Whether an idle connection is of no more use. An idle server has nothing to say, so what
        it has said is that this is the end; looking costs no round trip, and spares a request the
        word that its outcome is unknown."""
        return self.closed or bool(self._ear.poll(0))

    def ask(self, question: Question) -> list[Any]:
        """The rows of a statement that is a transaction by itself. Not within another one.

        Raises psycopg.Error.
        """
        self._prepare(question.statement)
        self.pgconn.send_query_prepared(question.statement.name, question.values)
        return self._rows(question.statement, self._answer())

    def ask_together(self, questions: Sequence[Question]) -> list[list[Any]] | None:
        """As ask(), of several that are one transaction: sent at once, and committed at once.

        None if one of them was refused; then none has taken effect. Raises psycopg.Error when
        nobody knows what the server did.
        """
        for question in questions:
            self._prepare(question.statement)
        # Up to a sync they are one transaction: PostgreSQL's documentation, "Pipeline Mode".
        self.pgconn.enter_pipeline_mode()
        for question in questions:
            self.pgconn.send_query_prepared(question.statement.name, question.values)
        self.pgconn.pipeline_sync()
        deadline = self._sent()
        results = self._until_synced(deadline)
        self.pgconn.exit_pipeline_mode()
        if any(result.status not in _ANSWERS for result in results):
            return None
        return [
            self._rows(question.statement, result)
            for question, result in zip(questions, results, strict=True)
        ]

    def _prepare(self, statement: Statement) -> None:
        if statement.name not in self._known:
            self.pgconn.send_prepare(statement.name, statement.text)
            self._answer()
            self._known.add(statement.name)

    def _rows(self, statement: Statement, result: PGresult) -> list[Any]:
        reader = Transformer(self)
        reader.set_pgresult(result)
        return reader.load_rows(0, result.ntuples, statement.row_of(result))

    def _answer(self) -> PGresult:
        """What the server says to what was sent, read to its end."""
        deadline, answer = self._sent(), None
        while (result := self._result(deadline)) is not None:
            # Of a server that ends, the second one says less than the first: only that it is gone.
            answer = answer or result
        if answer is None:
            raise psycopg.OperationalError("the server said nothing")
        if answer.status not in _ANSWERS:
            raise error_from_result(answer)
        return answer

    def _until_synced(self, deadline: float) -> list[PGresult]:
        """What the server says to each that was sent in a pipeline, and, if it could not commit,
        to that."""
        results: list[PGresult] = []
        try:
            while True:
                result = self._result(deadline)
                if result is None:
                    # It comes between the answers, and for ever when nobody is there.
                    if self.pgconn.status != ConnStatus.OK:
                        raise psycopg.OperationalError("the server went away")
                elif result.status == ExecStatus.PIPELINE_SYNC:
                    return results
                else:
                    results.append(result)
        except psycopg.OperationalError as exc:
            # What a server says before it goes says more.
            for result in results:
                last_words = error_from_result(result)
                if isinstance(last_words, psycopg.OperationalError):
                    raise last_words from exc
            raise

    def _sent(self) -> float:
        """Have everything go out; until when its answer is waited for."""
        pgconn, deadline = self.pgconn, monotonic() + self.longest_wait
        while pgconn.flush():
            # More than the socket takes at once; the server may have to be heard meanwhile.
            self._until(deadline, select.POLLIN | select.POLLOUT)
            pgconn.consume_input()
        return deadline

    def _result(self, deadline: float) -> PGresult | None:
        while self.pgconn.is_busy():
            self._until(deadline)
            self.pgconn.consume_input()
        return self.pgconn.get_result()

    def _until(self, deadline: float, event: int = select.POLLIN) -> None:
        ear = self._ear
        if event != select.POLLIN:
            ear = select.poll()
            ear.register(self.pgconn.socket, event)
        while not ear.poll(max(0.0, min(_SLICE, deadline - monotonic())) * 1000):
            if self._gives_up(deadline):
                self.close()
                raise psycopg.OperationalError("the server did not answer in time")


def somebody_is_there(host: str, port: int) -> bool:
    """Whether a Postgres server answers at this address (a host, or the folder of its socket).

    A connection to a server that stands still is made all the same, by the kernel; so this waits
    for a word of the server itself, for LONGEST_KNOCK seconds.
    """
    try:
        with _connected(host, port) as knocking:
            knocking.sendall(_KNOCK)
            return bool(knocking.recv(1))
    except OSError:
        return False


def _connected(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), LONGEST_KNOCK)
    found = socket.socket(socket.AF_UNIX)
    found.settimeout(LONGEST_KNOCK)
    try:
        found.connect(f"{host}/.s.PGSQL.{port}")
    except OSError:
        found.close()
        raise
    return found


def as_text(value: Any) -> bytes | None:
    """A parameter as Postgres reads it. Raises psycopg.DataError for what no text can hold."""
    match value:
        case None:
            return None
        case str():
            # libpq would take the first NUL for the end.
            if "\0" in value:
                raise psycopg.DataError("Postgres cannot keep NUL in a text")
            return value.encode()
        case bool():
            return b"true" if value else b"false"
        case int() | float():
            return repr(value).encode()
        case datetime():
            return value.isoformat().encode()
        case list():
            return b"{" + b",".join(_element(each) for each in value) + b"}"
    raise TypeError(f"{type(value).__name__} is no parameter")


def _element(value: Any) -> bytes:
    text = as_text(value)
    if text is None:
        return b"NULL"
    if isinstance(value, int | float):
        return text
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
