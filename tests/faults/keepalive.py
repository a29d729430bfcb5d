"""A client of HTTP/1.1 that tells a connection closed before any byte of the answer from one
closed in the middle: only the first may be repeated, and only once."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit


class ClosedBeforeAnyByte(Exception):
    """Nothing of the answer has come; the request may be sent again."""


class CutOff(Exception):
    """A part of the answer has come, and then no more."""


@dataclass
class Answer:
    """`headers` are in lower case; of several with one name the last counts, but for cookies."""

    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """One connection, kept alive, and cookies. `repeated` counts requests sent twice."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    connection: socket.socket | None = None

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, "", headers)

    def post(self, path: str, **form: str) -> Answer:
        return self._ask("POST", path, urlencode(form), {})

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        try:
            answer = self._exchange(method, path, body, headers)
        except ClosedBeforeAnyByte:
            self.repeated += 1
            answer = self._exchange(method, path, body, headers)
        self.cookies |= answer.cookies
        return answer

    def _exchange(self, method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        site = urlsplit(self.url)
        lines = {
            "Host": site.netloc,
            "Sec-Fetch-Site": "same-origin",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Length": str(len(body)),
            "Content-Type": "application/x-www-form-urlencoded",
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        try:
            if self.connection is None:
                address = ("127.0.0.1", site.port or 80)
                self.connection = socket.create_connection(address, timeout=15)
            self.connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        except OSError as exc:
            self.close()
            raise ClosedBeforeAnyByte from exc
        try:
            return self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> Answer:
        assert self.connection is not None
        came = b""
        while b"\r\n\r\n" not in came:
            came += self._more(came)
        head, _, rest = came.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        set_cookies = [value for name, value in pairs if name.lower() == "set-cookie"]
        cookies = dict(value.split(";")[0].split("=", 1) for value in set_cookies)
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            rest += self._more(came)
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, cookies, rest.decode())

    def _more(self, came: bytes) -> bytes:
        assert self.connection is not None
        try:
            part = self.connection.recv(65_536)
        except ConnectionError:
            part = b""
        if not part:
            raise CutOff(came[:200]) if came else ClosedBeforeAnyByte
        return part
