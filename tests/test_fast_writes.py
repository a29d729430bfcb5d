"""The short way of what writes answers as Flask does or leaves it to Flask, and does it once."""

from __future__ import annotations

import json
import re
from contextvars import Context
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app import clock, fast, fast_writes
from app.domain import errors
from app.domain.tokens import ClaimLink, FanToken, FormToken, PlaceToken, VisitorToken, new_id
from app.extensions import db, settings
from app.services import catalogue, claims, inbox, payments
from sandbox.paystack.desk import signature
from tests import factories

FORM = {"name": "Ada Obi", "phone": "", "quantity": "2", "form_key": "a-key-of-sixteen-letters"}


def ask(way: Any, path: str, body: bytes = b"", **headers: str | None) -> tuple[Any, ...]:
    """Status, headers and body of a POST, from a thread that knows no application."""
    said = {"Sec-Fetch-Site": "same-origin"} | headers
    said = {name: value for name, value in said.items() if value is not None}
    builder = EnvironBuilder(path=path, method="POST", data=body, headers=said)
    environ = builder.get_environ()
    builder.close()
    answer, status, found = Context().run(run_wsgi_app, way, environ)
    kept = sorted(h for h in found.items() if h[0] not in ("X-Request-Id", "Date"))
    assert len(found["X-Request-Id"]) == 16
    own = rb'(?<=<span class="ref">)[0-9a-f]{16}|(?<=name="form_key" value=")[^"]+'
    return status, kept, re.sub(own, b"", b"".join(answer))


def both_ways(app: Any, path: str, body: bytes = b"", **headers: str | None) -> tuple[bool, str]:
    """Ask the short way, then the long way and the short one again, and compare the answers:
    whether the short way answered itself, and the status."""
    layer = app.wsgi_app
    own: list[bool] = []

    def counted(environ: Any, start: Any) -> Any:
        own.append(False)
        return layer.long_way(environ, start)

    with pytest.MonkeyPatch.context() as patch:
        # A page that says to the second when it was made says the same in each.
        moment = clock.now()
        patch.setattr(catalogue, "moment", lambda _: moment)
        answers = [
            ask(way, path, body, **headers)
            for way in (fast.Fast(counted, *layer.short_ways), layer.long_way, layer)
        ]
    assert answers[1:] == answers[:1] * 2
    return not own, answers[0][0][:3]


class Till:
    """A fan whose turn it is."""

    def __init__(self, capacity: int = 100, **event: Any) -> None:
        self.event = factories.an_event(capacity=capacity, **event)
        self.buyer = factories.a_buyer(self.event)
        self.path = f"/events/{self.event.slug}/claim"
        token = self.buyer.pass_token
        key = settings.secret_key
        place = PlaceToken(token.event_id, token.epoch, token.place_id, token.number)
        self.cookies = {
            f"fq_place_{token.event_id}": place.sign(key),
            f"fq_pass_{token.event_id}": token.sign(key),
            "fq_fan": FanToken(self.buyer.fan_id).sign(key),
            "fq_visitor": VisitorToken(new_id()).sign(key),
        }
        catalogue.facts(self.event.slug)

    def claim(self, app: Any, *, without: str = "", **changes: str) -> tuple[bool, str]:
        form = FORM | {"email": self.buyer.email} | changes
        kept = "; ".join(
            f"{name}={value}" for name, value in self.cookies.items() if name != without
        )
        fields = urlencode({name: value for name, value in form.items() if name != without})
        kind = "application/x-www-form-urlencoded"
        return both_ways(app, self.path, fields.encode(), Cookie=kept, **{"Content-Type": kind})


