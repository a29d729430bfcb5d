"""The stand-in: a gateway with a checkout, signed webhooks and a memory of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI

from sandbox.paystack import desk as desk_module
from sandbox.paystack.desk import Desk, signature
from sandbox.paystack.ledger import Ledger
from sandbox.paystack.server import StandIn
from tests.money import DESCRIPTION, Checked

SECRET = "sk_test_of_this_file"


class Shop:
    """Hears webhooks; answers with the statuses it is given, then 200."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.heard.append((body, self.headers["x-paystack-signature"]))
                self.send_response(shop.statuses.pop(0) if shop.statuses else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/paystack"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in self.heard]

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + 5
        while len(self.heard) < count and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.heard) >= count


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def gateway(shop: Shop) -> Iterator[StandIn]:
    server = StandIn(SECRET, shop.url)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def http(gateway: StandIn, paystack_description: OpenAPI | None) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {SECRET}"}
    with httpx.Client(
        base_url=gateway.url, headers=headers, transport=Checked(paystack_description)
    ) as client:
        yield client


def opened(http: httpx.Client, reference: str = "R-1", **more: Any) -> str:
    """Initialize; the checkout's address."""
    order = {"email": "ada@example.com", "amount": 5000, "reference": reference, **more}
    answer = http.post("/transaction/initialize", json=order)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["authorization_url"])


def status(http: httpx.Client, reference: str = "R-1") -> str:
    return str(http.get(f"/transaction/verify/{reference}").json()["data"]["status"])


def test_every_operation_conforms_to_the_published_description(http):
    if not DESCRIPTION.exists():
        pytest.skip("Paystack's description does not lie beside this repository.")
    checkout = opened(http)
    id = http.get("/transaction/verify/R-1").json()["data"]["id"]
    assert http.get(f"/transaction/{id}").status_code == 200
    assert http.get("/transaction/1").status_code == 404
    httpx.post(f"{checkout}/pay")
    assert http.get(f"/transaction/{id}").status_code == 200
    assert http.get("/transaction/verify/R-1").status_code == 200
    refund = http.post("/refund", json={"transaction": "R-1"}).json()["data"]["id"]
    assert http.get(f"/refund/{refund}").status_code == 200
    assert http.get("/refund").status_code == 200
    http.headers["Authorization"] = "Bearer wrong"
    assert http.get("/refund").status_code == 401


def test_a_key_is_needed(gateway):
    answer = httpx.get(f"{gateway.url}/transaction/verify/R-1")
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid key")


def test_a_person_pays_and_comes_back_with_the_reference(http):
    checkout = opened(http, callback_url="http://shop.example/claims/X/return?a=b")
    page = httpx.get(checkout)
    for words in ("Pay with a good card", "is declined", "slow transfer", "Leave without paying"):
        assert words in page.text
    answer = httpx.post(f"{checkout}/pay")
    assert answer.status_code == 303
    assert answer.headers["Location"] == (
        "http://shop.example/claims/X/return?a=b&trxref=R-1&reference=R-1"
    )
    assert status(http) == "success"
    assert "This payment is done" in httpx.get(checkout).text


def test_nobody_pays_twice_on_one_checkout(http, gateway):
    checkout = opened(http)
    assert httpx.post(f"{checkout}/pay").status_code == 303
    assert httpx.post(f"{checkout}/pay").status_code == 409
    (charge,) = httpx.get(f"{gateway.url}/ledger").json()["transactions"]
    assert (charge["status"], charge["amount"]) == ("success", 5000)


def test_a_declined_card_may_be_followed_by_a_good_one(http):
    checkout = opened(http)
    answer = httpx.post(f"{checkout}/decline", follow_redirects=True)
    assert "declined" in answer.text
    assert status(http) == "failed"
    httpx.post(f"{checkout}/pay")
    assert status(http) == "success"


def test_leaving_pays_nothing(http):
    checkout = opened(http, callback_url="http://shop.example/")
    httpx.post(f"{checkout}/start")
    assert status(http) == "ongoing"
    assert httpx.post(f"{checkout}/leave").headers["Location"].startswith("http://shop.example/")
    assert status(http) == "abandoned"


