"""What a fan's requests and their jobs cost, counted at the servers: Postgres by its own log of
statements, Redis by the reads of its clients."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import extensions
from app.domain.codes import code_of
from app.extensions import db
from app.services import catalogue, outbox, payments
from drill.counters import Counters
from jobs import wake
from sandbox import servers
from sandbox.paystack import shapes
from sandbox.paystack.desk import signature
from tests import factories
from tests.views import browsing
from tests.views.desk import Desk

Count = Callable[[Callable[[], Any]], tuple[int, int]]


@pytest.fixture
def count(
    app: Any,
    settings: Any,
    postgres: servers.Postgres,
    redis_server: servers.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Count]:
    """`count(work)`: round trips of work() to (Postgres, Redis). Wakes ring as in the product."""
    # What is cached for a second would be read again in the middle of a slow test.
    monkeypatch.setattr(catalogue, "_MAX_AGE_S", 3600.0)
    # The test's own rows are not to be read again either.
    db.session().expire_on_commit = False
    extensions.settings.bind(settings, wake.wake)
    (tmp_path / "log").mkdir()
    log = postgres.folder.parent / f"{postgres.folder.name}.log"
    (tmp_path / "log" / "postgres.log").symlink_to(log)
    run = {"database_url": settings.migrations_database_url, "redis_url": redis_server.url}
    counters = Counters(run, tmp_path)
    lanes = wake.client(settings.jobs_redis_url)

    def trips(work: Callable[[], Any]) -> tuple[int, int]:
        db.session.commit()
        # Nobody is awake yet, whatever came before: a whole ring is counted.
        wake._rang_at.clear()
        for lane in ("money", "mail"):
            lanes.delete(wake.waking_key(lane), f"rq:queue:{lane}")
        # Redis reads the end of a connection too, and an earlier test's may be thrown away late.
        gc.collect()
        with counters.counting() as found:
            work()
        return int(found[0].postgres), int(found[0].redis)

    with counters.logging():
        yield trips
    counters.close()
    extensions.settings.bind(settings, None)


def twice(count: Count, work: Callable[[int], Any]) -> tuple[int, int]:
    """The round trips of work(1), after work(0) has opened connections."""
    work(0)
    return count(lambda: work(1))


@pytest.fixture
def claims(client: FlaskClient, count: Count) -> list[Any]:
    """Three held claims, this browser's own one after the other."""
    event = factories.an_event()
    return [factories.a_claim(event, quantity=2) for _ in range(3)]


def as_its_fan(client: FlaskClient, claim: Any) -> str:
    browsing.as_fan(client, claim.fan_id)
    return f"/claims/{claim.reference}"


def test_a_claim_is_one_statement_between_two_scripts(app: Any, count: Count) -> None:
    event = factories.an_event()
    buyers = [factories.a_buyer(event) for _ in range(2)]
    browsers = [app.test_client() for _ in buyers]
    for browser, buyer in zip(browsers, buyers, strict=True):
        browsing.as_buyer(browser, buyer)

    def claim(n: int) -> None:
        answer = browsing.claim(browsers[n], event, email=buyers[n].email)
        assert answer.status_code == 303, answer.text

    assert twice(count, claim) == (1, 2)


@pytest.mark.parametrize(("headers", "status"), [({}, 303), ({"HX-Request": "true"}, 200)])
def test_pay_is_one_statement_and_a_ring(
    client: FlaskClient, claims: list[Any], count: Count, headers: Any, status: int
) -> None:
    def pay(n: int) -> None:
        answer = client.post(as_its_fan(client, claims[n]) + "/pay", headers=headers)
        assert answer.status_code == status

    postgres, redis = twice(count, pay)
    assert postgres == 1
    assert redis == 2


def test_a_ring_a_moment_after_another_costs_nothing(
    client: FlaskClient, claims: list[Any], count: Count
) -> None:
    for claim in claims[:2]:
        client.post(as_its_fan(client, claim) + "/pay")
    address = as_its_fan(client, claims[2]) + "/pay"

    def pay_after_a_ring() -> None:
        wake._rang_at["money"] = wake.clock.monotonic()
        client.post(address)

    assert count(pay_after_a_ring) == (1, 0)


def test_a_webhook_is_one_statement_and_a_ring(
    client: FlaskClient, count: Count, settings: Any
) -> None:
    def hear(n: int) -> None:
        body = json.dumps({"event": "charge.success", "data": {"id": n}}).encode()
        signed = {"X-Paystack-Signature": signature(body, settings.paystack_secret_key)}
        assert client.post("/webhooks/paystack", data=body, headers=signed).status_code == 200

    postgres, redis = twice(count, hear)
    assert postgres == 1
    assert redis == 2