@pytest.fixture(autouse=True)
def _facts_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow test is not to find the facts old, for which the short way leaves a request alone."""
    monkeypatch.setattr(catalogue, "_MAX_AGE_S", 3600.0)


def rows(table: str) -> int:
    db.session.rollback()
    return int(db.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def test_a_claim_is_made_once_and_answered_the_same(app: Any) -> None:
    assert Till().claim(app, name="Adé  Obi", phone="+234 803 123 4567") == (True, "303")
    assert db.session.execute(text("SELECT name, quantity FROM claims")).all() == [("Adé Obi", 2)]


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "9"},
        {"quantity": ""},
        {"name": ""},
        {"without": "fq_fan"},
        {"name": "x" * 20_000},
    ],
    ids=str,
)
def test_an_unusual_form_takes_the_long_way(app: Any, changes: dict[str, str]) -> None:
    assert not Till().claim(app, **changes)[0]
    assert rows("claims") == 0


@pytest.mark.parametrize("key", [None, "short"])
def test_a_form_that_nobody_could_repeat_takes_the_long_way(app: Any, key: str | None) -> None:
    till = Till()
    form = {name: value for name, value in FORM.items() if name != "form_key"}
    body = urlencode(form if key is None else form | {"form_key": key}).encode()
    cookie = "; ".join(f"{name}={value}" for name, value in till.cookies.items())
    asked = partial(ask, path=till.path, body=body, Cookie=cookie)
    nobody = fast.Fast(lambda *_: [b"Flask"], *app.wsgi_app.short_ways)
    environ = EnvironBuilder(path=till.path, method="POST", data=body).get_environ()
    environ |= {"CONTENT_TYPE": fast_writes.FORM, "HTTP_COOKIE": cookie}
    environ["HTTP_SEC_FETCH_SITE"] = "same-origin"
    assert list(nobody(environ, lambda *_: None)) == [b"Flask"]
    assert rows("claims") == 0
    assert asked(app.wsgi_app, **{"Content-Type": fast_writes.FORM})[0] == "303 SEE OTHER"
    assert rows("claims") == 1


def refused_by_postgres(sql: str) -> Till:
    till = Till()
    db.session.execute(text(sql))
    db.session.commit()
    return till


@pytest.mark.parametrize(
    ("make", "changes", "status"),
    [
        (partial(Till, capacity=1), {}, "409"),
        (partial(Till), {"email": "other@example.com"}, "422"),
        (partial(refused_by_postgres, "UPDATE events SET state = 'closed'"), {}, "409"),
        (partial(refused_by_postgres, "UPDATE places SET turn = turn + 1"), {}, "403"),
        (partial(refused_by_postgres, "UPDATE tickets SET claim_id = NULL WHERE FALSE"), {}, "303"),
    ],
)
def test_what_is_refused_is_worded_by_flask_and_not_asked_twice(
    app: Any, monkeypatch: pytest.MonkeyPatch, make: Any, changes: dict[str, str], status: str
) -> None:
    till, asked, whole = make(), [], claims.claim

    def noted(*values: Any) -> str:
        asked.append(values)
        return whole(*values)

    monkeypatch.setattr(claims, "claim", noted)
    assert till.claim(app, **changes) == (status == "303", status)
    # Three ways were asked, and each asked the service once.
    assert len(asked) == 3


def test_too_many_claims_at_once_are_refused_the_same(app: Any, monkeypatch: Any) -> None:
    till = Till()
    monkeypatch.setattr(settings, "claims_at_once", 0)
    assert till.claim(app) == (False, "503")


def test_a_fault_after_the_effect_makes_one_claim(
    app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    till = Till()

    def faulty(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(fast_writes, "made", faulty)
    assert till.claim(app) == (False, "303")
    assert rows("claims") == 1
    assert "the short way failed" in caplog.text


@pytest.mark.parametrize("key", ["fq_place", "fq_pass"])
def test_a_forged_cookie_takes_the_long_way(app: Any, key: str) -> None:
    till = Till()
    name = f"{key}_{till.event.id}"
    till.cookies[name] = till.cookies[name][:-1] + "!"
    assert till.claim(app) == (False, "403")
    assert rows("claims") == 0


def test_another_site_claims_and_pays_nothing(app: Any) -> None:
    till = Till()
    claim = factories.a_claim(till.event)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        for path in (till.path, f"/claims/{claim.reference}/pay", "/webhooks/paystack"):
            short, status = both_ways(app, path, b"", **headers)
            assert not short
            assert status in ("400", "401", "403")
    assert (rows("claims"), rows("payments"), rows("inbox")) == (1, 0, 0)


def test_a_browser_that_does_not_say_who_asks_needs_the_token_of_its_form(app: Any) -> None:
    till = Till()
    visitor = VisitorToken.read(till.cookies["fq_visitor"], settings.secret_key)
    assert visitor is not None
    cookie = "; ".join(f"{name}={value}" for name, value in till.cookies.items())
    claim = factories.a_claim(till.event)
    link = ClaimLink(claim.reference).sign(settings.secret_key)
    cookie += f"; fq_claim_{claim.reference}={link}"
    own = FormToken(visitor.visitor).sign(settings.secret_key)
    fields = FORM | {"email": till.buyer.email}
    for path, form in ((till.path, fields), (f"/claims/{claim.reference}/pay", {})):
        for token, answer in (
            ("", (False, "403")),
            (FormToken(new_id()).sign(settings.secret_key), (False, "403")),
            (visitor.sign(settings.secret_key), (False, "403")),
            (own, (True, "303")),
        ):
            body = urlencode(form | {"form_token": token}).encode()
            kind = {"Content-Type": fast_writes.FORM, "Sec-Fetch-Site": None}
            assert both_ways(app, path, body, Cookie=cookie, **kind) == answer
    assert (rows("claims"), rows("payments")) == (2, 1)


def test_a_body_that_ends_early_is_no_claim(app: Any) -> None:
    till = Till()
    environ = EnvironBuilder(path=till.path, method="POST", data=b"name=Ada").get_environ()
    environ["CONTENT_LENGTH"] = "500"
    environ["CONTENT_TYPE"] = fast_writes.FORM
    assert fast_writes.form_of(environ) is None
    assert environ["wsgi.input"].read() == b"name=Ada"


def test_a_body_in_pieces_is_read_whole() -> None:
    class InPieces(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(3, size or 0))

    environ = {"CONTENT_LENGTH": "10", "wsgi.input": InPieces(b"0123456789")}
    assert fast_writes.body_of(environ) == b"0123456789"
    assert environ["wsgi.input"].read() == b"0123456789"  # type: ignore[attr-defined]


# -- paying


def held(**claim: Any) -> tuple[Any, dict[str, str]]:
    found = factories.a_claim(factories.an_event(), quantity=2, **claim)
    return found, {"Cookie": f"fq_fan={FanToken(found.fan_id).sign(settings.secret_key)}"}


def test_paying_is_answered_the_same_and_opens_one_payment(app: Any) -> None:
    claim, fan = held()
    path = f"/claims/{claim.reference}/pay"
    assert both_ways(app, path, **fan) == (True, "303")
    link = ClaimLink(claim.reference).sign(settings.secret_key)
    assert both_ways(app, path, Cookie=f"fq_claim_{claim.reference}={link}") == (True, "303")
    assert rows("payments") == 1


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("quantity", [1, 2])
def test_with_htmx_the_fragment_is_filled_in_for_each(
    app: Any, monkeypatch: pytest.MonkeyPatch, language: str, quantity: int
) -> None:
    event = factories.an_event()
    now = catalogue.moment(catalogue.facts(event.slug))
    # Both ways at one moment, or they would tell different seconds.
    monkeypatch.setattr(catalogue, "moment", lambda _: now)
    until = [now + timedelta(seconds=seconds) for seconds in (300, 3600, 59)]
    names = ["Ada Obi", "<b>O'Neil</b> & \\1 %00until%00", "Adé"]
    held = [
        factories.a_claim(event, quantity, name=name, held_until=moment)
        for name, moment in zip(names, until, strict=True)
    ]
    for claim in held:
        fan = f"fq_fan={FanToken(claim.fan_id).sign(settings.secret_key)}"
        asked = {"Cookie": fan, "HX-Request": "true", "Accept-Language": language}
        short, status = both_ways(app, f"/claims/{claim.reference}/pay", **asked)
        # The first one is rendered, and kept for those of its size.
        assert (short, status) == (claim is not held[0], "200")
    assert rows("payments") == 3


def test_with_htmx_what_has_more_to_say_is_rendered(app: Any) -> None:
    claim, fan = held()
    path, htmx = f"/claims/{claim.reference}/pay", {"HX-Request": "true"}
    both_ways(app, path, **fan, **htmx)
    assert both_ways(app, path, **fan, **htmx)[0]
    claim.extended_at = claim.created_at
    db.session.commit()
    assert not both_ways(app, path, **fan, **htmx)[0]
    assert both_ways(app, path, **fan, **htmx)[0]
    db.session.execute(text("UPDATE payments SET state = 'FAILED'"))
    db.session.commit()
    assert not both_ways(app, path, **fan, **htmx)[0]
    assert rows("payments") == 2
    catalogue.forget(catalogue.facts_by_id(claim.event_id).slug)
    assert not both_ways(app, path, **fan, **{"HX-Request": "yes"})[0]


@pytest.mark.parametrize("state", ["CONFIRMED", "EXPIRED", "RELEASED"])
def test_what_cannot_be_paid_is_said_by_flask_and_asked_once(
    app: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    claim, fan = held(state=state)
    asked, whole = [], payments.store.pay_claim
    monkeypatch.setattr(
        payments.store, "pay_claim", lambda *values: (asked.append(values), whole(*values))[1]
    )
    assert both_ways(app, f"/claims/{claim.reference}/pay", **fan) == (False, "409")
    assert len(asked) == 3


def test_a_strangers_claim_cannot_be_paid(app: Any) -> None:
    claim, _ = held()
    other = {"Cookie": f"fq_fan={FanToken(10**9).sign(settings.secret_key)}"}
    path = f"/claims/{claim.reference}/pay"
    assert both_ways(app, path, **other) == (False, "403")
    assert both_ways(app, path) == (False, "403")
    assert both_ways(app, "/claims/FQ-0000-0000-00/pay", **other) == (False, "404")
    assert both_ways(app, path.lower().replace("/claims/fq", "/claims/FQ"), **other)[0] is False
    assert rows("payments") == 0


def test_the_way_to_a_gateway_that_has_named_it_is_flasks(app: Any) -> None:
    claim, fan = held()
    factories.a_payment(claim, state="PENDING", authorization_url="https://pay.example/x y")
    for more in ({}, {"HX-Request": "true"}):
        assert not both_ways(app, f"/claims/{claim.reference}/pay", **fan, **more)[0]
    assert rows("payments") == 1


# -- webhooks


def test_a_webhook_is_kept_once_and_answered_the_same(app: Any) -> None:
    for body in (json.dumps({"event": "charge.success", "data": {"id": 1}}).encode(), b"{"):
        signed = {"X-Paystack-Signature": signature(body, settings.paystack_secret_key)}
        for kind in ("application/json", fast_writes.FORM):
            headers = {"Content-Type": kind, "Origin": "https://api.paystack.co"}
            answer = both_ways(app, "/webhooks/paystack", body, **signed, **headers)
            assert answer == (True, "200")
    assert rows("inbox") == 2


def test_a_webhook_that_is_refused_is_worded_by_flask_and_asked_once(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def away(body: bytes, _: str | None) -> None:
        asked.append(body)
        raise errors.StoreUnavailable

    assert both_ways(app, "/webhooks/paystack", b"{}") == (False, "401")
    monkeypatch.setattr(inbox, "receive", away)
    assert both_ways(app, "/webhooks/paystack", b"{}") == (False, "503")
    assert asked == [b"{}"] * 3
    long = b"x" * (64 * 1024 + 1)
    assert both_ways(app, "/webhooks/paystack", long) == (False, "413")


def test_other_addresses_are_flasks(app: Any) -> None:
    for path in (
        "/webhooks/paystack/",
        "/webhooks/other",
        "/webhooks/paystack?x=1",
        "/claims",
        "//",
    ):
        assert not both_ways(app, path)[0], path


def test_both_ways_count_alike(app: Any) -> None:
    till = Till()
    labels = {"endpoint": "claims.make", "method": "POST", "status": "303"}
    before = REGISTRY.get_sample_value("fairqueue_requests_count", labels) or 0
    assert till.claim(app)[0]
    assert REGISTRY.get_sample_value("fairqueue_requests_count", labels) == before + 3
