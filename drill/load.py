"""wrk as the load generator, with a probe beside it.

wrk sends requests that were prepared beforehand, and one answer that is not the expected one makes
the whole run worthless. To look at every answer takes wrk longer than to send the request, from the
cores that the server needs; where the same was looked at just before, it is enough that none is
refused.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

THREADS = 2
CONNECTIONS = 32
SCRIPT = Path(__file__).parent / "wrk" / "bench.lua"
MISSING = "The benchmark needs wrk, which is not installed (Debian: apt-get install wrk)."
_BETWEEN_PROBES = 0.1
_LONGEST_PROBE = 10.0


class NotAMeasurement(Exception):
    """What was measured is not what was meant; the message says what came instead."""


class RanOut(NotAMeasurement):
    """The prepared requests were too few for this machine."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run of wrk. `slowest_probe` is in seconds; `used` says how many of the requests went
    out, by thread."""

    per_second: float
    p50_ms: float
    p99_ms: float
    slowest_probe: float
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A server under load: its port on this machine, the host it is asked for, and the page that
    the probe asks for."""

    port: int
    host: str
    probe: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def present() -> bool:
    return shutil.which("wrk") is not None


def request(
    method: str, path: str, host: str, headers: Sequence[str] = (), body: bytes = b""
) -> bytes:
    """One whole HTTP request, as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(
    site: Site,
    requests: Sequence[bytes],
    seconds: int,
    expected: int,
    *,
    once: bool = False,
    look: bool = True,
) -> Load:
    """Send `requests` over CONNECTIONS connections for so many seconds, in turn or each once.

    Raises NotAMeasurement when an answer was lost or had another status than `expected` or, without
    a `look` at each, one of 400 or more; RanOut when there were too few requests.
    """
    with tempfile.TemporaryDirectory(prefix="fq-wrk-") as folder:
        for thread in range(THREADS):
            part = Path(folder) / str(thread + 1)
            part.write_bytes(b"\0".join(requests[thread::THREADS]))
        command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
        command += ["-s", str(SCRIPT), site.address, "--", folder, "once" if once else "again"]
        command.append("look" if look else "count")
        with probing(site) as slowest:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise NotAMeasurement(f"wrk ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    facts = json.loads(done.stdout.strip().splitlines()[-1])
    _check(facts, expected)
    return Load(
        per_second=facts["requests"] / facts["microseconds"] * 1e6,
        p50_ms=facts["p50_us"] / 1000,
        p99_ms=facts["p99_us"] / 1000,
        slowest_probe=slowest[0],
        used=tuple(facts["used"]),
    )


def _check(facts: dict[str, Any], expected: int) -> None:
    wrong = {status: n for status, n in facts["statuses"].items() if status != str(expected)}
    if wrong or facts["lost"]:
        came = ", ".join(f"{count} of {status}" for status, count in sorted(wrong.items()))
        raise NotAMeasurement(
            f"{expected} was expected of every answer; there were {came or 'none other'} and"
            f" {facts['lost']} lost among {facts['requests']}."
        )
    if facts["refused"]:
        raise NotAMeasurement(f"{facts['refused']} of {facts['requests']} answers were refusals.")
    if facts["ran_out"]:
        raise RanOut(f"The prepared requests ran out after {facts['requests']} answers.")
    if not facts["requests"]:
        raise NotAMeasurement("Nothing was answered.")


@contextmanager
def probing(site: Site) -> Iterator[list[float]]:
    """Beside whatever is done meanwhile, a stranger comes ten times a second, each time over a
    new connection; yields [the slowest answer in seconds]."""
    slowest, over = [0.0], threading.Event()

    def come() -> None:
        while not over.wait(_BETWEEN_PROBES):
            started = time.monotonic()
            try:
                answer(site, site.probe)
                took = time.monotonic() - started
            except OSError:
                took = _LONGEST_PROBE
            slowest[0] = max(slowest[0], took)

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield slowest
    finally:
        over.set()
        thread.join(_LONGEST_PROBE)


@contextmanager
def connected(site: Site) -> Iterator[Callable[[bytes], int]]:
    """One connection; yields a function that sends a whole request and returns the status of
    its answer. Raises OSError."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=_LONGEST_PROBE) as connection:

        def ask(whole: bytes) -> int:
            connection.sendall(whole)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            answer.read()
            return answer.status

        yield ask


def answer(site: Site, path: str) -> int:
    """The status of one page, asked for over a connection of its own. Raises OSError."""
    with connected(site) as ask:
        return ask(request("GET", path, site.host, ("Connection: close",)))
