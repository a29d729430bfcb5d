"""Nobody sees or changes what is another's: every address, asked by every role with the
identifiers of somebody else (the list is drill/attack/addresses.py)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.domain.codes import code_of
from app.domain.tokens import ClaimLink, FanToken, PassToken, PlaceToken, TicketToken, new_id
from app.extensions import db, settings
from app.services import carrying, catalogue
from app.store.models import (
    Claim,
    Event,
    Organisation,
    Staff,
    StaffLink,
    StaffSession,
    Ticket,
    Verification,
)
from app.views.previews import PREVIEWS
from drill.attack import addresses as them
from drill.attack.addresses import Ask, Said, World
from tests import factories
from tests.views import browsing
from tests.views.desk import PASSWORD, Desk

# Whoever is refused must leave every row of these as it was.
TABLES = (
    *("events", "lines", "places", "fans", "claims", "tickets", "payments", "refunds"),
    *("verifications", "carries", "organisations", "outbox", "staff_links"),
)
# What an owner may be told instead of being served: nothing there says that it is another's.
SERVED = {200, 204, 303, 409, 410, 422, 429}


@dataclass
class Somebody:
    """An organisation, its event, a fan whose turn it is and one with paid tickets."""

    organisation: Organisation
    event: Event
    buyer: factories.Buyer
    claim: Claim
    payment: str
    link: str
    codes: list[str]

    @property
    def place(self) -> PlaceToken:
        token: PassToken = self.buyer.pass_token
        return PlaceToken(token.event_id, token.epoch, token.place_id, token.number)

    def identifiers(self, session_id: int = 0) -> dict[str, str]:
        return {
            "slug": self.event.slug,
            "reference": self.claim.reference,
            "token": self.link,
            "session_id": str(session_id),
            "name": next(iter(PREVIEWS)),
            "filename": "style.css",
            # Nobody, unless a test has somebody.
            "staff_id": "0",
            "link_id": "none",
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        names = (self.buyer.email, self.claim.name, self.claim.phone, self.payment)
        return (*names, self.place.place_id, *self.codes)


def somebody(name: str) -> Somebody:
    organisation = factories.an_organisation(f"Stage of {name}")
    event = factories.an_event(organisation=organisation)
    buyer = factories.a_buyer(event, factories.a_fan(f"{name}.turn@example.com"))
    paid = factories.a_fan(f"{name}.paid@example.com")
    now = factories.utc_now()
    claim = factories.a_claim(
        event, 2, paid, state="CONFIRMED", confirmed_at=now, name=f"{name} Eze", phone=f"080{name}"
    )
    codes = []
    for ticket in db.session.scalars(select(Ticket).where(Ticket.claim_id == claim.id)):
        ticket.code = new_id()
        codes.append(ticket.code)
    payment = factories.a_payment(
        claim,
        state="SUCCEEDED",
        counts=True,
        received_amount=claim.amount,
        received_currency=claim.currency,
        paid_at=now,
    )
    factories.write_line(event)
    found = Somebody(organisation, event, buyer, claim, payment.reference, "", codes)
    offer = carrying.offer(catalogue.facts(event.slug), found.place, "en")
    found.link = urlsplit(offer.address).path.rpartition("/")[2]
    return found


@pytest.fixture
def victoria(app: Flask) -> Somebody:
    return somebody("victoria")


@pytest.fixture
def mallory(app: Flask) -> Somebody:
    return somebody("mallory")


def as_whole_fan(client: FlaskClient, who: Somebody) -> FlaskClient:
    """Everything that the browsers of both fans carry."""
    browsing.as_buyer(client, who.buyer)
    link = ClaimLink(who.claim.reference).sign(settings.secret_key)
    client.set_cookie(f"fq_claim_{who.claim.reference}", link)
    return client


def ask_by(client: FlaskClient) -> Ask:
    def ask(method: str, path: str, form: dict[str, str]) -> Said:
        data = None
        if method != "GET":
            with client.session_transaction() as session:
                token = {"form_token": session["form"]} if "form" in session else {}
            data = {**form, **token}
        answer = client.open(path, method=method, data=data, buffered=True)
        return Said(answer.status_code, answer.location or "", answer.text)

    return ask


def at_desk(app: Flask, role: str, organisation: Organisation) -> FlaskClient:
    client = Desk(app, role, organisation).client
    with client.session_transaction() as session:
        session["form"] = "a token of this session"
    return client


def intruders(app: Flask, mallory: Somebody, victoria: Somebody) -> dict[str, FlaskClient]:
    """Each role with what is its own; and a fan who puts it in the place of what is another's."""
    thief = as_whole_fan(app.test_client(), mallory)
    own = mallory.place.sign(settings.secret_key)
    thief.set_cookie(f"fq_place_{victoria.event.id}", own)
    thief.set_cookie(
        f"fq_pass_{victoria.event.id}", mallory.buyer.pass_token.sign(settings.secret_key)
    )
    link = ClaimLink(mallory.claim.reference).sign(settings.secret_key)
    thief.set_cookie(f"fq_claim_{victoria.claim.reference}", link)
    return {
        them.STRANGER: app.test_client(),
        them.FAN: as_whole_fan(app.test_client(), mallory),
        "fan with swapped cookies": thief,
        **{role: at_desk(app, role, mallory.organisation) for role in them.OF_STAFF},
    }


