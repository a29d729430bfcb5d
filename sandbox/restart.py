"""`make restart`: the running product takes up the code as it is now, without a failed request.

First the web workers, one after the other (Granian's reload: a new worker starts, then the old
one finishes what it has in hand), then each process of jobs. Servers and stand-ins stay.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from app.config import SettingError, load_run
from sandbox import leftovers
from sandbox.checks import Refused

# Each web worker has the respawn interval to start, and some seconds to end (supervisord.conf).
LONGEST_RELOAD = 60.0
# A job in hand ends within 8 s (jobs/ending.py); the rest is for starting anew on a busy machine.
LONGEST_RESTART = 60.0
_JOBS = ("jobs.worker", "jobs.beat")


def main() -> int:
    """Restart what can be; says what it does."""
    try:
        data_dir = load_run().data_dir
        if not (data_dir / "run.json").exists():
            raise Refused(f"FairQueue is not running from {data_dir}.")
        restart(data_dir, lambda words: print(words, flush=True))
    except (Refused, SettingError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def restart(data_dir: Path, say: Callable[[str], None]) -> None:
    """Raises Refused when something did not come back in time."""
    web = _only(leftovers.of_run(data_dir, "web"), lambda p: not _is_child(p))
    old = web.children()
    web.send_signal(signal.SIGHUP)
    _wait(
        lambda: not _alive(old) and sum(map(_listens, web.children())) >= len(old),
        LONGEST_RELOAD,
        "The web workers were not replaced",
    )
    say(f"web: {len(old)} workers, each replaced by a new one")
    for job in [p for p in leftovers.of_run(data_dir) if _module(p) in _JOBS]:
        program = job.environ()[leftovers.PROGRAM]
        job.terminate()
        _wait(
            lambda job=job, program=program: (  # type: ignore[misc]
                not _alive([job]) and any(map(_works, leftovers.of_run(data_dir, program)))
            ),
            LONGEST_RESTART,
            f"{program} did not come back",
        )
        say(f"{program}: ended and started again")


def _only(
    processes: list[psutil.Process], wanted: Callable[[psutil.Process], bool]
) -> psutil.Process:
    found = [process for process in processes if wanted(process)]
    if len(found) != 1:
        raise Refused("The web server is not running; the supervisor will start it.")
    return found[0]


def _wait(true: Callable[[], bool], longest: float, otherwise: str) -> None:
    deadline = time.monotonic() + longest
    while not true():
        if time.monotonic() > deadline:
            raise Refused(f"{otherwise} within {longest:g} s; the logs say why.")
        time.sleep(0.1)


def _alive(processes: list[psutil.Process]) -> bool:
    return any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def _is_child(process: psutil.Process) -> bool:
    """Whether this is a child of a process of the same program."""
    with contextlib.suppress(psutil.Error, AttributeError):
        return bool(process.cmdline() == process.parent().cmdline())
    return True


def _listens(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(c.status == psutil.CONN_LISTEN for c in process.net_connections("tcp"))
    return False


def _module(process: psutil.Process) -> str:
    """What `python -m` runs in it."""
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        return str(words[2]) if words[1:2] == ["-m"] else ""
    return ""


def _works(process: psutil.Process) -> bool:
    """Whether it has come so far that it would end in good order: SIGTERM has a handler."""
    if _module(process) not in _JOBS:
        return False
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


if __name__ == "__main__":
    sys.exit(main())
