"""The product itself, started the way `make run` starts it (less the installing)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from sandbox import leftovers, servers

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = [
    "web",
    "beats-0",
    "beats-1",
    "money",
    "mail",
    "beat",
    "gateway",
    "mailbox",
    "redis",
    "postgres",
]
# Two cores, several Pythons that start at once, and other tests beside us.
LONGEST_START = 130

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Product:
    """One `make run` of our own, in a folder of our own, on ports of our own."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "var"
        self.port = servers.free_port(in_a_row=6)
        self.output = folder / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, **environment: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "sandbox.run"],
                cwd=ROOT,
                env=self.environment() | environment,
                stdout=output,
                stderr=output,
            )

    def environment(self) -> dict[str, str]:
        # What the machine happens to set must not reach the product under test.
        ours = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
        kept = {name: os.environ[name] for name in ours if name in os.environ}
        return kept | {"DATA_DIR": str(self.data_dir), "PORT": str(self.port)}

    def start(self) -> None:
        self.process = self.launch()

        def told() -> bool:
            return self.ended or "Ctrl-C ends it" in self.output.read_text()

        assert wait_until(told, LONGEST_START), self.story()
        assert not self.ended, self.story()

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return facts

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.facts['url']}/health/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def main_process(self, program: str) -> psutil.Process | None:
        """The process that supervisor started for this program."""
        for process in leftovers.of_run(self.data_dir, program):
            try:
                if "sandbox.supervise" in " ".join(process.parent().cmdline()):
                    return process
            except (psutil.Error, AttributeError):
                continue
        return None

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        leftovers.end(leftovers.of_run(self.data_dir), 1)

    def story(self) -> str:
        logs = sorted((self.data_dir / "log").glob("*.log"))
        tails = [f"== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs]
        return "\n".join([*tails, self.output.read_text(errors="replace")])


def wait_until(true: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with tempfile.TemporaryDirectory(prefix="fairqueue-run-") as folder:
        product = Product(Path(folder))
        product.start()
        yield product
        product.stop()


def refused(environment: dict[str, str], tmp_path: Path) -> str:
    """What a start says that must end at once with one sentence."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.run"],
        cwd=ROOT,
        env=Product(tmp_path).environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr.strip()


def test_run_json_has_exactly_the_promised_keys(product: Product) -> None:
    facts = product.facts
    assert set(facts) == {
        "url",
        "database_url",
        "redis_url",
        "jobs_redis_url",
        "sandbox_url",
        "mailbox_url",
        "staff",
        "events",
    }
    assert set(facts["staff"]) == {"organiser", "support", "admin"}
    assert all(set(login) == {"email", "password"} for login in facts["staff"].values())
    assert facts["url"] == f"http://localhost:{product.port}"
    assert facts["sandbox_url"] == f"http://localhost:{product.port + 1}"
    assert facts["mailbox_url"] == f"http://localhost:{product.port + 2}"


def test_what_run_json_names_is_there(product: Product) -> None:
    facts = product.facts
    assert product.ready()
    assert httpx.get(f"{facts['mailbox_url']}/messages.json").json() == []
    assert httpx.get(f"{facts['sandbox_url']}/ledger").status_code == 200
    assert facts["events"]
    for slug in facts["events"]:
        assert httpx.get(f"{facts['url']}/events/{slug}").status_code == 200
    output = product.output.read_text()
    for login in facts["staff"].values():
        assert login["email"] in output
        assert login["password"] in output
    # It holds passwords.
    assert (product.data_dir / "run.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_is_killed_is_back_within_a_second(product: Product, program: str) -> None:
    victim = product.main_process(program)
    assert victim is not None
    victim.kill()
    killed_at = time.monotonic()

    def back() -> bool:
        now = product.main_process(program)
        return now is not None and now.pid != victim.pid

    assert wait_until(back, 10), product.story()
    # One second, and what it costs this test to look at every process of the machine.
    assert time.monotonic() - killed_at < 2
    assert wait_until(product.ready, 60), product.story()


def test_a_killed_web_server_leaves_no_worker_that_keeps_the_port(product: Product) -> None:
    before = {process.pid for process in leftovers.of_run(product.data_dir, "web")}
    assert len(before) >= 3, "a parent and two workers"
    victim = product.main_process("web")
    assert victim is not None
    victim.kill()

    def replaced() -> bool:
        now = {process.pid for process in leftovers.of_run(product.data_dir, "web")}
        return len(now) >= 3 and not now & before

    assert wait_until(replaced, 20), product.story()
    assert wait_until(product.ready, 60), product.story()


def test_a_killed_supervisor_is_started_again(product: Product) -> None:
    [supervisor] = [
        process
        for process in leftovers.of_run(product.data_dir)
        if "sandbox.supervise" in " ".join(process.cmdline())
    ]
    supervisor.kill()
    assert wait_until(lambda: not product.ready(), 10)
    assert wait_until(product.ready, LONGEST_START), product.story()
    assert all(product.main_process(program) for program in PROGRAMS)


def test_a_second_start_from_the_same_folder_says_so(product: Product, tmp_path: Path) -> None:
    words = refused(
        {"DATA_DIR": str(product.data_dir), "PORT": str(servers.free_port(in_a_row=6))}, tmp_path
    )
    assert words.startswith("FairQueue is already running from")
    assert product.ready()


def test_a_port_in_use_is_named(product: Product, tmp_path: Path) -> None:
    words = refused({"PORT": str(product.port)}, tmp_path)
    assert words == f"Port {product.port} is in use; set PORT to another one."
    assert product.ready()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("PORT", "eighty", "PORT is 'eighty', which is not a number."),
        ("PORT", "70000", "PORT is 70000; it must be from 1 to 65532."),
        ("LEASE", "1", "TRANSACTION_TIMEOUT (5 s) must be shorter than LEASE (1 s)."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud'; it must be one of"),
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL is not an address of the form postgresql://"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/x", "DATABASE_URL does not lead to a database"),
        ("REDIS_URL", "http://x", "REDIS_URL is not an address of the form redis://"),
        ("JOBS_REDIS_URL", "redis://127.0.0.1:1/0", "JOBS_REDIS_URL does not lead to Redis"),
        ("FAIRQUEUE_ENV", "production", "SECRET_KEY is not set."),
        ("HOST", "203.0.113.7", "HOST 203.0.113.7 is not an address of this machine"),
        ("DATA_DIR", "/proc/nowhere", "DATA_DIR /proc/nowhere cannot be made"),
    ],
)
def test_an_odd_setting_stops_it_with_one_sentence(
    setting: str, value: str, words: str, tmp_path: Path
) -> None:
    assert refused({setting: value}, tmp_path).startswith(words)


def test_it_ends_within_ten_seconds_and_goes_on_where_it_stopped(product: Product) -> None:
    database = product.facts["database_url"]
    events = product.facts["events"]
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO fans (email) VALUES ('stays@example.com')")
    assert product.process is not None
    product.process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert product.process.wait(15) == 0
    assert time.monotonic() - started < 10
    assert leftovers.of_run(product.data_dir) == []
    assert not (product.data_dir / "run.json").exists()

    product.start()
    assert product.facts["events"] == events, "the demo is loaded once"
    with psycopg.connect(product.facts["database_url"]) as connection:
        fans = connection.execute("SELECT email FROM fans WHERE email = 'stays@example.com'")
        assert fans.fetchone() == ("stays@example.com",)


def test_a_run_that_was_killed_outright_does_not_stop_the_next(product: Product) -> None:
    assert product.process is not None
    # Everything but the servers, as a machine that runs out of memory might do it; what the
    # kernel then tells the rest must not matter either.
    victims = [product.process.pid]
    victims += [process.pid for process in leftovers.of_run(product.data_dir) if _kills(process)]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    product.process.wait()
    product.start()
    assert wait_until(product.ready, 60), product.story()


def _kills(process: psutil.Process) -> bool:
    return process.name() not in ("postgres", "redis-server")