def people(admin: Desk) -> dict[str, str]:
    """The identifiers of a colleague of this admin and of an invitation."""
    colleague = factories.a_staff_member("support", admin.organisation)
    page = "/staff/people/"
    admin.send(page, f"{page}invite", email="new@example.com", role="support")
    invitation = db.session.scalars(select(StaffLink.id)).one()
    return {"staff_id": str(colleague.id), "link_id": invitation}


def rows() -> dict[str, set[str]]:
    return {
        table: set(db.session.execute(text(f"SELECT t::text FROM {table} t")).scalars())
        for table in TABLES
    }


def test_every_address_says_whose_it_is(app):
    assert len(them.addresses(app)) == len(
        [(rule, m) for rule in app.url_map.iter_rules() for m in rule.methods & them.METHODS]
    )


def test_a_new_address_must_say_whose_it_is(settings):
    app = Flask("another")
    app.add_url_rule("/claims/<reference>/copy", "claims.copy", lambda reference: "")
    with pytest.raises(AssertionError, match=r"claims\.copy .* is new"):
        them.addresses(app)


def test_nobody_sees_or_changes_what_is_anothers(app, mallory, victoria):
    elsewhere = Desk(app, "admin", victoria.organisation)
    session_id = db.session.scalars(
        select(StaffSession.id).where(StaffSession.staff_id == elsewhere.id)
    ).one()
    # A link of one event opens nothing at another; at its own it is good for whoever has it.
    elsewhere.send(
        "/staff/people/", "/staff/people/invite", email="new@example.com", role="support"
    )
    link_id = db.session.scalars(select(StaffLink.id)).one()
    names = victoria.identifiers(session_id) | {
        "token": mallory.link,
        "staff_id": str(elsewhere.id),
        "link_id": str(link_id),
    }
    asks = {role: ask_by(c) for role, c in intruders(app, mallory, victoria).items()}
    form = browsing.FORM | {"payment": victoria.payment, "reason": "a guess", "note": "a guess"}
    form["password"] = PASSWORD
    form["ticket"] = TicketToken(victoria.codes[0]).sign(settings.secret_key)
    world = World(names, victoria.secrets, asks, form)
    colleagues = select(Staff.role, Staff.password_hash, Staff.disabled_at).where(
        Staff.organisation_id == victoria.organisation.id
    )
    staff = db.session.execute(colleagues).all()
    db.session.commit()
    before = rows()
    tried, wrong = 0, []
    for address, role, what in them.walk(them.addresses(app), world):
        tried += 1
        if what:
            wrong.append(f"{role}: {address.method} {address.pattern}: {what}")
    assert wrong == []
    assert tried > 400
    db.session.rollback()
    for table, present in rows().items():
        assert before[table] <= present, f"{table}: {before[table] - present}"
    assert db.session.execute(colleagues).all() == staff
    assert elsewhere.get("/staff/account/").status_code == 200


