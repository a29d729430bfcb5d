"""Requests made by chance, as `make attack` makes a hundred thousand of them, here two thousand
against this process: whatever is sent to whichever address, nothing of ours fails or is told."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from random import Random
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import run_wsgi_app

from app.domain.tokens import ClaimLink, FanToken, FormToken, PlaceToken, VisitorToken, new_id
from app.extensions import db, settings
from app.services import carrying, catalogue
from app.store.models import Organisation, StaffSession
from app.views.previews import PREVIEWS
from drill.attack import addresses
from drill.attack.addresses import addresses as all_addresses
from drill.attack.company import EVENT_FIELDS, FIELDS
from drill.attack.generated import INSIDE, judged
from drill.attack.inputs import RARE, Role, Sent, generated, printf
from drill.attack.leaks import secrets_of
from drill.attack.raw import Reply
from tests import factories
from tests.views.desk import Desk

COUNT = 2_000
SEED = 7


@pytest.fixture
def roles(app: Flask) -> list[Role]:
    event = factories.an_event()
    buyer, waiting = factories.a_buyer(event), factories.a_place(event)
    claim = factories.a_claim(event)
    factories.write_line(event)
    place = PlaceToken(event.id, 1, waiting.id, waiting.number)
    offer = carrying.offer(catalogue.facts(event.slug), place, "en")
    link = urlsplit(offer.address).path.rpartition("/")[2]
    known = {
        "slug": (event.slug,),
        "reference": (claim.reference,),
        "token": (link,),
        "name": tuple(PREVIEWS),
        "filename": ("style.css",),
        "link_id": (new_id(),),
        "staff_id": ("0",),
        "session_id": ("0",),
    }
    visitor = VisitorToken(new_id())
    cookies = {"fq_visitor": visitor}
    carried = {
        "stranger": cookies,
        "fan in line": cookies | {f"fq_place_{event.id}": place},
        "fan at the head": cookies
        | {
            f"fq_place_{event.id}": PlaceToken(
                event.id, 1, buyer.pass_token.place_id, buyer.pass_token.number
            ),
            f"fq_pass_{event.id}": buyer.pass_token,
            "fq_fan": FanToken(buyer.fan_id),
        },
        "fan with a hold": cookies | {f"fq_claim_{claim.reference}": ClaimLink(claim.reference)},
    }
    key = settings.secret_key
    fields = {**FIELDS, "email": (buyer.email,), "code": ("123456",), "form_key": (new_id(),)}
    token = FormToken(visitor.visitor).sign(key)
    of_fans = frozenset({addresses.PLACE, addresses.CLAIM, addresses.EVERYONE, addresses.LINK})
    found = [
        Role(name, {k: t.sign(key) for k, t in jar.items()}, known, fields, token, of_fans)
        for name, jar in carried.items()
    ]
    gateway = frozenset({addresses.GATEWAY})
    found.append(Role("gateway", whose=gateway, signs_with=settings.paystack_secret_key))
    return found + list(_colleagues(app, event.organisation_id, known))


def _colleagues(app: Flask, group: int, known: Any) -> Iterator[Role]:
    organisation = db.session.get(Organisation, group)
    for role in addresses.OF_STAFF:
        desk = Desk(app, role, organisation)
        desk.get("/staff/account/")
        with desk.client.session_transaction() as session:
            token = session["form"]
        cookie = desk.client.get_cookie("fq_staff")
        assert cookie is not None
        session_id = db.session.scalars(
            select(StaffSession.id).where(StaffSession.staff_id == desk.id)
        ).one()
        identifiers = known | {"session_id": (str(session_id),), "staff_id": (str(desk.id),)}
        own = frozenset(whose for whose, them in addresses.ROLES_OF.items() if role in them)
        fields = {**FIELDS, **EVENT_FIELDS, "email": ("new@example.com",), "form_key": (new_id(),)}
        yield Role(role, {"fq_staff": cookie.value}, identifiers, fields, token, own)


def ask(app: Flask, sent: Sent) -> Reply:
    """As Granian hands it over."""
    path, _, query = sent.path.partition("?")
    environ = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(sent.body or b""),
        "wsgi.errors": BytesIO(),
    }
    if sent.body is not None:
        environ["CONTENT_LENGTH"] = str(len(sent.body))
    for name, value in sent.headers:
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    body, status, headers = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return Reply(int(status.split()[0]), tuple(headers), b"".join(body))


@pytest.mark.slow
def test_whatever_is_sent_nothing_of_ours_fails_or_is_told(app: Flask, roles: list[Role]) -> None:
    # What ends a role is left to `make attack`, which makes it anew.
    targets = [one for one in all_addresses(app) if one.endpoint not in RARE]
    secrets = secrets_of(settings)
    found: Counter[int] = Counter()
    db.session.rollback()
    for number in range(COUNT):
        random = Random(f"{SEED}.{number}")
        sent = generated(random, targets, random.choice(roles))
        reply = ask(app, sent)
        found[reply.status] += 1
        assert judged(sent, reply, secrets) is None, (number, sent.curl("http://localhost"), reply)
    assert sum(found[status] for status in INSIDE) > COUNT * 0.3, found


def test_a_seed_makes_the_same_requests_again(app: Flask) -> None:
    targets, role = all_addresses(app), Role("stranger", {"a": "b"}, {"slug": ("c",)}, FIELDS)
    first, second = ([generated(Random(n), targets, role) for n in range(200)] for _ in range(2))
    assert first == second
    assert len({one.endpoint for one in first}) > 40
    assert all(b"\r\n\r\n" in one.raw("localhost", "10.0.0.1") for one in first)


def test_what_failed_can_be_sent_again_from_a_shell() -> None:
    body = bytes(range(256)) + b"it's 100 %d\\n"
    printed = subprocess.run(["sh", "-c", printf(body)], capture_output=True, check=True)
    assert printed.stdout == body
    sent = Sent("a", "b", "POST", "/a?b='c'", (("X-A", "it's"), ("X-B", "")), b"d")
    assert sent.curl("http://x") == (
        "printf 'd' | curl -i --path-as-is -X POST -H 'X-A: it'\"'\"'s' -H 'X-B;'"
        " 'http://x/a?b='\"'\"'c'\"'\"'' --data-binary @-"
    )
