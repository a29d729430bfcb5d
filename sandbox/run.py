"""`make run`: everything FairQueue needs, on one machine, under one supervisor.

This process prepares the folder, starts the supervisor, tells where everything is, and stays to
end it all. Whoever kills any part of it loses nothing: the supervisor starts a program again
within a second, this process starts the supervisor again, and when this process is killed the
supervisor ends what it started.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.config import RunSettings, SettingError, load, load_run
from sandbox import envfile, leftovers, orders, servers
from sandbox.checks import Refused, check_postgres, check_redis, check_writable, claim_ports
from sandbox.start import MIGRATED

ROOT = Path(__file__).resolve().parent.parent
# Programs get 5 s, then the servers 3 s (supervisord.conf); what is left after that is killed.
LONGEST_END = 8.5
LONGEST_START = 120.0


def main() -> int:
    """Run until SIGTERM, SIGINT, or the end of the `make` that started us."""
    stop = Stop()
    try:
        settings = load_run()
        with only_one(settings.data_dir) as holding:
            Run(settings, stop, holding).run()
    except (Refused, SettingError, servers.ServerError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


class Stop:
    """Whether somebody wants an end."""

    def __init__(self) -> None:
        self._asked = False
        self._parent = os.getppid()
        # Only make's own death means an end: a shell that goes away may have said `nohup`.
        self._under_make = "MAKELEVEL" in os.environ
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    @property
    def asked(self) -> bool:
        return self._asked or (self._under_make and os.getppid() != self._parent)


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[Any]:
    """Hold the folder for this process. Yields the lock's file. Raises Refused."""
    check_writable(data_dir)
    with (data_dir / "lock").open("a+") as lock:
        # One that is ending has let go of its work already; it deserves its ten seconds.
        asked_at = time.monotonic()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                lock.seek(0)
                patience = 12 if lock.read().endswith("ending") else 1.5
                if time.monotonic() - asked_at > patience:
                    raise Refused(
                        f"FairQueue is already running from {data_dir}; "
                        "set DATA_DIR and PORT to run another one beside it."
                    ) from None
                time.sleep(0.1)
        lock.truncate(0)
        yield lock


