"""HTTP/1.1 as a crowd of fans needs it: keep-alive, few connections, little work for each answer.

The fans run on the same two cores as what they try, so what they cost falsifies what they
measure: one answer here takes a fraction of what a client library for every purpose takes. It
also knows what such a library hides: whether a connection closed before the first byte of the
answer, and how to hang up in mid-request.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

_NO_BODY = frozenset({204, 304})


class Broken(Exception):
    """No whole answer came. `before_any_byte` says that nothing of one did."""

    def __init__(self, why: str, before_any_byte: bool) -> None:
        super().__init__(why)
        self.before_any_byte = before_any_byte


@dataclass(slots=True)
class Answer:
    """One answer: header names are in lower case, `took` is in seconds from sending to its last
    byte, `repeated` says that it was asked for twice, because a connection closed."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes
    took: float = 0.0
    repeated: bool = False

    @property
    def text(self) -> str:
        return self.body.decode()


class _Connection(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._buffer = bytearray()
        self._head: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.usable = transport, True

    def send(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future's answer may be Broken."""
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._buffer.clear()
        self._head = None
        if self._transport.is_closing():
            self.usable = False
            self._waiter.set_exception(Broken("closed while idle", before_any_byte=True))
        else:
            self._transport.write(request)
        return self._waiter

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = _head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
        body = _body(self._head, self._buffer)
        if body is not None:
            self._answered(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._waiter is None or self._waiter.done():
            return
        head = self._head
        if head is not None and _until_close(head):
            self._answered(bytes(self._buffer))
            return
        nothing = head is None and not self._buffer
        self._waiter.set_exception(Broken(str(exc or "closed"), before_any_byte=nothing))

    def _answered(self, body: bytes) -> None:
        assert self._head is not None
        self._head.body = body
        if self._head.headers.get("connection", "").lower() == "close":
            self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._head)


def _head(raw: bytes) -> Answer:
    lines = raw.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    cookies = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name == "set-cookie":
            cookies.append(value.strip())
        else:
            headers[name] = value.strip()
    return Answer(int(lines[0].split(" ", 2)[1]), headers, cookies, b"")


def _body(head: Answer, buffer: bytearray) -> bytes | None:
    """The whole body, or None while it is not all here."""
    if head.status in _NO_BODY:
        return b""
    length = head.headers.get("content-length")
    if length is not None:
        return bytes(buffer[: int(length)]) if len(buffer) >= int(length) else None
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(buffer)
    return None


def _chunks(buffer: bytearray) -> bytes | None:
    found, at = bytearray(), 0
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(bytes(buffer[at:end]).split(b";")[0], 16)
        at = end + 2
        if len(buffer) < at + size + 2:
            return None
        if size == 0:
            return bytes(found)
        found += buffer[at : at + size]
        at += size + 2


def _until_close(head: Answer) -> bool:
    return "content-length" not in head.headers and "transfer-encoding" not in head.headers


class Wire:
    """The connections of one process to one server, at most `most` at a time; who comes when all
    are in use waits for one, first come, first served."""

    def __init__(self, host: str, port: int, most: int = 64, patience: float = 30.0) -> None:
        self.host, self.port, self.patience = host, port, patience
        self._free = asyncio.Semaphore(most)
        self._idle: deque[_Connection] = deque()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and read its answer; once more when the connection closed before any
        byte of it. Raises Broken."""
        async with self._free:
            began = time.monotonic()
            try:
                answer = await self._exchange(self._take_idle() or await self._connect(), request)
            except Broken as broken:
                if not broken.before_any_byte:
                    raise
                # A kept connection may have been closed by the server just now, and so may all
                # the others; a new one has not been.
                answer = await self._exchange(await self._connect(), request)
                answer.repeated = True
            answer.took = time.monotonic() - began
            return answer

    async def send_and_hang_up(self, request: bytes) -> None:
        """Send a request and close the connection without waiting. Raises Broken."""
        async with self._free:
            connection = await self._connect()
            connection.send(request).cancel()
            # One turn of the loop, so that the request leaves before the connection does.
            await asyncio.sleep(0.002)
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.patience):
                _, made = await loop.create_connection(_Connection, self.host, self.port)
        except (OSError, TimeoutError) as exc:
            raise Broken(f"no connection: {exc!r}", before_any_byte=True) from exc
        return made

    async def _exchange(self, connection: _Connection, request: bytes) -> Answer:
        try:
            async with asyncio.timeout(self.patience):
                answer = await connection.send(request)
        except TimeoutError:
            connection.close()
            why = f"no answer within {self.patience:g} s"
            raise Broken(why, before_any_byte=False) from None
        except BaseException:
            connection.close()
            raise
        if connection.usable:
            self._idle.append(connection)
        return answer
