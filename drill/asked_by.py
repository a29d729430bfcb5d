"""Which program of a running product asked Redis, and how often: told from MONITOR.

INFO counts the reads of the whole server, the beats' among them, and those are half of a quiet
second. MONITOR names the connection of each command, and the operating system whose connection that
is. A pipeline is one trip, and so is a transaction: commands of one connection that follow upon one
another faster than any client could have read the answer and asked again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis

from sandbox import leftovers

# No client reads an answer and asks again within so long (s): a round trip takes 30 µs at best.
_AT_ONCE = 25e-6
UNKNOWN = "others"

# (moment, client port, whether a script calls it, words)
Line = tuple[float, str, bool, str]


@contextmanager
def watching(server: redis.Redis) -> Iterator[list[Line]]:
    """Every command that the server carries out meanwhile."""
    lines: list[Line] = []
    with server.monitor() as monitor:
        own = str(monitor.connection._sock.getsockname()[1])
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                said = monitor.next_command()
                if said["client_port"] != own:
                    by_script = said["client_type"] == "lua"
                    lines.append((said["time"], said["client_port"], by_script, said["command"]))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield lines
        finally:
            over.set()
            # The reader waits for one more line.
            server.ping()
            thread.join(5)


def trips(lines: Iterable[Line], programs: Mapping[str, str]) -> Counter[str]:
    """Round trips by program; `programs` says whose a client's port is."""
    found: Counter[str] = Counter()
    last: dict[str, float] = {}
    inside: set[str] = set()
    for at, port, by_script, words in lines:
        if by_script:
            continue
        word = words.partition(" ")[0].upper()
        if port not in inside and at - last.get(port, 0.0) > _AT_ONCE:
            found[programs.get(port, UNKNOWN)] += 1
        last[port] = at
        if word == "MULTI":
            inside.add(port)
        elif word in ("EXEC", "DISCARD"):
            inside.discard(port)
    return found


def programs_by_port(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Whose each open connection of the product in `folder` is: {local port: program}."""
    found = {}
    for name in names:
        for process in leftovers.of_run(folder, name):
            for connection in process.net_connections("tcp"):
                # Whichever of them takes a beat, it is the beats' work.
                found[str(connection.laddr.port)] = "beats" if name.startswith("beat") else name
    return found