class Run:
    """One run, from the first check to the last process."""

    def __init__(self, settings: RunSettings, stop: Stop, lock: Any) -> None:
        self.data_dir = settings.data_dir
        self.stop = stop
        self.lock = lock
        self.host = settings.host
        self.port = settings.port
        self.facts = self.data_dir / "run.json"
        self.environment: dict[str, str] = {}
        self.supervisor: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Raises Refused, SettingError or ServerError before anything has been started."""
        self.facts.unlink(missing_ok=True)
        (self.data_dir / MIGRATED).unlink(missing_ok=True)
        orders.withdraw_all(self.data_dir)
        leftovers.end(leftovers.of_run(self.data_dir), patience=5)
        self.prepare()
        try:
            self.supervisor = self.start_supervisor()
            if self.get_ready():
                self.watch()
        finally:
            self.end()

    def prepare(self) -> None:
        own_postgres = not os.environ.get("DATABASE_URL")
        own_redis = not (os.environ.get("REDIS_URL") and os.environ.get("JOBS_REDIS_URL"))
        ports = claim_ports(self.host, self.port)
        password = self.own_password()
        redis = servers.Redis(self.data_dir / "redis", ports["REDIS_PORT"], ())
        postgres = servers.Postgres(self.data_dir / "postgres", ports["POSTGRES_PORT"], ())
        postgres.password = password
        # Who knows how the programs speak to their servers does not know the owner's way.
        redis.password = postgres.application_password = self.own_password("password-of-programs")
        self.environment = {
            # What the settings are unless the environment says otherwise ...
            "FAIRQUEUE_ENV": "development",
            "PUBLIC_URL": f"http://localhost:{self.port}",
            "DATABASE_URL": postgres.application_url,
            **({"MIGRATIONS_DATABASE_URL": postgres.url} if own_postgres else {}),
            "REDIS_URL": redis.url_of(0),
            "JOBS_REDIS_URL": redis.url_of(1),
            "PAYSTACK_URL": f"http://127.0.0.1:{ports['SANDBOX_PORT']}",
            "SMTP_URL": f"smtp://127.0.0.1:{ports['SMTP_PORT']}",
            **{name: value for name, value in os.environ.items() if value},
            # ... and what the programs of this run must know.
            **{name: str(port) for name, port in ports.items()},
            "HOST": self.host,
            "PORT": str(self.port),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "OWN_POSTGRES": str(own_postgres).lower(),
            "OWN_REDIS": str(own_redis).lower(),
            "OWN_PASSWORD": password,
            "PROGRAMS_PASSWORD": redis.password,
            "PYTHONUNBUFFERED": "1",
            leftovers.MARK: str(self.data_dir),
        }
        checked = load(self.environment)
        # A real gateway's secret is no business of the stand-in.
        real_gateway = bool(os.environ.get("PAYSTACK_URL"))
        secret = "sk_test_of_nobody" if real_gateway else checked.paystack_secret_key
        self.environment["SANDBOX_SECRET"] = secret
        if own_postgres:
            servers.make_cluster(self.data_dir / "postgres", password)
        else:
            check_postgres("DATABASE_URL", checked.database_url)
            check_postgres("MIGRATIONS_DATABASE_URL", checked.migrations_database_url)
            self.environment["MIGRATIONS_DATABASE_URL"] = checked.migrations_database_url
        (self.data_dir / "redis").mkdir(exist_ok=True)
        for name in ("REDIS_URL", "JOBS_REDIS_URL"):
            if os.environ.get(name):
                check_redis(name, self.environment[name])

    def own_password(self, file: str = "password") -> str:
        """A password of our own servers, made once: other users of this machine may reach
        their ports."""
        path = self.data_dir / file
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def start_supervisor(self) -> subprocess.Popen[bytes]:
        (self.data_dir / "log").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "sandbox.supervise"]
        command += ["--nodaemon", "--silent", "--configuration", str(ROOT / "supervisord.conf")]
        setpriv = shutil.which("setpriv")
        if setpriv is not None:
            # Killed without a word, we cannot tell it to end; the kernel can.
            command = [setpriv, "--pdeathsig=TERM", "--", *command]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Ctrl-C in the terminal is for us; we end the others in their order. A group will do:
            # a session would get its share of the processors as one (sched_autogroup), however
            # many programs are in it, and whoever loads the site from a terminal as much.
            process_group=0,
        )

    def get_ready(self) -> bool:
        """Migrate, load the demo, wait for the site. False when somebody wants an end."""
        if not self.wait_for(self.database_answers, "PostgreSQL"):
            return False
        if self.environment["OWN_POSTGRES"] == "true":
            postgres = servers.Postgres(self.data_dir, int(self.environment["POSTGRES_PORT"]), ())
            postgres.password = self.environment["OWN_PASSWORD"]
            programs = self.environment["PROGRAMS_PASSWORD"]
            servers.make_database(postgres.url_of("postgres"), programs)
        demo = self.migrate()
        if demo is None:
            return False
        (self.data_dir / MIGRATED).touch()
        if not self.wait_for(self.site_is_ready, "The site"):
            return False
        self.tell(demo)
        return True

    def database_answers(self) -> bool:
        url = self.environment["MIGRATIONS_DATABASE_URL"]
        if self.environment["OWN_POSTGRES"] == "true":
            url = url.rpartition("/")[0] + "/postgres"
        return servers.postgres_answers(url)

    def site_is_ready(self) -> bool:
        import httpx

        with contextlib.suppress(httpx.HTTPError):
            address = f"http://{self.local_host}:{self.port}/health/ready"
            return httpx.get(address, timeout=2).status_code == 200
        return False

    @property
    def local_host(self) -> str:
        return "127.0.0.1" if self.host in ("0.0.0.0", "::", "localhost") else self.host

    def wait_for(self, ready: Any, name: str) -> bool:
        deadline = time.monotonic() + LONGEST_START
        while not ready():
            if self.stop.asked:
                return False
            if time.monotonic() > deadline:
                raise Refused(
                    f"{name} is not ready after {LONGEST_START:g} s; {self.logs} say why."
                )
            self.revive_supervisor()
            time.sleep(0.1)
        return True

    def migrate(self) -> dict[str, Any] | None:
        """Prepare the database in a process of its own; None when somebody wants an end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.prepare"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                answer, complaint = process.communicate(timeout=0.2)
                break
            if self.stop.asked:
                # Migrations are transactions: one that is cut off has not begun.
                process.kill()
                return None
        if process.returncode != 0:
            log = self.data_dir / "log" / "prepare.log"
            log.write_text(complaint)
            last = (complaint.strip().splitlines() or ["it said nothing"])[-1]
            raise Refused(f"The database could not be prepared ({last}); {log} tells the rest.")
        demo: dict[str, Any] = json.loads(answer.strip().splitlines()[-1])
        return demo

    @property
    def logs(self) -> str:
        return f"the files in {self.data_dir / 'log'}"

    def tell(self, demo: dict[str, Any]) -> None:
        """Write var/run.json and print the same for people."""
        sandbox_url = f"http://localhost:{self.environment['SANDBOX_PORT']}"
        mailbox_url = f"http://localhost:{self.environment['MAILBOX_PORT']}"
        facts = {
            "url": self.environment["PUBLIC_URL"],
            # The owner's: for those who look from outside.
            "database_url": self.environment["MIGRATIONS_DATABASE_URL"],
            "redis_url": self.environment["REDIS_URL"],
            "jobs_redis_url": self.environment["JOBS_REDIS_URL"],
            "sandbox_url": sandbox_url,
            "mailbox_url": mailbox_url,
            "staff": demo["staff"],
            "events": demo["events"],
        }
        # Whole or not at all: somebody may be waiting for this file. It holds passwords.
        draft = self.facts.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(facts, indent=2) + "\n")
        draft.replace(self.facts)
        envfile.write(ROOT, self.data_dir, self.environment)
        print(f"\nFairQueue is ready: {facts['url']}\n")
        for slug in demo["events"]:
            print(f"  event      {facts['url']}/events/{slug}")
        print(f"  gateway    {sandbox_url} (a stand-in; no money moves)")
        print(f"  mail       {mailbox_url} (every mail ends here)")
        print(f"  staff      {facts['url']}/staff/login")
        for role, login in demo["staff"].items():
            print(f"             {role}: {login['email']}, password {login['password']}")
        print(f"\nAll of this is in {self.facts}; Ctrl-C ends it and loses nothing.\n", flush=True)

    def watch(self) -> None:
        while not self.stop.asked:
            self.revive_supervisor()
            time.sleep(0.2)

    def revive_supervisor(self) -> None:
        """Start the supervisor again when it was killed, after ending what it left behind."""
        if self.supervisor is not None and self.supervisor.poll() is not None:
            leftovers.end(leftovers.of_run(self.data_dir), patience=3)
            self.supervisor = self.start_supervisor()

    def end(self) -> None:
        """End every process of this run, in 10 s at the latest."""
        self.lock.write("ending")
        self.lock.flush()
        self.facts.unlink(missing_ok=True)
        envfile.remove(ROOT, self.data_dir)
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(LONGEST_END)
        leftovers.end(leftovers.of_run(self.data_dir), patience=0.3)


if __name__ == "__main__":
    sys.exit(main())
