"""Support's pages: the search box, the claim with its story, and its three buttons."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from app.extensions import db
from app.store.models import Claim, OutboxEntry, Ticket
from tests import factories
from tests.views.desk import Desk, has_form


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "support")


@pytest.fixture
def event(desk):
    return factories.an_event(organisation=desk.organisation, capacity=10)


def a_paid_claim(event, **overrides) -> Claim:
    claim = factories.a_claim(
        event, 2, state="CONFIRMED", confirmed_at=factories.utc_now(), **overrides
    )
    factories.a_payment(claim, state="SUCCEEDED", counts=True, gateway_status="success")
    for ticket in db.session.scalars(select(Ticket).where(Ticket.claim_id == claim.id)):
        ticket.code = factories.an_id()
    db.session.commit()
    return claim


def page_of(claim: Claim) -> str:
    return f"/support/claims/{claim.reference}"


def test_one_claim_found_is_shown_at_once(desk, event):
    claim = a_paid_claim(event, fan=factories.a_fan("ada@example.com"))
    for said in ("ADA@example.com", claim.reference.lower().replace("-", "")):
        answer = desk.get("/support/", query_string={"q": said})
        assert (answer.status_code, answer.location) == (303, page_of(claim))


def test_several_claims_and_places_are_listed(desk, event):
    fan = factories.a_fan("ada@example.com")
    other = factories.an_event(line=False, organisation=desk.organisation, title="Second night")
    claims = [factories.a_claim(event, fan=fan), factories.a_claim(other, 2, fan=fan)]
    factories.a_place(
        factories.an_event(line=False, organisation=desk.organisation),
        fan_id=fan.id,
        number=1234,
    )
    page = desk.get("/support/?q=ada@example.com").text
    for words in (claims[0].reference, claims[1].reference, "Second night", "1,234", "Waiting"):
        assert words in page


@pytest.mark.parametrize("text", ["nobody@example.com", "FQ-0000-0000-00", "%", "<script>"])
def test_nothing_found_says_so_and_keeps_the_text(desk, text):
    answer = desk.get("/support/", query_string={"q": text})
    assert answer.status_code == 200
    assert "Nothing found" in answer.text
    assert "<script>alert" not in answer.text
    assert text.replace("<", "&lt;").replace(">", "&gt;") in answer.text


def test_what_is_typed_is_looked_for_at_once_and_never_leads_away(desk, event):
    claim = a_paid_claim(event, fan=factories.a_fan("ada@example.com"))
    page = desk.get("/support/").text
    assert 'hx-trigger="input changed delay:300ms"' in page
    headers = {"HX-Request": "true"}
    found = desk.get(f"/support/?q={claim.reference}", headers=headers)
    assert found.status_code == 200
    assert claim.reference in found.text
    assert "<html" not in found.text
    assert 'role="status"' in found.text
    near = desk.get("/support/?q=ada@exampel.com", headers=headers).text
    assert "come close to it" in near
    assert claim.reference in near
    assert desk.get("/support/?q=", headers=headers).status_code == 200


def test_the_words_for_the_fan_are_in_the_fans_language_too(desk, event):
    fan = factories.a_fan("ada@example.com")
    fan.language = "fr"
    db.session.commit()
    page = desk.get(page_of(a_paid_claim(event, fan=fan))).text
    assert '<blockquote lang="en">Your 2 tickets are paid. The mail to ada@example.com' in page
    assert '<blockquote lang="fr">Vos 2 billets sont payés.' in page


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("HELD", "Your 2 tickets are held until"),
        ("EXPIRED", "The time to pay ran out at"),
        ("RELEASED", "The tickets were given back and are on sale again. Nothing was charged."),
    ],
)
def test_the_words_for_the_fan_say_how_the_claim_stands(desk, event, state, words):
    ended = {} if state == "HELD" else {"ended_at": factories.utc_now()}
    claim = factories.a_claim(event, 2, state=state, **ended)
    page = desk.get(page_of(claim)).text
    assert words in page
    assert ("Nothing was charged." in page) == (state != "HELD")


def test_a_hold_without_a_reason_stays_and_the_field_says_so(desk, event):
    claim = factories.a_claim(event)
    answer = desk.send(page_of(claim), f"{page_of(claim)}/give-back", reason=" ")
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    db.session.rollback()
    assert claim.state == "HELD"


def test_an_empty_search_shows_the_box_alone(desk):
    page = desk.get("/support/?q=+").text
    assert 'name="q"' in page
    assert "Nothing found" not in page


def test_the_claim_is_shown_with_its_money_tickets_place_and_story(desk, event):
    claim = a_paid_claim(event, fan=factories.a_fan("ada@example.com"))
    code = db.session.scalars(select(Ticket.code).where(Ticket.claim_id == claim.id)).first()
    page = desk.get(page_of(claim)).text
    for words in (
        claim.reference, "ada@example.com", "Ada Obi", "Paid", "10,000.00", code,
        "Succeeded", "success", "Timeline", "Joined", "Proved the address",
    ):  # fmt: skip
        assert words in page, words


def test_the_buttons_fit_the_state(desk, event):
    held, paid = factories.a_claim(event), a_paid_claim(event)
    over = factories.a_claim(event, state="EXPIRED", ended_at=factories.utc_now())
    buttons = {
        claim.state: {
            name
            for name in ("give-back", "send-tickets", "ask")
            if has_form(desk.get(page_of(claim)).text, f"{page_of(claim)}/{name}")
        }
        for claim in (held, paid, over)
    }
    assert buttons == {
        "HELD": {"give-back"},
        "CONFIRMED": {"send-tickets", "ask"},
        "EXPIRED": set(),
    }


def test_a_hold_is_given_back_and_the_story_says_by_whom_and_why(desk, event):
    claim = factories.a_claim(event)
    answer = desk.send(page_of(claim), f"{page_of(claim)}/give-back", reason="Wrong night.")
    assert (answer.status_code, answer.location) == (303, page_of(claim))
    page = desk.get(answer.location).text
    assert "The hold is given back" in page
    assert "Wrong night." in page
    assert desk.name in page


def test_tickets_are_sent_again_once_for_each_page(desk, event):
    claim = a_paid_claim(event)
    for _ in range(2):
        answer = desk.send(page_of(claim), f"{page_of(claim)}/send-tickets", why="It was lost.")
        assert answer.status_code == 303
    mails = select(func.count()).where(OutboxEntry.kind == "send_tickets")
    assert db.session.scalar(mails) == 2
    page = desk.get(page_of(claim)).text
    assert "owed since" in page
    assert "It was lost." in page


def test_tickets_are_not_sent_again_without_a_reason(desk, event):
    claim = a_paid_claim(event)
    answer = desk.send(page_of(claim), f"{page_of(claim)}/send-tickets", why=" ")
    assert answer.status_code == 422
    assert "Please say why" in answer.text
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == 0


def test_the_gateway_is_asked_again(desk, event):
    claim = factories.a_claim(event)
    factories.a_payment(claim, state="PENDING")
    answer = desk.send(page_of(claim), f"{page_of(claim)}/ask")
    assert answer.status_code == 303
    assert db.session.scalar(select(OutboxEntry.kind)) == "verify_payment"


@pytest.mark.parametrize("button", ["give-back", "send-tickets", "ask"])
def test_a_button_on_an_old_page_is_409_and_shows_how_it_stands_now(desk, event, button):
    claim = factories.a_claim(event) if button != "send-tickets" else a_paid_claim(event)
    factories.a_payment(claim, state="PENDING")
    action = f"{page_of(claim)}/{button}"
    answer = desk.send(page_of(claim), action, seen="EXPIRED")
    assert answer.status_code == 409
    assert "nothing was done" in answer.text
    assert claim.reference in answer.text
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == 0


def test_a_hold_that_was_paid_meanwhile_is_not_given_back(desk, event):
    claim = factories.a_claim(event)
    html = desk.get(page_of(claim)).text
    db.session.execute(update(Claim).values(state="CONFIRMED", confirmed_at=func.now()))
    db.session.commit()
    from tests.views.desk import hidden_fields

    action = f"{page_of(claim)}/give-back"
    answer = desk.client.post(action, data=hidden_fields(html, action))
    assert answer.status_code == 409
    assert "Paid" in answer.text


def test_claims_of_another_organisation_are_404(desk):
    claim = a_paid_claim(factories.an_event(line=False))
    with desk.client.session_transaction() as session:
        session["form"] = "token"
    assert desk.get(page_of(claim)).status_code == 404
    assert "Nothing found" in desk.get(f"/support/?q={claim.reference}").text
    for button in ("give-back", "send-tickets", "ask"):
        data = {"form_token": "token", "seen": "CONFIRMED SUCCEEDED", "form_key": "x" * 16}
        assert desk.client.post(f"{page_of(claim)}/{button}", data=data).status_code == 404
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == 0
