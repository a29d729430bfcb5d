"""What a fan does with a browser, for the tests of pages."""

from __future__ import annotations

import re
from time import sleep
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.domain.codes import code_of
from app.domain.tokens import FanToken, PassToken, PlaceToken
from app.extensions import db, settings
from app.services import admission, catalogue
from app.store.models import Claim, Event, Verification
from tests import factories


def join(client: FlaskClient, event: Event) -> PlaceToken:
    """Join as a browser does: the first post brings the cookie, the second the place."""
    answer = client.post(f"/events/{event.slug}/line", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    token = place_of(client, event)
    assert token is not None
    return token


def place_of(client: FlaskClient, event: Event) -> PlaceToken | None:
    return PlaceToken.read(cookie(client, f"fq_place_{event.id}"), settings.secret_key)


def cookie(client: FlaskClient, name: str) -> str | None:
    found = client.get_cookie(name)
    return found.value if found else None


def status(client: FlaskClient, event: Event) -> dict[str, Any]:
    """The waiting page as JSON."""
    answer = client.get(f"/events/{event.slug}/line/status", headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def admit(event: Event) -> None:
    """Let in the next, as soon as the pace of the sale allows it."""
    for _ in range(60):
        catalogue.forget(event.slug)
        if admission.admit_once():
            return
        sleep(0.05)
    raise AssertionError("nobody was admitted within three seconds")


def code() -> str:
    """The code in the newest mail that is owed."""
    newest = select(Verification.id).order_by(Verification.created_at.desc()).limit(1)
    return code_of(db.session.scalars(newest).one(), settings.secret_key)


def wrong_code() -> str:
    return f"{(int(code()) + 1) % 1_000_000:06}"


def prove(client: FlaskClient, event: Event, email: str = "ada@example.com") -> TestResponse:
    """Ask for a code and type it; the answer to typing it."""
    address = f"/events/{event.slug}/verify"
    asked = client.post(address, data={"email": email})
    assert asked.status_code == 303, asked.text
    return client.post(address, data={"code": code()})


def reach_the_form(client: FlaskClient, event: Event, email: str = "ada@example.com") -> None:
    """Join, prove the address, be admitted, and see it."""
    join(client, event)
    assert prove(client, event, email).status_code == 303
    admit(event)
    assert status(client, event)["state"] == "admitted"


FORM = {"name": "Ada Obi", "quantity": "2", "phone": "", "email": "ada@example.com"}


def claim(client: FlaskClient, event: Event, **changes: str) -> TestResponse:
    """Send the claim form; `changes` replace its values."""
    return client.post(f"/events/{event.slug}/claim", data=FORM | changes)


def hold(client: FlaskClient, event: Event, **changes: str) -> str:
    """Everything up to a held claim; its reference."""
    reach_the_form(client, event)
    answer = claim(client, event, **changes)
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("/")[2]


def a_claim_of(client: FlaskClient, event: Event, **overrides: Any) -> Claim:
    """A claim straight in Postgres, and the cookie of its fan in this browser."""
    found = factories.a_claim(event, **overrides)
    as_fan(client, found.fan_id)
    return found


def as_fan(client: FlaskClient, fan_id: int) -> None:
    client.set_cookie("fq_fan", FanToken(fan_id).sign(settings.secret_key))


def as_buyer(client: FlaskClient, buyer: factories.Buyer) -> PassToken:
    """Give this browser what an admitted fan with a proven address carries."""
    token: PassToken = buyer.pass_token
    place = PlaceToken(token.event_id, token.epoch, token.place_id, token.number)
    client.set_cookie(f"fq_place_{token.event_id}", place.sign(settings.secret_key))
    client.set_cookie(f"fq_pass_{token.event_id}", token.sign(settings.secret_key))
    as_fan(client, buyer.fan_id)
    return token


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name}"
    return found[1]


def heading(html: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", html, re.DOTALL)
    assert found, "no heading"
    return " ".join(found[1].split())
