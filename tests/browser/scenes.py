"""Every page in every state, drawn for a browser.

Fans' pages are the organiser's previews, which know every state of the fans' state machines
(tests/views/test_previews.py holds them to it). Those of staff come from rows that stories leave.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pyotp
from flask import Flask
from sqlalchemy import select, text

from app.domain import errors
from app.domain.staff import HERE
from app.domain.tokens import InvitationToken, ResetToken, TicketToken
from app.extensions import db, settings
from app.line import verbs
from app.services import catalogue, outbox, refunds, staff_links
from app.services.marks import mark_once
from app.services.samples import samples_once
from app.store import marks as store_marks
from app.store.models import Event, OutboxEntry, Sample, StaffLink
from app.views.errors import failed, refused
from app.views.previews import PREVIEWS
from tests import factories
from tests.browser.site import Site
from tests.stories import Stories
from tests.views.desk import Desk, log_in

Draw = Callable[[], Any]
# One claim for each way in which it, its last payment and that payment's refund stand.
_CLAIMS = """
    SELECT DISTINCT ON (name) lower(concat_ws('-', c.state, p.state, r.state)) AS name, c.reference
    FROM claims c
    LEFT JOIN LATERAL (
        SELECT * FROM payments WHERE claim_id = c.id ORDER BY id DESC LIMIT 1
    ) p ON TRUE
    LEFT JOIN refunds r ON r.payment_id = p.id
    WHERE c.event_id = :event
    ORDER BY name, c.id DESC
