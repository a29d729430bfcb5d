"""HTTP/1.1 as somebody writes it who keeps to no rule: bytes go out as they are, and what comes
back is read answer by answer. Fast, too: one connection carries many requests."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

PATIENCE = 10.0
_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `status` is 0 where the connection ended without one; names in lower case, each
    as often as it came."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


NOTHING = Reply(0)


class Line:
    """A connection to the site, opened when it is needed and again after it was closed."""

    def __init__(self, port: int, patience: float = PATIENCE) -> None:
        self.port, self.patience = port, patience
        self._socket: socket.socket | None = None
        self._kept = b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._kept = None, b""

    def ask(self, request: bytes, *, head: bool = False) -> Reply:
        """Send a request and read its answer; on a new connection, once, where the kept one had
        been closed meanwhile."""
        fresh = self._socket is None
        reply = self._ask(request, head)
        return reply if reply.status or fresh else self._ask(request, head)

    def _ask(self, request: bytes, head: bool) -> Reply:
        with contextlib.suppress(OSError):
            self.send(request)
        return self.read(head=head)

    def send(self, data: bytes) -> None:
        """Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), self.patience)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)

    def say_no_more(self) -> None:
        """Close our half, as somebody who has sent all that was to be sent."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def next(self, patience: float) -> Reply:
        """One more answer, if it comes within so many seconds."""
        if self._socket is None:
            return NOTHING
        self._socket.settimeout(patience)
        return self.read()

    def read(self, *, head: bool = False) -> Reply:
        """The answer to what was sent."""
        try:
            reply = self._read(head)
        except (OSError, ValueError):
            reply = NOTHING
        if reply.status == 0 or reply.header("connection").lower() == "close":
            self.close()
        return reply

    def _read(self, head: bool) -> Reply:
        top = self._until(b"\r\n\r\n").decode("latin-1")
        first, *rest = top.split("\r\n")
        status = int(first.split(" ", 2)[1])
        if status < 200:
            return self._read(head)
        pairs = (line.partition(":") for line in rest if line)
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        known = dict(headers)
        if head or status in _NO_BODY:
            return Reply(status, headers)
        if known.get("transfer-encoding") == "chunked":
            return Reply(status, headers, self._chunks())
        if (length := known.get("content-length")) is not None:
            return Reply(status, headers, self._exactly(int(length)))
        return Reply(status, headers, self._rest())

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            body += self._exactly(size + 2)[:-2]
        self._until(b"\r\n")
        return body

    def _until(self, end: bytes) -> bytes:
        while (at := self._kept.find(end)) < 0:
            self._more()
        found, self._kept = self._kept[:at], self._kept[at + len(end) :]
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._kept) < count:
            self._more()
        found, self._kept = self._kept[:count], self._kept[count:]
        return found

    def _rest(self) -> bytes:
        with contextlib.suppress(OSError):
            while True:
                self._more()
        found, self._kept = self._kept, b""
        return found

    def _more(self) -> None:
        if self._socket is None or not (data := self._socket.recv(65_536)):
            raise ConnectionError("closed")
        self._kept += data
