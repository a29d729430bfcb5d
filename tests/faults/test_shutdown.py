"""SIGTERM and rolling restarts of the real product: what is in hand is finished, all is over in
ten seconds, and a client that repeats once what was closed before any byte sees no failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from drill.noon import audit
from drill.till import Till
from sandbox import leftovers, restart
from tests.faults.crowd import Crowd
from tests.product import product

SECRET_KEY = "the secret key of the shutdown tests"
LONGEST_END = 10

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass
class Product:
    """The running product, its folder, and a till before it."""

    folder: Path
    run: dict[str, Any]
    till: Till
    event: int

    def main(self, program: str) -> psutil.Process:
        """The process that the supervisor started for this program, once it does its work."""
        deadline = time.monotonic() + 30
        while True:
            for process in leftovers.of_run(self.folder, program):
                with suppress(psutil.Error):
                    # Before that it waits in sandbox.start, and would end at once.
                    if self.is_main(process) and "sandbox.start" not in process.cmdline():
                        return process
            assert time.monotonic() < deadline, f"{program} does not come back"
            time.sleep(0.05)

    @staticmethod
    def is_main(process: psutil.Process) -> bool:
        return "sandbox.supervise" in " ".join(process.parent().cmdline())

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.run['url']}/health/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def payments(self, claim: int) -> list[Any]:
        query = "SELECT * FROM payments WHERE claim_id = %(claim)s ORDER BY id"
        return self.till.rows(query, {"claim": claim})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("shutdown") / "run"
    with product(folder, SECRET_KEY=SECRET_KEY) as run:
        till = Till(run, SECRET_KEY)
        event = till.event(5_000)
        lined = "SELECT FROM lines WHERE epoch > 0 AND event_id = %(id)s"
        wait_until(lambda: till.rows(lined, {"id": event}), 20)
        yield Product(folder, run, till, event)
        till.close()


def wait_until(true: Callable[[], Any], patience: float) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def end(process: psutil.Process) -> float:
    """SIGTERM it; how many seconds it took to end."""
    process.terminate()
    started = time.monotonic()
    process.wait(20)
    return time.monotonic() - started


@contextmanager
def frozen(running: Product, server: str) -> Iterator[None]:
    """A server that answers nothing, as a machine that swaps."""
    processes = leftovers.of_run(running.folder, server)
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def in_hand(running: Product, claim: int) -> None:
    """Wait until a worker has taken what this claim's payment owes."""
    taken = (
        "SELECT FROM outbox o JOIN payments p ON o.payload ->> 'payment_id' = p.id::text"
        " WHERE p.claim_id = %(claim)s AND o.taken_until > now() AND o.done_at IS NULL"
    )
    wait_until(lambda: running.till.rows(taken, {"claim": claim}), 10)


def attempts(running: Product) -> int:
    """How often the newest entry of the money lane was taken."""
    query = "SELECT attempts FROM outbox WHERE lane = 'money' ORDER BY id DESC LIMIT 1"
    return int(running.till.rows(query)[0].attempts)


def test_a_request_in_hand_is_answered_completely(running: Product) -> None:
    claims = [running.till.hold(running.event) for _ in range(4)]
    assert all("FQ-" in claim.page() for claim in claims)
    web = running.main("web")
    with ThreadPoolExecutor(len(claims)) as fans:
        # No request takes longer than Postgres' deadline, so the wait must be shorter than that.
        with frozen(running, "postgres"):
            pages = [fans.submit(claim.page) for claim in claims]
            time.sleep(0.4)
            web.terminate()
            time.sleep(0.8)
        for claim, page in zip(claims, pages, strict=True):
            text = page.result(10)
            assert claim.reference in text
            assert text.rstrip().endswith("</html>")
    web.wait(LONGEST_END)
    wait_until(running.ready, 30)


def test_a_call_to_the_gateway_in_hand_is_finished(running: Product) -> None:
    claim = running.till.hold(running.event)
    running.till.faults(latency=3.0, next={"initialize": ["latency"]})
    money = running.main("money")
    claim.press_pay()
    in_hand(running, claim.id)
    took = end(money)
    assert 1 < took < LONGEST_END
    [payment] = running.payments(claim.id)
    assert payment.authorization_url
    assert attempts(running) == 1