"""
# What a refusal is made with, where its class alone is not enough.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Invalid": ({},),
    "AddressDiffers": ({},),
    "CodeWrong": ({},),
    "CodeOver": ({},),
    "ProofWrong": ({},),
    "NotOnSale": ("paused",),
    "FewerLeft": (1,),
    "AlreadyClaimed": ("FQ-MADEUP0000",),
    "CapacityTaken": (1, 2, 3),
}


CODE = "/staff/account/code"
MORE = {"draft": ("readiness",), "on-sale": ("readiness", "preview", "report")}


def of_fans(event: Event) -> dict[str, Draw]:
    facts = catalogue.facts(event.slug)
    return {f"fan/{name}": lambda one=one: one.draw(facts) for name, one in PREVIEWS.items()}


def of_refusals() -> dict[str, Draw]:
    """Each refusal that there is, as its own page, and a failure that nobody foresaw."""
    kinds = [kind for kind in _all(errors.Refusal) if kind.__module__ == errors.__name__]
    found: dict[str, Draw] = {
        f"refusal/{kind.__name__}": lambda kind=kind: refused(
            kind(*ARGUMENTS.get(kind.__name__, ()))
        )
        for kind in kinds
    }
    found["refusal/unforeseen"] = lambda: failed(ZeroDivisionError())
    return found


def of_staff(app: Flask, bank: Any, deliver: Any) -> dict[str, Draw]:
    organiser, site = Desk(app, "organiser"), {}
    support = Desk(app, "support", organiser.organisation)
    nobody = Desk(app, "organiser")

    def keep(name: str, answer: Any) -> None:
        assert answer.status_code in (200, 409, 422), f"{name}: {answer.status_code}"
        html, policy = answer.text, answer.headers["Content-Security-Policy"]
        site[f"staff/{name}"] = lambda: (html, {"Content-Security-Policy": policy})

    keep("log-in", app.test_client().get("/staff/login"))
    keep("no-events", nobody.get("/organiser/"))
    keep("new-event", nobody.get("/organiser/new"))
    keep("new-event-wrong", nobody.send("/organiser/new", title=""))
    keep("addresses", nobody.get("/organiser/addresses/"))
    keep("addresses-wrong", nobody.send("/organiser/addresses/", None, domains="example"))
    for name, event in _events(organiser).items():
        page = f"/organiser/events/{event.slug}"
        keep(f"event-{name}", organiser.get(page))
        if name in ("draft", "on-sale"):
            keep(f"edit-{name}", organiser.get(f"{page}/edit"))
            for more in MORE[name]:
                keep(f"{more}-{name}", organiser.get(f"{page}/{more}"))
    _of_marked(keep, organiser)
    keep("events", organiser.get("/organiser/"))
    _of_support(keep, organiser, support, bank, deliver)
    admin = Desk(app, "admin", organiser.organisation)
    admin.send("/staff/people/", "/staff/people/invite", email="b@example.com", role="support")
    admin.get("/staff/people/")
    keep("people", admin.get("/staff/people/"))
    keep("forgotten", app.test_client().get("/staff/forgotten"))
    for name in ("invitation", "reset"):
        keep(name, app.test_client().get(f"/staff/{name}/{_link(admin, name)}"))
    coded = Desk(app, "support", organiser.organisation)
    keep("code-on", coded.get(CODE))
    phone = pyotp.TOTP(re.search(r'secret">(\w+)<', coded.get(CODE).text)[1])
    keep("recovery-codes", coded.send(CODE, CODE, code=phone.now()))
    keep("account-with-code", coded.get("/staff/account/"))
    log_in(coded.client, coded.email)
    keep("code", coded.client.get("/staff/code"))
    keep("account", support.get("/staff/account/"))
    keep("actions", admin.get("/staff/actions"))
    return site


def _link(admin: Desk, name: str) -> str:
    """The end of a link as a mail brings it."""
    if name == "reset":
        staff_links.ask_for_reset(admin.email, HERE)
        payload = db.session.scalar(
            select(OutboxEntry.payload).where(OutboxEntry.kind == "send_reset")
        )
        db.session.rollback()
        with suppress(OSError, outbox.Later):
            # The link is made before the mail server is found to be away.
            staff_links.send_reset(payload)
        return ResetToken(payload["link_id"]).sign(settings.secret_key)
    link_id = db.session.scalar(select(StaffLink.id).where(StaffLink.kind == name))
    db.session.rollback()
    return InvitationToken(link_id).sign(settings.secret_key)


def _events(desk: Desk) -> dict[str, Event]:
    now = factories.utc_now()
    made = {
        "draft": {"state": "draft"},
        "before": {"state": "published", "sale_starts_at": now + timedelta(hours=2)},
        "on-sale": {"message": "Bring a coat.", "message_at": now},
        "paused": {},
        "closed": {"state": "closed"},
    }
    found = {
        name: factories.an_event(
            organisation=desk.organisation, title=f"Harbour Lights {name}", **values
        )
        for name, values in made.items()
    }
    slug = found["paused"].slug
    page = f"/organiser/events/{slug}"
    desk.send(page, f"{page}/pause", reason="We are checking the seating plan.")
    # What has been said of that is said once.
    desk.get(page)
    _busy_hour(found["on-sale"])
    return found


def _busy_hour(event: Event) -> None:
    """Claims, people in the line, and samples of an hour that leads there."""
    for number in range(14):
        paid = {"state": "CONFIRMED", "confirmed_at": factories.utc_now()}
        factories.a_claim(event, 4, **(paid if number < 11 else {}))
    event_id, now = event.id, factories.utc_now().replace(second=0, microsecond=0)
    db.session.rollback()
    for _ in range(120):
        verbs.join(event_id, 1, factories.an_id(), factories.an_id())
    for minute in range(60):
        part = (minute / 59) ** 1.5
        sold, held = round(44 * part), round(12 * part**0.5)
        db.session.add(
            Sample(
                event_id=event_id,
                at=now - timedelta(minutes=59 - minute),
                waiting=120 + round(150 * (1 - part)),
                inside=min(minute, 20),
                free=100 - sold - held,
                held=held,
                sold=sold,
                joined=270 + minute,
                admitted=round(190 * part),
                claimed=round(15 * part),
                paid=round(11 * part),
            )
        )
    db.session.commit()
    samples_once()
    db.session.rollback()


def _of_marked(keep: Callable[[str, Any], None], desk: Desk) -> None:
    """Marked places, undecided, suspended and with an appeal, and the page that decides."""
    event = factories.an_event(organisation=desk.organisation, title="Marked", mark_joins=3)
    page, event_id = f"/organiser/events/{event.slug}/marked", event.id
    keep("marked-none", desk.get(page))
    places = [factories.a_place(event, network="one").id for _ in range(25)]
    db.session.rollback()
    mark_once()
    store_marks.decide(event_id, places[:3], True, "Taken within a second.", 600.0, "system")
    words = "We are a class of thirty in one room, and each of us wants to see the show."
    store_marks.appeal(event_id, places[1], words)
    keep("marked", desk.get(page))
    number = db.session.scalar(text("SELECT min(number) FROM places WHERE network = 'one'"))
    db.session.rollback()
    keep("decide-one", desk.get(f"{page}/decide?number={number}"))
    ask = f"{page}/decide?rule=network&shared=one"
    keep("decide-refused", desk.send(ask, f"{page}/decide", do="remove", reason=""))


def _of_support(
    keep: Callable[[str, Any], None], organiser: Desk, support: Desk, bank: Any, deliver: Any
) -> None:
    event = factories.an_event(organisation=organiser.organisation, title="Money", capacity=40)
    stories = Stories(event, bank, deliver)
    stories.everything()
    factories.a_claim(event)
    for state in ("INITIALIZING", "PENDING", "ABANDONED", "SUPERSEDED"):
        factories.a_payment(factories.a_claim(event), state=state)
    stories.refunded(stories.paid())
    stories.refunded(stories.paid(), "processing")
    refunds.refund_claim(stories.paid().reference, "staff:7", "the fan fell ill")
    db.session.rollback()
    found = [tuple(row) for row in db.session.execute(text(_CLAIMS), {"event": event.id})]
    db.session.rollback()
    for name, reference in found:
        keep(f"claim-{name}", support.get(f"/support/claims/{reference}"))
    keep("event-with-money", organiser.get(f"/organiser/events/{event.slug}"))
    keep("search", support.get("/support/"))
    keep("search-nothing", support.get("/support/?q=nobody@example.com"))
    twice = factories.a_fan("ada@example.com")
    for other in range(2):
        factories.a_claim(
            factories.an_event(organisation=organiser.organisation, title=f"Other {other}"),
            fan=twice,
        )
    keep("search-results", support.get("/support/?q=ada@example.com"))
    _of_the_door(keep, support, event.id)
    page = f"/support/claims/{found[0][1]}"
    keep("claim-refused", support.send(page, f"{page}/refund", reason=""))


def _of_the_door(keep: Callable[[str, Any], None], support: Desk, event_id: int) -> None:
    """The check of a ticket, with each of its verdicts."""
    query = "SELECT code FROM tickets WHERE event_id = :event AND code IS NOT NULL LIMIT 1"
    code = db.session.execute(text(query), {"event": event_id}).scalar_one()
    db.session.rollback()
    scanned = {
        "": "",
        "valid": TicketToken(code).sign(settings.secret_key),
        "void": TicketToken("7K3M9QXDR2B04ZTV").sign(settings.secret_key),
        "bare": code,
        "forged": TicketToken(code).sign("another key"),
    }
    page = "/support/ticket"
    keep("ticket", support.get(page))
    for name, shown in scanned.items():
        keep(f"ticket-{name or 'nothing'}", support.send(page, page, ticket=shown))


def distinct(site: Site) -> Iterator[str]:
    """The names of all scenes, but of refusals that differ in their words only one."""
    seen = set()
    for name in site.scenes:
        if name.startswith("refusal/"):
            form = form_of(site, name)
            if form in seen:
                continue
            seen.add(form)
        yield name


def form_of(site: Site, name: str) -> str:
    """A scene's page without its words."""
    with site.app.test_request_context("/"):
        site.app.preprocess_request()
        html = site.app.make_response(site.scenes[name]()).get_data(as_text=True)
    return re.sub(r">[^<]*[^<\s][^<]*<", ">words<", html)


def _all(kind: type[errors.Refusal]) -> list[type[errors.Refusal]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _all(child))]
