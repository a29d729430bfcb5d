"""Refusals, faults and servers that are away, in plain words."""

from __future__ import annotations

import inspect

import pytest

from app.domain import errors
from app.services import catalogue, line
from app.views.errors import ANSWERS, answer_of
from tests import factories
from tests.views.browsing import as_buyer, heading, join


def refusals():
    found = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.Refusal) and kind is not errors.Refusal
    ]
    assert len(found) > 30
    return found


@pytest.mark.parametrize("kind", refusals())
def test_every_refusal_has_a_status_and_a_sentence(kind):
    answer = next(ANSWERS[parent] for parent in kind.__mro__ if parent in ANSWERS)
    assert answer != ANSWERS[errors.Refusal], f"{kind.__name__} has no row"
    assert kind.__doc__.strip().endswith(".")


def test_the_nearest_row_counts():
    assert answer_of(errors.LineLost())[0] == 503
    assert answer_of(errors.AddressDiffers({}))[0] == 422
    assert answer_of(errors.SoldOut()) == (410, "Sold out")


def test_a_fault_of_ours_shows_no_trace(client, monkeypatch):
    def broken(slug):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(catalogue, "facts", broken)
    client.application.testing = False
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        answer = client.get("/events/any")
    finally:
        client.application.testing = True
        client.application.config["PROPAGATE_EXCEPTIONS"] = None
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


def test_postgres_away_is_503_with_retry_after_and_the_place_is_kept(client, monkeypatch):
    event = factories.an_event()
    token = join(client, event)

    def away(*_):
        raise errors.StoreUnavailable

    monkeypatch.setattr(line, "status", away)
    # Who is near the head is in no picture, so that somebody has to be asked.
    monkeypatch.setattr(line, "glance", lambda *_: None)
    answer = client.get(f"/events/{event.slug}/line")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "Nothing is lost" in answer.text
    assert "http-equiv" in answer.text
    assert "Set-Cookie" not in answer.headers
    monkeypatch.undo()
    assert line.status(event.slug, token).number == token.number


def test_a_failed_poll_is_no_reason_to_leave_the_page(client, monkeypatch):
    event = factories.an_event()
    join(client, event)

    def away(*_):
        raise errors.LineUnavailable

    monkeypatch.setattr(line, "status", away)
    answer = client.get(f"/events/{event.slug}/line/status", headers={"HX-Request": "true"})
    assert answer.status_code == 503
    assert "HX-Refresh" not in answer.headers
    assert "HX-Redirect" not in answer.headers


def test_an_address_without_a_page_is_404(client):
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert heading(answer.text) == "Nothing here"


@pytest.mark.parametrize("slug", ["%00", "%ff", "A-B", "-", "a" * 3000, "..%2f..", "%F0%9F%8E%AB"])
def test_an_odd_address_is_404_and_no_fault(client, slug):
    for path in ("", "/line", "/line/status", "/verify", "/claim"):
        assert client.get(f"/events/{slug}{path}").status_code == 404
    assert client.post(f"/events/{slug}/line").status_code == 404


@pytest.mark.parametrize(
    "value", ["\x00", "a\x00b", "\ud800".encode("utf-8", "surrogatepass"), "9" * 9999]
)
def test_odd_values_in_forms_are_no_fault(client, value):
    event = factories.an_event()
    as_buyer(client, factories.a_buyer(event))
    fields = ("name", "email", "phone", "quantity", "form_key", "code", "then")
    for path in ("/claim", "/verify", "/line", "/line/leave"):
        answer = client.post(f"/events/{event.slug}{path}", data=dict.fromkeys(fields, value))
        assert answer.status_code < 500, path


def test_programs_get_their_errors_as_json(client):
    answer = client.get("/events/nothing", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json == {
        "error": "EventUnknown",
        "message": "We know no event at this address.",
        "request_id": answer.headers["X-Request-Id"],
    }
