"""Finds and ends processes of ours that an earlier run left behind.

A supervisor that was killed leaves its programs running, a killed Granian its workers (which keep
the port), a killed PostgreSQL its backends. Every program of a run carries the run's folder in
its environment, and our servers stay in their data folders, so no list of process ids has to be
kept that could be out of date.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

# The environment variable that names the run a process belongs to.
MARK = "FAIRQUEUE_RUN"
# Set by supervisor for each program, and inherited by the program's own children.
PROGRAM = "SUPERVISOR_PROCESS_NAME"
SERVERS = ("postgres", "redis")


def of_run(data_dir: Path, program: str | None = None) -> list[psutil.Process]:
    """The processes of the run of this folder (or of one program of it), we ourselves and those
    above us left out."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        # Gone meanwhile, or another user's: not ours in both cases.
        with contextlib.suppress(psutil.Error, OSError):
            if _belongs(process, data_dir, program):
                found.append(process)
    return found


def _belongs(process: psutil.Process, data_dir: Path, program: str | None) -> bool:
    # Both write over their own environment, but never leave their data folder.
    for server in SERVERS:
        if Path(process.cwd()) == data_dir / server:
            return program in (None, server)
    environment = process.environ()
    if environment.get(MARK) != str(data_dir):
        return False
    return program is None or environment.get(PROGRAM) == program


def end(processes: list[psutil.Process], patience: float) -> None:
    """Ask them to end, and after `patience` seconds insist."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.resume()
            # PostgreSQL would wait for its clients on SIGTERM.
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=2)