def test_the_page_of_a_claim_is_one_statement(
    client: FlaskClient, claims: list[Any], count: Count
) -> None:
    def look(n: int) -> None:
        assert client.get(as_its_fan(client, claims[n])).status_code == 200

    assert twice(count, look) == (1, 0)


def test_a_payment_is_taken_and_its_answer_written_in_one_statement_each(
    bank: Any, claims: list[Any], count: Count
) -> None:
    """The third statement looks for more and finds nothing."""
    payments.pay(claims[0].reference)
    db.session.commit()
    outbox.deliver_once("money")
    payments.pay(claims[1].reference)
    assert count(lambda: outbox.deliver_once("money"))[0] == 3


def test_a_success_is_taken_and_fulfilled_in_one_statement_each(
    bank: Any, client: FlaskClient, claims: list[Any], count: Count, settings: Any
) -> None:
    """The third statement looks for more and finds nothing."""
    claim = claims[0]
    payments.pay(claim.reference)
    db.session.commit()
    outbox.deliver_once("money")
    bank.act(f"{claim.reference}-1", "pay")
    body = json.dumps(shapes.charge_event(bank.charge(f"{claim.reference}-1"))).encode()
    signed = {"X-Paystack-Signature": signature(body, settings.paystack_secret_key)}
    client.post("/webhooks/paystack", data=body, headers=signed)
    assert count(lambda: outbox.deliver_once("money"))[0] == 3
    db.session.refresh(claim)
    assert claim.state == "CONFIRMED"


def test_the_live_figures_of_an_organiser_are_two_statements_and_a_script(
    app: Any, count: Count
) -> None:
    """One statement to know who asks, one for everything else."""
    desk = Desk(app, "organiser")
    event = factories.an_event(organisation_id=desk.member.organisation_id)
    address = f"/organiser/events/{event.slug}/live"
    headers = {"HX-Request": "true"}
    assert twice(count, lambda n: desk.get(address, headers=headers)) == (2, 1)


def test_several_entries_are_taken_in_one_statement(claims: list[Any], count: Count) -> None:
    for claim in claims:
        payments.pay(claim.reference)
    taken: list[Any] = []
    assert count(lambda: taken.extend(outbox.take("money", 8)))[0] == 1
    assert [entry.facts["claim"] for entry in taken] == [claim.reference for claim in claims]


def test_asking_for_a_code_and_typing_it_is_one_statement_each(app: Any, count: Count) -> None:
    event = factories.an_event()
    browsers = [app.test_client() for _ in range(2)]
    path = f"/events/{event.slug}/verify"
    for browser in browsers:
        browsing.join(browser, event)

    def ask(n: int) -> None:
        answer = browsers[n].post(path, data={"email": f"ada{n}@example.com"})
        assert answer.status_code == 303

    def look(n: int) -> None:
        assert browsers[n].get(path).status_code == 200

    def prove(n: int) -> None:
        asked = browsing.cookie(browsers[n], f"fq_asked_{event.id}")
        assert asked is not None
        code = code_of(asked, extensions.settings.secret_key)
        assert browsers[n].post(path, data={"code": code}).status_code == 303

    for step, redis in ((ask, 2), (look, 0), (prove, 0)):
        postgres, asked = twice(count, step)
        assert (postgres, asked <= redis) == (1, True), step


def test_the_claim_form_is_one_statement(app: Any, count: Count) -> None:
    event = factories.an_event()
    buyers = [factories.a_buyer(event) for _ in range(2)]
    browsers = [app.test_client() for _ in buyers]
    for browser, buyer in zip(browsers, buyers, strict=True):
        browsing.as_buyer(browser, buyer)

    def look(n: int) -> None:
        assert browsers[n].get(f"/events/{event.slug}/claim").status_code == 200

    assert twice(count, look) == (1, 0)


def test_the_way_back_from_the_gateway_is_one_statement_and_a_ring(
    client: FlaskClient, claims: list[Any], count: Count
) -> None:
    for claim in claims[:2]:
        payments.pay(claim.reference)

    def come_back(n: int) -> None:
        assert client.get(as_its_fan(client, claims[n]) + "/return").status_code == 200

    postgres, redis = twice(count, come_back)
    assert postgres == 1
    assert redis == 2