def test_the_owners_are_served_at_the_same_addresses(app, victoria):
    """Else the walk could pass on a site that refuses everybody."""
    fan = ask_by(as_whole_fan(app.test_client(), victoria))
    names = victoria.identifiers() | people(Desk(app, "admin", victoria.organisation))
    desk = ask_by(at_desk(app, "admin", victoria.organisation))
    # What is shown first, then what changes it, and last what ends it.
    order = sorted(them.addresses(app), key=lambda one: (one.method, one.endpoint == "line.leave"))
    for address in order:
        if address.whose in (them.EVERYONE, them.GATEWAY, them.LINK):
            continue
        if address.endpoint in them.GOING:
            continue
        ask = fan if address.whose in (them.PLACE, them.CLAIM) else desk
        said = ask(address.method, address.path(names), {})
        assert said.status in SERVED, (address, said)
        assert not said.location.startswith("/staff/login"), address


def test_staff_find_nothing_of_another_organisation(app, mallory, victoria):
    desk = Desk(app, "support", mallory.organisation)
    typed = [
        victoria.claim.reference,
        victoria.payment,
        victoria.buyer.email,
        "victoria.paid@example.com",
    ]
    for words in typed:
        said = desk.get("/support/", query_string={"q": words})
        assert said.status_code == 200
        # What was typed is shown again, in the box and in the link to the other language.
        shown = said.text.replace(words, "").replace(words.replace("@", "%40"), "")
        for secret in (*victoria.secrets, victoria.claim.reference, "victoria.paid"):
            assert secret not in shown, (words, secret)


def test_the_code_of_another_place_proves_nothing(app, victoria):
    event = factories.an_event()
    hers, his = app.test_client(), app.test_client()
    browsing.join(hers, event)
    browsing.join(his, event)
    address = f"/events/{event.slug}/verify"
    hers.post(address, data={"email": "ada@example.com"})
    asked = db.session.scalars(select(Verification).filter_by(email="ada@example.com")).one()
    his.post(address, data={"email": "mallory@example.com"})
    his.set_cookie(f"fq_asked_{event.id}", asked.id)
    answer = his.post(address, data={"code": code_of(asked.id, settings.secret_key)})
    assert answer.status_code == 422
    assert his.get_cookie("fq_fan") is None


def test_the_pass_and_the_form_of_another_claim_nothing(app, victoria, mallory):
    """Two fans in one line: what the other carries is no good beside one's own place."""
    event = victoria.event
    other = factories.a_buyer(event, factories.a_fan("mallory.near@example.com"), state="waiting")
    factories.write_line(event)
    client = app.test_client()
    browsing.as_buyer(client, other)
    hers: PassToken = victoria.buyer.pass_token
    client.set_cookie(f"fq_pass_{event.id}", hers.sign(settings.secret_key))
    form = browsing.FORM | {"email": other.email, "form_key": victoria.claim.form_key}
    answer = client.post(f"/events/{event.slug}/claim", data=form)
    assert answer.status_code == 403
    assert victoria.claim.reference not in answer.text + (answer.location or "")


def test_who_claims_with_the_form_key_of_another_is_not_led_to_that_claim(app, victoria):
    event = victoria.event
    other = factories.a_buyer(event, factories.a_fan("mallory.near@example.com"))
    factories.write_line(event)
    client = app.test_client()
    browsing.as_buyer(client, other)
    form = browsing.FORM | {"email": other.email, "form_key": victoria.claim.form_key}
    answer = client.post(f"/events/{event.slug}/claim", data=form)
    assert victoria.claim.reference not in answer.text + (answer.location or "")
    assert client.get_cookie(f"fq_claim_{victoria.claim.reference}") is None


def test_the_place_of_another_with_the_own_address_claims_nothing(app, victoria, mallory):
    """Who stole a place, but has proven another address, does not get its tickets."""
    client = app.test_client()
    browsing.as_buyer(client, victoria.buyer)
    client.set_cookie("fq_fan", FanToken(mallory.buyer.fan_id).sign(settings.secret_key))
    form = browsing.FORM | {"email": mallory.buyer.email}
    answer = client.post(f"/events/{victoria.event.slug}/claim", data=form)
    assert answer.status_code == 403
    assert victoria.buyer.email not in answer.text
