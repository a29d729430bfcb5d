"""The real product, started the way `make run` starts it, to be tried from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The site, the stand-ins behind it, and room for one more.
PORTS = 8
# What a service manager tells a program, and that make started it: Granian would copy all that a
# shell says besides into each request.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "MAKELEVEL")


def plain_environment() -> dict[str, str]:
    """The environment of programs that are tried or measured, less their settings."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def free_ports() -> int:
    """The first of PORTS free ports in a row."""
    # Two test processes, whose numbers are near each other, look at the same moment.
    own = 21_000 + os.getpid() % 1_000 * PORTS
    for first in range(own, 60_000, PORTS):
        if all(_free(port) for port in range(first, first + PORTS)):
            return first
    raise RuntimeError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def product(folder: Path, **environment: str) -> Iterator[dict[str, Any]]:
    """Run the product in `folder`; yields what its run.json says."""
    said = folder.parent / f"{folder.name}.out"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.run"],
            cwd=ROOT,
            env={
                **plain_environment(),
                "DATA_DIR": str(folder),
                "PORT": str(free_ports()),
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        facts = folder / "run.json"
        deadline = time.monotonic() + 120
        while not facts.exists():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline, "the product did not start"
            time.sleep(0.1)
        yield json.loads(facts.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
