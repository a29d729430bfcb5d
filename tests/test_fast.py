"""The short way answers as Flask does, or leaves it to Flask."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app import fast
from app.domain.errors import StoreUnavailable
from app.domain.tokens import PassToken, PlaceToken, VisitorToken, new_id
from app.extensions import db, settings
from app.line import verbs
from app.line.client import line_client
from app.services import (
    admission,
    catalogue,
    journal,
    line,
    pictures,
    removals,
    standing,
    telling,
)
from app.store import marks
from tests.factories import a_claim, a_fan, an_admitted_place, an_event, an_id, utc_now

RATE = 6_000_000
LINE = 700


@dataclass
class Fan:
    """A place, or what a browser shows instead of one, and whether the short way knows it all."""

    slug: str
    token: PlaceToken | PassToken
    short: bool = True
    key: str | None = None

    def cookie(self) -> str:
        signed = self.token.sign(self.key or settings.secret_key)
        name = f"fq_place_{catalogue.facts(self.slug).id}"
        return f"fq_visitor={VISITOR.sign(settings.secret_key)}; {name}={signed}"


VISITOR = VisitorToken(new_id())


def fill(event: Any, count: int) -> list[PlaceToken]:
    event_id = event.id
    db.session.rollback()
    places = [verbs.join(event_id, 1, an_id(), new_id()) for _ in range(count)]
    forget()
    return [PlaceToken(event_id, 1, place, number) for place, number in places]


def forget() -> None:
    catalogue.forget_all()
    line.forget_all()
    line_client.forgive()


def far_back() -> Fan:
    event = an_event(admit_per_minute=60)
    return Fan(event.slug, fill(event, LINE)[-1])


def near_the_head() -> Fan:
    event = an_event(message="Bring a coat.", message_at=utc_now())
    return Fan(event.slug, fill(event, 30)[20])


def next_one() -> Fan:
    event = an_event()
    return Fan(event.slug, fill(event, 1)[0])


def before() -> Fan:
    event = an_event(sale_starts_at=utc_now() + timedelta(hours=2))
    return Fan(event.slug, fill(event, 1)[0])


def paused() -> Fan:
    event = an_event(state="paused")
    return Fan(event.slug, fill(event, LINE)[-1])


def admitted() -> Fan:
    event = an_event(admit_per_minute=RATE)
    token = fill(event, 1)[0]
    admission.admit_once()
    return Fan(event.slug, token)


def none_free() -> Fan:
    fan = claimed_by_others()
    forget()
    return fan


def sold_out() -> Fan:
    fan = claimed_by_others()
    db.session.execute(text("UPDATE claims SET state = 'CONFIRMED'"))
    db.session.commit()
    forget()
    return fan


def claimed_by_others() -> Fan:
    event = an_event(capacity=2)
    token = fill(event, 1)[0]
    buyer = a_fan()
    a_claim(event, 2, buyer, place=an_admitted_place(event, buyer, state="used", number=99))
    return Fan(event.slug, token)


def closed() -> Fan:
    fan = next_one()
    db.session.execute(text("UPDATE events SET state = 'closed'"))
    db.session.commit()
    forget()
    return Fan(fan.slug, fan.token, short=False)


def closed_far_back() -> Fan:
    fan = far_back()
    line.status(fan.slug, fan.token)
    db.session.execute(text("UPDATE events SET state = 'closed'"))
    db.session.commit()
    forget()
    return fan


def suspended() -> Fan:
    fan = near_the_head()
    decided(fan)
    return Fan(fan.slug, fan.token, short=False)


def removed() -> Fan:
    fan = suspended()
    removals.appeal(catalogue.facts(fan.slug), fan.token, "I queue with my class.")
    decided(fan)
    return fan


def decided(fan: Fan) -> None:
    """Staff want the place to go."""
    facts = catalogue.facts(fan.slug)
    db.session.execute(
        text(
            "INSERT INTO places (id, event_id, number, epoch, joined_at)"
            " VALUES (:id, :event_id, :number, 1, now()) ON CONFLICT DO NOTHING"
        ),
        {"id": fan.token.place_id, "event_id": facts.id, "number": fan.token.number},
    )
    db.session.commit()
    marks.decide(facts.id, [fan.token.place_id], True, "Many of one hand.", 600.0, "system")
    verbs.end_place(facts.id, 1, fan.token.place_id)
    forget()


def left() -> Fan:
    fan = near_the_head()
    line.leave(fan.slug, fan.token)
    return fan


def overdue() -> Fan:
    event = an_event(admit_per_minute=RATE, pass_seconds=1)
    token = fill(event, 1)[0]
    admission.admit_once()
    sleep(1.1)
    return Fan(event.slug, token)


def expired() -> Fan:
    event = an_event(admit_per_minute=RATE, pass_seconds=1)
    token = fill(event, 1)[0]
    admission.admit_once()
    sleep(1.1)
    admission.admit_once()
    return Fan(event.slug, token)


def merged() -> Fan:
    event = an_event()
    loser, winner = fill(event, 2)
    journal.journal_once()
    db.session.execute(
        text("UPDATE places SET state = 'merged', merged_into = :into WHERE id = :id"),
        {"into": winner.place_id, "id": loser.place_id},
    )
    db.session.commit()
    verbs.end_place(event.id, 1, loser.place_id)
    return Fan(event.slug, loser, short=False)


def claimed() -> Fan:
    event = an_event()
    buyer = a_fan()
    place = an_admitted_place(event, buyer, state="used", number=7)
    a_claim(event, 1, buyer, place=place)
    return Fan(event.slug, PlaceToken(event.id, 1, place.id, 7), short=False)


def lost_and_found() -> Fan:
    """Of an older life of the line: the browser gets a new signature."""
    event = an_event()
    token = fill(event, 1)[0]
    return Fan(event.slug, PlaceToken(token.event_id, 0, token.place_id, token.number))


def forged() -> Fan:
    fan = near_the_head()
    return Fan(fan.slug, fan.token, short=False, key="another secret key altogether")


def of_another_event() -> Fan:
    other = near_the_head()
    return Fan(an_event().slug, other.token, short=False)


def a_pass_for_a_place() -> Fan:
    event = an_event()
    return Fan(event.slug, PassToken(event.id, 1, an_id(), 1, 0, 2**45), short=False)


STATES = [
    far_back,
    near_the_head,
    next_one,
    before,
    paused,
    admitted,
    none_free,
    sold_out,
    closed,
    closed_far_back,
    left,
    suspended,
    removed,
    overdue,
    expired,
    merged,
    claimed,
    lost_and_found,
    forged,
    of_another_event,
    a_pass_for_a_place,
]
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
PACKED = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling.random, "random", lambda: 0.5)


def ask(way: Any, method: str, path: str, headers: dict[str, str]) -> tuple[Any, ...]:
    """Status, headers and body, from a thread that knows no application."""
    builder = EnvironBuilder(path=path, method=method, headers=headers)
    environ = builder.get_environ()
    builder.close()
    body, status, found = Context().run(run_wsgi_app, way, environ)
    kept = sorted(h for h in found.items() if h[0] not in ("X-Request-Id", "Date"))
    assert len(found["X-Request-Id"]) == 16
    # Two moments are never the same, nor are two requests.
    number = rb'(?<="request_id":")[0-9a-f]{16}|(?<=<span class="ref">)[0-9a-f]{16}'
    own = rb'(?<="updated_at":")[^"]*|' + number
    answer = b"".join(body)
    if found.get("Content-Encoding") == "gzip":
        answer = gzip.decompress(answer)
    return status, kept, re.sub(own, b"", answer)


def without_length(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    status, found, body = answer
    return status, [header for header in found if header[0] != "Content-Length"], body


def both_ways(app: Any, method: str, path: str, headers: dict[str, str]) -> bool:
    """Ask both ways and compare; whether the short way answered itself."""
    layer = app.wsgi_app
    assert isinstance(layer, fast.Fast)
    for attempt in range(4):
        long = ask(layer.long_way, method, path, headers)
        own: list[bool] = []

        def counted(environ: Any, start: Any, own: list[bool] = own) -> Any:
            own.append(False)
            return layer.long_way(environ, start)

        short = ask(fast.Fast(counted, *layer.short_ways), method, path, headers)
        if ("Content-Encoding", "gzip") in long[1]:
            # A frame in which few holes are left is packed in another way.
            long, short = without_length(long), without_length(short)
        # The clock may have turned between the two, and the facts been renewed.
        if long == short and (not own or attempt):
            return not own
    assert short == long
    return not own


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize(
    "headers", [HTMX, JSON, {}, HTMX | PACKED], ids=["htmx", "json", "plain", "packed"]
)
def test_a_poll_is_answered_the_same_both_ways(
    app: Any, state: Callable[[], Fan], headers: dict[str, str]
) -> None:
    fan = state()
    path = f"/events/{fan.slug}/line/status"
    assert both_ways(app, "GET", path, headers | {"Cookie": fan.cookie()}) is fan.short


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("headers", [{}, PACKED], ids=["plain", "packed"])
def test_the_waiting_page_is_the_same_both_ways(
    app: Any, state: Callable[[], Fan], headers: dict[str, str]
) -> None:
    fan = state()
    cookie = {"Cookie": fan.cookie()}
    for query in ("", "?lang=fr"):
        both_ways(app, "GET", f"/events/{fan.slug}/line{query}", headers | cookie)


def test_the_waiting_page_needs_no_flask_for_most_who_wait(app: Any) -> None:
    for state in (far_back, near_the_head, before, paused, admitted, none_free, sold_out):
        fan = state()
        path, cookie = f"/events/{fan.slug}/line", {"Cookie": fan.cookie()}
        assert both_ways(app, "GET", path, cookie), state
        assert both_ways(app, "GET", path + "?lang=fr", cookie | PACKED), state
        for unusual in ("?still=1", "?lang=xx"):
            assert not both_ways(app, "GET", path + unusual, cookie)
        assert not both_ways(app, "HEAD", path, cookie)
        assert not both_ways(app, "GET", path, cookie | HTMX)


def test_a_browser_that_nobody_has_seen_is_given_its_cookie_both_ways(app: Any) -> None:
    path = f"/events/{near_the_head().slug}/line"
    layer = app.wsgi_app
    for query in ("", "?lang=fr"):
        answers = [ask(way, "POST", path + query, {}) for way in (layer, layer.long_way)]
        shapes = [
            (status, [(name, re.sub("fq_visitor=[^;]+", "", value)) for name, value in found], body)
            for status, found, body in answers
        ]
        assert shapes[0] == shapes[1]
        assert shapes[0][0] == "307 TEMPORARY REDIRECT"
    assert not both_ways(app, "POST", path + "?c=1", {})


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_event_page_is_the_same_both_ways(app: Any, state: Callable[[], Fan]) -> None:
    path = f"/events/{state().slug}"
    packed = {"Accept-Encoding": "gzip, deflate, br"}
    for headers in ({}, packed, {"Accept-Encoding": "gzip;q=0"}, {"Cookie": "fq_lang=fr"}):
        assert both_ways(app, "GET", path, headers)
        etag = dict(ask(app.wsgi_app, "GET", path, headers)[1])["ETag"]
        assert ask(app.wsgi_app, "GET", path, headers | {"If-None-Match": etag})[0][:3] == "304"
        assert both_ways(app, "GET", path, headers | {"If-None-Match": etag})


@pytest.mark.parametrize("state", [far_back, near_the_head, admitted, none_free])
def test_every_language_is_answered_the_same_both_ways(app: Any, state: Callable[[], Fan]) -> None:
    fan = state()
    path, cookie = f"/events/{fan.slug}", fan.cookie()
    for headers in (
        HTMX | {"Cookie": cookie, "Accept-Language": "fr-FR,en;q=0.1"},
        HTMX | {"Cookie": f"{cookie}; fq_lang=fr"},
        HTMX | {"Cookie": f"{cookie}; fq_lang=xx", "Accept-Language": "en"},
        JSON | {"Cookie": f"{cookie}; fq_lang=fr"},
    ):
        assert both_ways(app, "GET", f"{path}/line/status", headers)
    for query in ("?lang=fr", "?lang=en", "?utm=x"):
        assert both_ways(app, "GET", path + query, {})
    for query in ("?lang=xx", "?utm=x&lang=fr"):
        assert not both_ways(app, "GET", path + query, {})
    new = {"Cookie": f"fq_visitor={VisitorToken(new_id()).sign(settings.secret_key)}"}
    for query in ("?lang=fr", "?lang=fr&c=1", "?lang=en"):
        assert both_ways(app, "POST", f"{path}/line{query}", new)
    assert not both_ways(app, "POST", f"{path}/line?lang=xx", new)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_joining_is_answered_the_same_both_ways(app: Any, state: Callable[[], Fan]) -> None:
    fan = state()
    path = f"/events/{fan.slug}/line"
    over = catalogue.facts(fan.slug).state == "closed"
    new = {"Cookie": f"fq_visitor={VisitorToken(new_id()).sign(settings.secret_key)}"}
    assert both_ways(app, "POST", path, new) is not over
    assert both_ways(app, "POST", path + "?c=1", new) is not over
    # Who shows a place is asked about it the long way; a forged one is none.
    both_ways(app, "POST", path, {"Cookie": fan.cookie()})


def test_what_is_unusual_takes_the_long_way(app: Any) -> None:
    fan = near_the_head()
    page, cookie = f"/events/{fan.slug}", {"Cookie": fan.cookie()}
    visitor = {"Cookie": f"fq_visitor={VISITOR.sign(settings.secret_key)}"}
    assert both_ways(app, "GET", page, {})
    for method, path, headers in [
        ("HEAD", page, {}),
        ("GET", page, {"Range": "bytes=0-9"}),
        ("GET", page, {"If-None-Match": '"other"'}),
        ("GET", page, {"If-None-Match": "*"}),
        ("GET", page + "/", {}),
        ("GET", "/events/nothing", {}),
        ("GET", "/", {}),
        ("GET", page + "/line", {}),
        ("HEAD", page + "/line/status", cookie),
        ("GET", page + "/line/status", cookie | {"Accept": "text/html;q=0.1, application/json"}),
        ("GET", page + "/line/status", {}),
        ("POST", page + "/line", visitor | {"Sec-Fetch-Site": "cross-site"}),
        ("POST", page + "/line", visitor | {"Origin": "https://evil.example"}),
        ("POST", page, visitor),
        ("GET", page, {"Host": "evil.example"}),
        ("GET", page + "/line/status", cookie | {"Host": "evil.example"}),
        ("POST", page + "/line", visitor | {"Host": "evil.example"}),
    ]:
        assert not both_ways(app, method, path, headers), (method, path, headers)


def test_redis_away_is_told_the_same_both_ways(app: Any, mortal_redis: Any) -> None:
    event = an_event()
    tokens = fill(event, LINE)
    line.status(event.slug, tokens[0])
    mortal_redis.kill()
    sleep(pictures._MAX_AGE_S + 0.1)
    path = f"/events/{event.slug}/line/status"
    for index, short in ((LINE - 1, True), (3, False)):
        fan = Fan(event.slug, tokens[index])
        assert both_ways(app, "GET", path, HTMX | {"Cookie": fan.cookie()}) is short
        answer = ask(app.wsgi_app, "GET", path, HTMX | {"Cookie": fan.cookie()})
        assert b"Your place is safe" in answer[2]
    new = {"Cookie": f"fq_visitor={VisitorToken(new_id()).sign(settings.secret_key)}"}
    assert not both_ways(app, "POST", f"/events/{event.slug}/line", new)


def test_postgres_away_is_told_the_same_both_ways(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fan = far_back()
    line.status(fan.slug, fan.token)

    def away(*_: Any) -> Any:
        raise StoreUnavailable

    for module in (catalogue, standing):
        monkeypatch.setattr(module, "autocommit_engine", away)
    sleep(1.1)
    path = f"/events/{fan.slug}/line/status"
    assert both_ways(app, "GET", path, HTMX | {"Cookie": fan.cookie()})
    assert both_ways(app, "GET", f"/events/{fan.slug}", {})


def test_a_fault_in_the_short_way_reaches_no_fan(
    app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fan = near_the_head()

    def faulty(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(fast.line, "glance", faulty)
    monkeypatch.setattr(line, "glance", lambda *_: None)
    path = f"/events/{fan.slug}/line/status"
    headers = HTMX | {"Cookie": fan.cookie()}
    ask(app.wsgi_app.long_way, "GET", path, headers)
    monkeypatch.setattr(fast, "poll", faulty)
    monkeypatch.setitem(fast.ASKED, ("GET", "line/status"), faulty)
    assert ask(app.wsgi_app, "GET", path, headers)[0] == "200 OK"
    assert "the short way failed" in caplog.text


def test_both_ways_count_alike(app: Any) -> None:
    fan = near_the_head()
    headers = HTMX | {"Cookie": fan.cookie()}

    def counted() -> float:
        labels = {"endpoint": "line.status", "method": "GET", "status": "200"}
        return REGISTRY.get_sample_value("fairqueue_requests_count", labels) or 0

    path = f"/events/{fan.slug}/line/status"
    start = counted()
    ask(app.wsgi_app.long_way, "GET", path, headers)
    ask(app.wsgi_app, "GET", path, headers)
    ask(app.wsgi_app, "GET", path, headers)
    assert counted() == start + 3


def test_a_warm_poll_far_back_asks_nobody(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fan = far_back()
    path, headers = f"/events/{fan.slug}/line/status", HTMX | {"Cookie": fan.cookie()}
    ask(app.wsgi_app, "GET", path, headers)
    asked: list[str] = []
    whole = line_client.run

    def noted(name: str, *rest: Any) -> Any:
        asked.append(name)
        return whole(name, *rest)

    monkeypatch.setattr(line_client, "run", noted)
    monkeypatch.setattr(catalogue, "autocommit_engine", None)
    monkeypatch.setattr(pictures, "_MAX_AGE_S", 60)
    assert both_ways(app, "GET", path, headers)
    assert asked == []
    first = Fan(fan.slug, PlaceToken(fan.token.event_id, 1, fan.token.place_id, 3))
    near = HTMX | {"Cookie": first.cookie()}
    ask(app.wsgi_app, "GET", path, near)
    asked.clear()
    ask(app.wsgi_app, "GET", path, near)
    assert asked == ["status"]
    asked.clear()
    new = {"Cookie": f"fq_visitor={VisitorToken(new_id()).sign(settings.secret_key)}"}
    assert ask(app.wsgi_app, "POST", f"/events/{fan.slug}/line", new)[0] == "303 SEE OTHER"
    assert asked == ["join"]
