"""The page on which a place proves that it is worth a turn."""

from __future__ import annotations

import re

import pytest

from app import extensions
from app.domain import proofs as rules
from app.services import catalogue
from tests import factories
from tests.views.browsing import admit, claim, heading, hidden, join, prove, reach_the_form


@pytest.fixture
def event(app, monkeypatch):
    monkeypatch.setitem(rules.MOST, rules.LIGHT, 2_000)
    return factories.an_event(proof="light")


def address(event):
    return f"/events/{event.slug}/proof"


def answer_of(html: str) -> dict[str, str]:
    salt, digest = (re.search(rf'data-{name}="([^"]+)"', html)[1] for name in ("salt", "digest"))
    number = next(n for n in range(2_000) if rules.digest(salt, n) == digest)
    return {"challenge": hidden(html, "challenge"), "number": str(number)}


def test_the_waiting_page_leads_there_until_the_sum_is_done_and_carries_no_script_of_it(
    client, event
):
    join(client, event)
    waiting = client.get(f"/events/{event.slug}/line").text
    assert address(event) in waiting
    assert "proof.js" not in waiting
    html = client.get(address(event)).text
    assert heading(html) == "A sum for your browser"
    answer = client.post(address(event), data=answer_of(html))
    assert (answer.status_code, answer.location) == (303, f"/events/{event.slug}/line")
    assert address(event) not in client.get(answer.location).text
    assert heading(client.get(address(event)).text) == "Nothing to do here"


def test_an_event_that_asks_for_nothing_says_so_and_its_line_does_not_lead_there(client, app):
    event = factories.an_event()
    join(client, event)
    assert address(event) not in client.get(f"/events/{event.slug}/line").text
    assert "This sale asks for no proof." in client.get(address(event)).text


def test_workers_are_allowed_on_this_page_only(client, event):
    join(client, event)
    assert "worker-src 'self'" in client.get(address(event)).headers["Content-Security-Policy"]
    other = client.get(f"/events/{event.slug}/line").headers["Content-Security-Policy"]
    assert "worker-src" not in other


def test_a_wrong_number_is_422_with_a_new_sum_that_waits_to_be_begun(client, event):
    join(client, event)
    before = answer_of(client.get(address(event)).text)
    answer = client.post(address(event), data=before | {"number": "2001", "then": "claim"})
    assert answer.status_code == 422
    assert "That is not the answer to the sum." in answer.text
    assert "data-wait" in answer.text
    assert hidden(answer.text, "then") == "claim"
    assert hidden(answer.text, "challenge") != before["challenge"]


def test_who_comes_to_the_tickets_without_a_sum_is_led_to_it_and_back(client, event):
    reach_the_form(client, event)
    answer = client.get(f"/events/{event.slug}/claim")
    assert (answer.status_code, answer.location) == (303, f"{address(event)}?then=claim")
    refused = claim(client, event)
    assert refused.status_code == 403
    assert heading(refused.text) == "A sum comes first"
    assert f"{address(event)}?then=claim" in refused.text
    html = client.get(answer.location).text
    answer = client.post(address(event), data=answer_of(html) | {"then": hidden(html, "then")})
    assert answer.location == f"/events/{event.slug}/claim"
    assert client.get(answer.location).status_code == 200
    assert claim(client, event).status_code == 303


def test_without_javascript_a_proven_address_does_instead(client, event):
    join(client, event)
    html = client.get(address(event)).text
    assert f"/events/{event.slug}/verify?then=proof" in html
    prove(client, event)
    html = client.get(address(event)).text
    assert "Count my address instead" in html
    answer = client.post(f"{address(event)}/address")
    assert (answer.status_code, answer.location) == (303, f"/events/{event.slug}/line")
    admit(event)
    assert claim(client, event).status_code == 303


def test_the_code_asked_for_on_the_way_to_the_proof_leads_back_to_it(client, event):
    join(client, event)
    page = f"/events/{event.slug}/verify"
    asked = client.post(page, data={"email": "ada@example.com", "then": "proof"})
    assert asked.location == f"{page}?then=proof"
    assert hidden(client.get(asked.location).text, "then") == "proof"


def test_few_of_one_network_may_let_an_address_count(client, event, monkeypatch):
    join(client, event)
    prove(client, event)
    monkeypatch.setattr(extensions.settings, "forms_per_minute", 200)
    codes = [client.post(f"{address(event)}/address").status_code for _ in range(3)]
    assert codes == [303, 303, 429]


def test_who_has_no_place_is_told_so_and_nothing_is_counted(client, event):
    catalogue.forget(event.slug)
    for answer in (client.get(address(event)), client.post(address(event), data={"number": "1"})):
        assert answer.status_code == 403
        assert heading(answer.text) == "You are not in this line"