def test_a_call_that_takes_too_long_is_cut_off_and_made_again(running: Product) -> None:
    claim = running.till.hold(running.event)
    running.till.faults(hang=15.0, next={"initialize": ["timeout_after"]})
    money = running.main("money")
    claim.press_pay()
    in_hand(running, claim.id)
    assert end(money) < LONGEST_END
    assert not any(payment.authorization_url for payment in running.payments(claim.id))
    # It would come back by itself, 30 s after it was taken.
    running.till.database.execute("UPDATE outbox SET taken_until = now() WHERE done_at IS NULL")
    payment = claim.open_checkout(30)
    claim.at_checkout(payment, "pay")
    claim.wait(lambda: claim.state == "CONFIRMED")
    assert running.till.differences() == []


def test_the_beat_process_finishes_what_it_does_instead_of_the_workers(running: Product) -> None:
    claim = running.till.hold(running.event)
    beat = running.main("beat")
    log = running.folder / "log" / "beat.log"
    before = log.stat().st_size
    with frozen(running, "redis"):
        wait_until(lambda: "running money" in log.read_text()[before:], 10)
        running.till.faults(latency=2.0, next={"initialize": ["latency"]})
        claim.press_pay()
        in_hand(running, claim.id)
        assert end(beat) < LONGEST_END
        [payment] = running.payments(claim.id)
        assert payment.authorization_url
        assert attempts(running) == 1
    wait_until(running.ready, 30)


def test_every_program_ends_by_itself_within_ten_seconds_and_is_back(running: Product) -> None:
    crowd = Crowd(running.run, running.event, SECRET_KEY)
    crowd.start(joiners=2, buyers=1)
    programs = ("web", "beats-0", "beats-1", "money", "mail", "beat", "gateway", "mailbox")
    victims = {program: running.main(program) for program in programs}
    with ThreadPoolExecutor(len(victims)) as pool:
        took = dict(zip(victims, pool.map(end, victims.values()), strict=True))
    crowd.over.set()
    assert max(took.values()) < LONGEST_END, took
    wait_until(running.ready, 60)
    # Only the fans whose connection was refused, while no web worker was there, may complain.
    crowd.end()
    assert [words for words in crowd.wrong if "ClosedBeforeAnyByte" not in words] == []


def test_a_rolling_restart_under_load_fails_no_request(running: Product) -> None:
    before = {process.pid for process in leftovers.of_run(running.folder)}
    crowd = Crowd(running.run, running.event, SECRET_KEY)
    crowd.start(joiners=4, buyers=3)
    said: list[str] = []
    try:
        time.sleep(1)
        restart.restart(running.folder, said.append)
        time.sleep(1)
    finally:
        crowd.end()
    assert crowd.wrong == []
    for what in ("join again", "poll", "claim again", "claim page"):
        assert crowd.done[what] >= 20, crowd.done
    after = {process.pid for process in leftovers.of_run(running.folder)}
    # Web workers and jobs are new: 2 of the one, 5 of the other. The rest went on.
    assert len(before - after) >= 7, said
    second = "SELECT fan_id FROM claims GROUP BY fan_id HAVING count(*) > 1"
    assert running.till.rows(second) == []
    shared = "SELECT number FROM places GROUP BY event_id, number HAVING count(*) > 1"
    assert running.till.rows(shared) == []


def test_the_whole_ends_within_ten_seconds_in_the_middle_of_everything(running: Product) -> None:
    """The last test of this file: with fans in the line, and a call to a silent gateway."""
    crowd = Crowd(running.run, running.event, SECRET_KEY)
    crowd.start(joiners=3, buyers=2)
    claim = running.till.hold(running.event)
    running.till.faults(hang=15.0, next={"initialize": ["timeout_after"]})
    claim.press_pay()
    in_hand(running, claim.id)
    whole = running.main("web").parent().parent()
    assert end(whole) < LONGEST_END
    assert leftovers.of_run(running.folder) == []
    crowd.end()
    assert [words for words in crowd.wrong if "ClosedBeforeAnyByte" not in words] == []
    with product(running.folder, SECRET_KEY=SECRET_KEY):
        # Redis was ended as well, so the line is put back first, and is not looked at before.
        wait_until(lambda: audit(running.folder)["unchecked"] == [], 60)
        assert audit(running.folder)["violations"] == []
