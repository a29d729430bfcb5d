"""Slow clients: headers and bodies that are half sent, and answers that nobody reads; against nginx
as it is shipped, and against Granian alone, which is not made for them."""

from __future__ import annotations

import contextlib
import http.client
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from drill.attack.site import Row, Site, Visitor
from drill.front import front

# Of each kind, at once; one that is closed is opened again at once.
EACH = 200
# At full scale (s): long enough for every limit of nginx to have come and gone twice.
LASTS = 25.0
SHORTEST = 4.0
# Without nginx a single answer tells.
LASTS_ALONE = 10.0
# What a fan's answer may take (s).
SOON = 1.0
BETWEEN_PROBES = 0.1
LONGEST_PROBE = 15.0
TRIES = 2
LATE_AMONG_TESTS = 3
# A byte each so often (s), as slowloris does.
TRICKLE = 1.0
# Pipelined, so that what comes back is more than fits between the two of us.
PAGES_A_READER = 60


@dataclass
class Probes:
    """What a fan met beside the attack: seconds of each answer, and what was no answer."""

    took: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def slowest(self) -> float:
        return max(self.took, default=0.0)

    def in_words(self) -> str:
        found = sorted(self.took)
        if not found:
            return "no answer at all"
        text = f"half within {found[len(found) // 2]:.3f} s, the slowest {self.slowest:.2f} s"
        wrong = ", ".join(f"{what} {count} times" for what, count in self.wrong.items())
        return f"{text}; wrong: {wrong}" if wrong else text


def attack(site: Site, scale: float) -> list[Row]:
    """Hundreds of slow clients of each kind while a fan looks, waits and joins."""
    lasts = max(SHORTEST, LASTS * scale)
    # A little is tried among other tests, which have this machine busy by themselves.
    allowed = 0 if scale >= 1 else LATE_AMONG_TESTS
    rows: list[Row] = []
    fan = Visitor(site)
    fan.join()
    with front(site.run["url"]) as before:
        for what, kinds in _mixtures(site).items():
            # A second in which this machine did something else does not come again; a defence that
            # is none fails again.
            for _ in range(TRIES):
                with _slow(before.port, kinds) as crowd:
                    found = _probe(fan, before.port, lasts)
                late = sum(took > SOON for took in found.took)
                held = bool(found.took) and late <= allowed and not found.wrong
                if held:
                    break
            rows.append(
                Row(f"{what}, through nginx as shipped", crowd.opened, found.in_words(), held)
            )
    port = urlsplit(site.run["url"]).port
    assert port is not None
    with _slow(port, [_body(site)]) as crowd:
        found = _probe(fan, port, min(lasts, LASTS_ALONE))
    # The README says that Granian alone cannot: if it could, the README would be wrong.
    rows.append(
        Row(
            "half-sent bodies, to Granian alone (no defence, and said so in the README)",
            crowd.opened,
            found.in_words(),
            found.slowest > SOON,
        )
    )
    return rows


@dataclass(frozen=True)
class Kind:
    """What a slow client sends at once, and byte by byte; `reads` if it reads as slowly."""

    first: bytes
    trickle: bytes
    reads: bool = False


def _mixtures(site: Site) -> dict[str, list[Kind]]:
    head = f"GET {site.event_path} HTTP/1.1\r\nHost: {site.host}\r\n"
    headers = Kind(head.encode(), b"X-A: b\r\n")
    readers = Kind(f"{head}\r\n".encode() * PAGES_A_READER, b"", reads=True)
    return {
        f"{EACH} half-sent headers (slowloris)": [headers],
        f"{EACH} half-sent bodies": [_body(site)],
        f"{EACH} readers of a byte a second": [readers],
        f"{EACH} of each at once": [headers, _body(site), readers],
    }


def _body(site: Site) -> Kind:
    head = f"POST {site.event_path}/verify HTTP/1.1\r\nHost: {site.host}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\nemail="
    return Kind(head.encode(), b"a")


class _Crowd:
    """`EACH` slow clients of each kind, held by one thread."""

    def __init__(self, port: int, kinds: list[Kind]) -> None:
        self.opened, self._port, self._over = 0, port, threading.Event()
        self._selector = selectors.DefaultSelector()
        self._kinds = [kind for kind in kinds for _ in range(EACH)]
        self._open: dict[socket.socket, Kind] = {}
        self._thread = threading.Thread(target=self._live, daemon=True)

    def begin(self) -> None:
        for kind in self._kinds:
            self._begin(kind)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join(10)
        for one in list(self._open):
            one.close()
        self._selector.close()

    def _begin(self, kind: Kind) -> None:
        one = socket.socket()
        if kind.reads:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        try:
            one.settimeout(2)
            one.connect(("127.0.0.1", self._port))
            one.setblocking(False)
            one.send(kind.first)
        except OSError:
            one.close()
            return
        self.opened += 1
        self._open[one] = kind
        if not kind.reads:
            self._selector.register(one, selectors.EVENT_READ)

    def _live(self) -> None:
        tick = time.monotonic()
        while not self._over.wait(0.05):
            for key, _ in self._selector.select(0):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                self._look(one)
            if time.monotonic() - tick < TRICKLE:
                continue
            tick = time.monotonic()
            for one in list(self._open):
                self._trickle(one)
            # Whatever failed to open, or was closed, comes back.
            missing = Counter(self._kinds) - Counter(self._open.values())
            for kind in missing.elements():
                self._begin(kind)

    def _look(self, one: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                if one.recv(4096):
                    return
            except ConnectionError:
                pass
            self._close(one)

    def _trickle(self, one: socket.socket) -> None:
        kind = self._open[one]
        try:
            if not kind.reads:
                one.send(kind.trickle)
            elif not one.recv(1):
                self._close(one)
        except BlockingIOError:
            return
        except OSError:
            self._close(one)

    def _close(self, one: socket.socket) -> None:
        kind = self._open.pop(one)
        if not kind.reads:
            self._selector.unregister(one)
        one.close()


@contextmanager
def _slow(port: int, kinds: list[Kind]) -> Iterator[_Crowd]:
    crowd = _Crowd(port, kinds)
    crowd.begin()
    try:
        yield crowd
    finally:
        crowd.end()


def _probe(fan: Visitor, port: int, lasts: float) -> Probes:
    """A fan who looks, waits and joins meanwhile, each request on a connection of its own."""
    site = fan.site
    found = Probes()
    asked = [
        ("GET", site.event_path, {200}),
        ("GET", f"{site.event_path}/line/status", {200}),
        ("POST", f"{site.event_path}/line", {303}),
        ("GET", "/staff/login", {200}),
    ]
    end, number = time.monotonic() + lasts, 0
    while time.monotonic() < end:
        method, path, right = asked[number % len(asked)]
        number += 1
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_PROBE)
        try:
            sent = {"Host": site.host, "Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
            cookies = "; ".join(f"{name}={value}" for name, value in fan.cookies.items())
            if cookies:
                sent["Cookie"] = cookies
            connection.request(method, path, None, sent)
            status = connection.getresponse().status
            if status not in right:
                found.wrong[f"{status} for {method} {path}"] += 1
        except (OSError, http.client.HTTPException) as exc:
            found.wrong[type(exc).__name__] += 1
        finally:
            connection.close()
        found.took.append(time.monotonic() - began)
        time.sleep(BETWEEN_PROBES)
    return found