def test_a_slow_transfer_arrives_by_itself(http, shop):
    checkout = opened(http)
    httpx.post(f"{checkout}/transfer", data={"takes": "0.3"})
    assert status(http) == "pending"
    shop.wait_for(1)
    assert status(http) == "success"
    assert shop.events()[0]["data"]["channel"] == "bank_transfer"


def test_a_success_is_posted_with_a_signature_over_its_bytes(http, shop):
    httpx.post(f"{opened(http)}/pay")
    shop.wait_for(1)
    body, given = shop.heard[0]
    assert given == signature(body, SECRET)
    event = json.loads(body)
    assert event["event"] == "charge.success"
    data = event["data"]
    assert (data["reference"], data["amount"], data["currency"]) == ("R-1", 5000, "NGN")


def test_a_webhook_is_posted_again_until_it_hears_200(http, shop, monkeypatch):
    monkeypatch.setattr(desk_module, "QUICK_WAIT", 0.05)
    shop.statuses = [500, 503, 404]
    httpx.post(f"{opened(http)}/pay")
    shop.wait_for(4)
    time.sleep(0.3)
    assert len(shop.heard) == 4
    assert len({body for body, _ in shop.heard}) == 1


def test_a_refund_moves_on_and_says_so(http, shop, gateway):
    gateway.desk.refund_takes = 0.1
    httpx.post(f"{opened(http)}/pay")
    made = http.post("/refund", json={"transaction": "R-1", "amount": 5000}).json()["data"]
    assert made["status"] == "pending"
    shop.wait_for(3)
    assert {event["event"] for event in shop.events()} == {
        "charge.success",
        "refund.pending",
        "refund.processed",
    }
    assert http.get(f"/refund/{made['id']}").json()["data"]["status"] == "processed"
    assert status(http) == "reversed"
    again = http.post("/refund", json={"transaction": "R-1", "amount": 5000})
    assert again.status_code == 400


def test_refunds_are_listed_by_page_and_date_newest_first(http, gateway):
    for n in range(3):
        httpx.post(f"{opened(http, f'R-{n}')}/pay")
        http.post("/refund", json={"transaction": f"R-{n}"})
    first = http.get("/refund", params={"perPage": "2", "page": "1"}).json()
    second = http.get("/refund", params={"perPage": "2", "page": "2"}).json()
    listed = [row["transaction_reference"] for row in first["data"] + second["data"]]
    assert listed == ["R-2", "R-1", "R-0"]
    assert (first["meta"]["total"], first["meta"]["pageCount"]) == (3, 2)
    later = http.get("/refund", params={"from": "2999-01-01T00:00:00Z"}).json()
    assert later["data"] == []


def test_the_books_outlive_the_process(tmp_path, shop):
    path = str(tmp_path / "ledger.db")
    desk = Desk(SECRET, "http://127.0.0.1:1/", Ledger(path))
    charge = desk.ledger.initialize({"email": "a@b.example", "amount": 5, "reference": "R"})
    desk.act(charge.access_code, "pay")
    desk.ledger.close()
    second = StandIn(SECRET, shop.url, ledger=path)
    second.start()
    try:
        assert second.desk.ledger.charge(reference="R").status == "success"
        shop.wait_for(1)
    finally:
        second.stop()


def test_faults_are_ordered_over_http_one_by_one(http, gateway):
    opened(http)
    url = f"{gateway.url}/faults"
    httpx.post(url, json={"next": {"verify": ["429", "garbage"]}, "retry_after": 3})
    limited = http.get("/transaction/verify/R-1")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")
    assert "it works" in http.get("/transaction/verify/R-1").text
    assert status(http) == "abandoned"
    assert httpx.post(url, json={"next": {"verify": ["plague"]}}).status_code == 422
    assert httpx.delete(url).status_code == 204


def test_faults_come_by_rate_and_the_same_seed_brings_the_same(gateway):
    faults = gateway.desk.faults
    faults.order({"rates": {"api": 0.5}, "seed": 7})
    first = [faults.pick("api", "verify") for _ in range(40)]
    faults.order({"seed": 7})
    assert [faults.pick("api", "verify") for _ in range(40)] == first
    assert 5 < sum(fault is not None for fault in first) < 35
    faults.clear()
    assert faults.pick("api", "verify") is None
