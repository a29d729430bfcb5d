"""Time limits can be made longer, once (WCAG 2.2.1)."""

from __future__ import annotations

from datetime import timedelta

from app.domain.tokens import PassToken
from app.extensions import db, settings
from app.services import claims
from app.store.models import Claim
from tests import factories
from tests.views.browsing import (
    FORM,
    a_claim_of,
    admit,
    claim,
    cookie,
    hidden,
    hold,
    join,
    reach_the_form,
    status,
)


def carried(client, event) -> PassToken:
    return PassToken.read(cookie(client, f"fq_pass_{event.id}"), settings.secret_key)


def test_choosing_is_made_longer_by_half_and_only_once(client):
    event = factories.an_event(pass_seconds=300)
    reach_the_form(client, event)
    before = carried(client, event)
    page = client.get(f"/events/{event.slug}/line/more")
    assert "You can have 3 minutes more, once" in page.text
    assert client.post(f"/events/{event.slug}/line/more").status_code == 303
    longer = carried(client, event)
    assert longer.pass_until - before.pass_until == 180_000
    client.post(f"/events/{event.slug}/line/more")
    assert carried(client, event) == longer
    assert "It cannot be made longer again" in client.get(f"/events/{event.slug}/line/more").text
    assert status(client, event)["state"] == "admitted"
    assert carried(client, event) == longer, "a poll must not take it back"
    assert claim(client, event).status_code == 303


def test_more_time_within_the_form_keeps_what_was_typed(client):
    event = factories.an_event()
    reach_the_form(client, event)
    key = hidden(client.get(f"/events/{event.slug}/claim").text, "form_key")
    typed = FORM | {"name": "Ada Lovelace", "quantity": "3", "form_key": key}
    answer = client.post(f"/events/{event.slug}/claim/more", data=typed)
    assert answer.status_code == 200
    assert 'value="Ada Lovelace"' in answer.text
    assert hidden(answer.text, "form_key") == key
    assert "minutes more than before" in answer.text


def test_a_turn_that_is_over_gets_no_more_time(client):
    event = factories.an_event()
    reach_the_form(client, event)
    now = carried(client, event)
    old = PassToken(now.event_id, now.epoch, now.place_id, now.number, now.turn, 1)
    client.set_cookie(f"fq_pass_{event.id}", old.sign(settings.secret_key))
    answer = client.post(f"/events/{event.slug}/claim/more", data=FORM)
    assert answer.status_code == 403
    assert "your turn is over" in answer.text


def test_who_waits_has_no_time_to_make_longer(client):
    event = factories.an_event()
    join(client, event)
    for answer in (
        client.get(f"/events/{event.slug}/line/more"),
        client.post(f"/events/{event.slug}/line/more"),
    ):
        assert answer.status_code == 403
    admit(event)
    assert client.get(f"/events/{event.slug}/line/more").status_code == 200


def test_paying_is_made_longer_by_half_and_only_once(client):
    event = factories.an_event(hold_seconds=600)
    reference = hold(client, event)
    until = claims.look(reference).held_until
    page = client.get(f"/claims/{reference}").text
    assert "5 minutes more" in page
    for _ in range(2):
        assert client.post(f"/claims/{reference}/more").status_code == 303
        assert claims.look(reference).held_until == until + timedelta(seconds=300)
    assert f"/claims/{reference}/more" not in client.get(f"/claims/{reference}").text


def test_a_hold_that_ran_out_gets_no_more_time(client):
    event = factories.an_event()
    found = a_claim_of(client, event, held_until=factories.utc_now() - timedelta(seconds=1))
    assert client.post(f"/claims/{found.reference}/more").status_code == 409
    db.session.expire_all()
    assert db.session.get(Claim, found.id).extended_at is None


def test_more_time_is_for_the_fan_of_the_claim(app, client):
    found = factories.a_claim(factories.an_event())
    assert client.post(f"/claims/{found.reference}/more").status_code == 403
