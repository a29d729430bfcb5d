"""The stand-in gateway for tests, with every call checked against Paystack's own description."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import yaml
from flask import Flask
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from sqlalchemy import text
from werkzeug.datastructures import Headers, ImmutableMultiDict

from sandbox.paystack.server import StandIn

DESCRIPTION = Path(__file__).parents[2] / "shared" / "paystack" / "openapi.yaml"
SERVER = "https://api.paystack.co"


class Told:
    """A request as openapi-core wants it."""

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = SERVER
        self.path = request.url.path
        self.method = request.method.lower()
        self.body = request.content or None
        self.content_type = request.headers.get("Content-Type", "")
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(request.url.query.decode())),
            header=Headers(list(request.headers.items())),
        )


class Answered:
    """A response as openapi-core wants it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status_code = response.status_code
        self.headers = Headers(list(response.headers.items()))
        self.content_type = response.headers.get("Content-Type", "")
        self.data = response.content


class Checked(httpx.BaseTransport):
    """Passes calls on and checks question and answer against the description, where it is there.

    `calls` lists (method, path); `before` and `after` are called around the gateway's part.
    """

    def __init__(self, description: OpenAPI | None) -> None:
        self.description = description
        self.calls: list[tuple[str, str]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append((request.method, request.url.path))
        self.before()
        response = self._inner.handle_request(request)
        response.read()
        self.after()
        # A fault that was ordered breaks the description on purpose.
        if self.description is not None and "X-Fault" not in response.headers:
            self.description.validate_request(Told(request))
            self.description.validate_response(Told(request), Answered(response))
        return response

    def count(self, method: str, path: str) -> int:
        return sum(call[0] == method and call[1].startswith(path) for call in self.calls)


@pytest.fixture(scope="session")
def paystack_description() -> OpenAPI | None:
    """Paystack's own description, or None where it does not lie beside the repository."""
    if not DESCRIPTION.exists():
        return None
    return OpenAPI.from_dict(yaml.safe_load(DESCRIPTION.read_text()))


@pytest.fixture(scope="session")
def stand_in_server(settings: Any) -> Iterator[StandIn]:
    server = StandIn(settings.paystack_secret_key)
    server.start()
    yield server
    server.stop()


class Bank:
    """The stand-in as a test uses it."""

    def __init__(self, server: StandIn, transport: Checked) -> None:
        self.server = server
        self.desk = server.desk
        self.ledger = server.desk.ledger
        self.transport = transport

    def order(self, **wanted: list[str]) -> None:
        """Order faults for the next calls: order(initialize=["429"])."""
        self.desk.faults.order({"next": wanted})

    def act(self, payment_reference: str, action: str, takes: float | None = None) -> Any:
        """What the fan does at the checkout of a payment."""
        charge = self.ledger.charge(reference=payment_reference)
        assert charge is not None, f"the gateway never heard of {payment_reference}"
        return self.desk.act(charge.access_code, action, takes)

    def charge(self, payment_reference: str) -> Any:
        return self.ledger.charge(reference=payment_reference)


@pytest.fixture
def bank(
    app: Flask, settings: Any, stand_in_server: StandIn, paystack_description: OpenAPI | None
) -> Iterator[Bank]:
    """A gateway with empty books; the application talks to it. No webhook leaves it by itself."""
    from app.gateway import client

    transport = Checked(paystack_description)
    stand_in_server.desk.ledger.forget()
    stand_in_server.desk.faults.clear()
    # Refunds move when a test says so.
    stand_in_server.desk.refund_takes = 3600.0
    stand_in_server.desk.faults.order({"hang": 1.0, "latency": 0.1, "retry_after": 7})
    client.bind(
        dataclasses.replace(settings, paystack_url=stand_in_server.url, gateway_timeout=0.5),
        transport,
    )
    yield Bank(stand_in_server, transport)
    client.bind(settings)


@pytest.fixture
def deliver(app: Flask) -> Callable[..., int]:
    """`deliver()`: the money lane until nothing is due; `deliver(hurry=True)` does not wait for
    what is to be tried again later."""
    from app.extensions import db
    from app.services import outbox

    def run(lane: str = "money", hurry: bool = False) -> int:
        if hurry:
            db.session.execute(text("UPDATE outbox SET due_at = now() WHERE done_at IS NULL"))
        # What the test has read is no transaction of the services, which must have none now.
        db.session.commit()
        return outbox.deliver_once(lane)

    return run
