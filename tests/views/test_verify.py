"""The pages about the address."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app.domain.codes import code_of
from app.domain.tokens import FanToken
from app.extensions import db, settings
from app.store.models import OutboxEntry
from tests import factories
from tests.views.browsing import (
    admit,
    as_fan,
    code,
    cookie,
    heading,
    join,
    place_of,
    prove,
    wrong_code,
)


@pytest.fixture
def event(app):
    return factories.an_event()


def address(event):
    return f"/events/{event.slug}/verify"


def test_asking_for_a_code_leads_to_the_field_for_it(client, event):
    join(client, event)
    assert heading(client.get(address(event)).text) == "Prove your address"
    answer = client.post(address(event), data={"email": "ada@example.com"})
    assert answer.status_code == 303
    html = client.get(answer.location).text
    assert heading(html) == "Type the code"
    assert "ada@example.com" in html
    assert 'name="code"' in html


def test_the_right_code_leads_back_to_the_line_and_is_remembered(client, event):
    join(client, event)
    answer = prove(client, event)
    assert answer.status_code == 303
    assert answer.location == f"/events/{event.slug}/line"
    assert FanToken.read(cookie(client, "fq_fan"), settings.secret_key)
    assert heading(client.get(address(event)).text) == "Your address is proven"


def test_an_odd_address_is_422_and_is_kept_in_the_form(client, event):
    join(client, event)
    answer = client.post(address(event), data={"email": "ada at home"})
    assert answer.status_code == 422
    assert 'value="ada at home"' in answer.text
    assert "Please write an e-mail address" in answer.text
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == 0


def test_an_empty_form_is_422(client, event):
    join(client, event)
    assert client.post(address(event)).status_code == 422


def test_a_wrong_code_is_422_with_the_tries_that_are_left(client, event):
    join(client, event)
    client.post(address(event), data={"email": "ada@example.com"})
    answer = client.post(address(event), data={"code": wrong_code()})
    assert answer.status_code == 422
    assert answer.text.count("You have 4 tries left") == 1
    assert 'name="code"' in answer.text
    assert cookie(client, "fq_fan") is None


def test_after_five_wrong_codes_a_new_one_is_offered(client, event):
    join(client, event)
    client.post(address(event), data={"email": "ada@example.com"})
    for _ in range(5):
        answer = client.post(address(event), data={"code": wrong_code()})
    assert answer.status_code == 422
    assert "Please ask for a new one" in answer.text
    assert "Send a new code" in answer.text
    assert client.post(address(event), data={"code": code()}).status_code == 422


def test_too_many_codes_are_429_with_retry_after(client, event):
    join(client, event)
    for n in range(6):
        client.post(address(event), data={"email": f"ada{n}@example.com"})
    answer = client.post(address(event), data={"email": "ada@example.com"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_code_is_nowhere_in_the_pages(client, event):
    join(client, event)
    client.post(address(event), data={"email": "ada@example.com"})
    assert code() not in client.get(address(event)).text


def test_another_address_may_be_asked_for(client, event):
    join(client, event)
    client.post(address(event), data={"email": "ada@exmaple.com"})
    html = client.get(f"{address(event)}?again=1").text
    assert 'name="email"' in html
    assert 'value="ada@exmaple.com"' in html


def test_two_browsers_of_one_fan_end_with_one_place(app, client, event):
    first = join(client, event)
    prove(client, event)
    other = app.test_client()
    second = join(other, event)
    assert second.number > first.number
    prove(other, event)
    assert place_of(other, event) == first


def test_a_fan_with_a_claim_is_told_so_with_a_link_that_opens_it(client, event):
    claim = factories.a_claim(event, fan=factories.a_fan("ada@example.com"))
    join(client, event)
    answer = prove(client, event)
    assert answer.status_code == 200
    assert heading(answer.text) == "You already have a claim"
    assert f'href="/claims/{claim.reference}"' in answer.text
    assert client.get(f"/claims/{claim.reference}").status_code == 200


def test_who_was_sent_here_from_the_claim_form_goes_back_to_it(client, event):
    join(client, event)
    admit(event)
    client.get(f"/events/{event.slug}/line")
    sent = client.get(f"/events/{event.slug}/claim")
    assert sent.status_code == 303
    assert sent.location == f"{address(event)}?then=claim"
    asked = client.post(address(event), data={"email": "ada@example.com", "then": "claim"})
    assert asked.location.endswith("then=claim")
    answer = client.post(address(event), data={"code": code(), "then": "claim"})
    assert answer.location == f"/events/{event.slug}/claim"
    assert client.get(answer.location).status_code == 200


def test_then_leads_nowhere_else(client, event):
    join(client, event)
    client.post(address(event), data={"email": "ada@example.com"})
    answer = client.post(address(event), data={"code": code(), "then": "https://evil.example"})
    assert answer.location == f"/events/{event.slug}/line"


def test_a_stranger_has_nothing_to_prove(client, event):
    assert client.get(address(event)).status_code == 403
    as_fan(client, factories.a_fan().id)
    assert client.post(address(event), data={"email": "a@example.com"}).status_code == 403


def test_an_unknown_event_is_404(client):
    assert client.get("/events/nothing/verify").status_code == 404


def test_a_browser_that_lost_its_proof_is_asked_again_and_is_not_told_whose_place_it_is(
    client, event
):
    join(client, event)
    prove(client, event)
    client.delete_cookie("fq_fan")
    html = client.get(f"{address(event)}?again=1").text
    assert heading(html) == "Prove your address"
    assert prove(client, event).status_code == 303
    assert FanToken.read(cookie(client, "fq_fan"), settings.secret_key)


def test_a_browser_that_names_another_code_is_believed_in_nothing(app, client, event):
    """The id of the newest code is a hint: without it, or with a foreign one, the answer is the
    same."""
    other = app.test_client()
    join(other, event)
    other.post(address(event), data={"email": "eve@example.com"})
    join(client, event)
    client.post(address(event), data={"email": "ada@example.com"})
    own = code()
    for asked in (cookie(other, f"fq_asked_{event.id}"), "%00", ""):
        client.set_cookie(f"fq_asked_{event.id}", asked)
        answer = client.post(address(event), data={"code": wrong_code()})
        assert answer.status_code == 422
    assert "You have 2 tries left" in answer.text
    foreign = code_of(cookie(other, f"fq_asked_{event.id}"), settings.secret_key)
    client.set_cookie(f"fq_asked_{event.id}", cookie(other, f"fq_asked_{event.id}"))
    if foreign != own:
        assert client.post(address(event), data={"code": foreign}).status_code == 422
    assert client.post(address(event), data={"code": own}).status_code == 303


def test_known_and_unknown_addresses_are_answered_alike(app, client, event):
    other = app.test_client()
    join(client, event)
    assert prove(client, event, "known@example.com").status_code == 303
    path, seen = f"/events/{event.slug}/verify", []
    for browser, address in ((other, "known@example.com"), (app.test_client(), "nobody@x.example")):
        join(browser, event)
        asked = browser.post(path, data={"email": address})
        page = browser.get(path).text.replace(address, "ADDRESS")
        wrong = browser.post(path, data={"code": wrong_code()}).text.replace(address, "ADDRESS")
        own = re.compile(r'(?<=value=")[^"]*|[0-9a-f]{16}')
        cookies = sorted(h.partition("=")[0] for h in asked.headers.getlist("Set-Cookie"))
        seen.append(
            (asked.status_code, asked.location, cookies, own.sub("", page), own.sub("", wrong))
        )
    assert seen[0] == seen[1]
