"""The organiser's money on the live page, and the two downloads."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import text

from app.extensions import db
from app.store.models import OutboxEntry
from tests import factories
from tests.stories import Stories
from tests.views.desk import Desk


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "organiser")


@pytest.fixture
def stories(desk, bank, deliver) -> Stories:
    event = factories.an_event(organisation=desk.organisation, capacity=20)
    return Stories(event, bank, deliver)


def page_of(stories: Stories) -> str:
    return f"/organiser/events/{stories.event.slug}"


def tiles(html: str) -> list[str]:
    """The money tiles as a person reads them, the hints left out."""
    money = "".join(re.findall(r'<dl class="tiles live money">.*?</dl>', html, re.DOTALL))
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)<small>", money)
    return [f"{name}: {value}".replace("\u00a0", " ") for name, value in found]


def test_the_figures_are_on_the_live_page(desk, stories):
    stories.paid(2)
    stories.refunded(stories.paid(), "processed")
    stories.refunded(stories.paid(), "failed")
    waiting = stories.opened()
    html = desk.get(f"{page_of(stories)}/live").text
    assert tiles(html) == [
        "Taken: NGN 10,000.00",
        "Owed as refunds: NGN 5,000.00",
        "Refunded: NGN 5,000.00",
        "In doubt: NGN 5,000.00",
    ]
    assert "1 payment not certain yet" in html
    assert waiting.reference in html
    stories.did(waiting, "pay")
    html = desk.get(f"{page_of(stories)}/live").text
    assert "In doubt: NGN 0.00" in tiles(html)
    assert "every payment is certain" in html
    assert waiting.reference not in html


def test_refunds_that_need_a_person_are_counted(desk, stories):
    stories.refunded(stories.paid(), "needs-attention")
    assert "1 refund needs a person" in desk.get(page_of(stories)).text


def test_another_currency_has_tiles_for_what_there_is(desk, stories):
    stories.wrong("wrong_currency")
    html = desk.get(page_of(stories)).text
    assert len(tiles(html)) == 5
    assert tiles(html)[4] == "Owed as refunds: $5,000.00"


def test_money_that_nobody_can_explain_is_not_hidden(desk, stories):
    claim = factories.a_claim(stories.event, state="EXPIRED", ended_at=factories.utc_now())
    factories.a_payment(claim, state="SUCCEEDED", received_amount=700, received_currency="NGN")
    assert "neither a ticket nor a refund" in desk.get(page_of(stories)).text


def test_a_closed_sale_is_looked_at_until_its_money_is_certain(desk, stories):
    claim = stories.expired()
    db.session.execute(text("UPDATE events SET state = 'closed'"))
    db.session.commit()
    assert "hx-get" in desk.get(f"{page_of(stories)}/live").text
    stories.asked(claim)
    assert "hx-get" not in desk.get(f"{page_of(stories)}/live").text


@pytest.mark.parametrize("name", ["payments", "refunds"])
def test_a_sheet_is_a_file_of_its_own_kept_by_nobody_else(desk, stories, name):
    stories.everything()
    answer = desk.get(f"{page_of(stories)}/{name}.csv", buffered=True)
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == (
        f"attachment; filename={stories.event.slug}-{name}.csv"
    )
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) > 5
    assert f'href="{page_of(stories)}/{name}.csv"' in desk.get(page_of(stories)).text


@pytest.mark.parametrize("name", ["payments.csv", "refunds.csv"])
def test_sheets_of_another_organisation_are_404(desk, name):
    elsewhere = factories.an_event(line=False)
    assert desk.get(f"/organiser/events/{elsewhere.slug}/{name}").status_code == 404
    assert desk.get(f"/organiser/events/no-such/{name}").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("support", 403), ("organiser", 200), ("admin", 200)])
def test_sheets_are_for_organisers(app, role, status):
    desk = Desk(app, role)
    event = factories.an_event(line=False, organisation=desk.organisation)
    answer = desk.get(f"/organiser/events/{event.slug}/payments.csv", buffered=True)
    assert answer.status_code == status


def test_a_draft_has_a_sheet_with_nothing_in_it_and_no_tiles(desk):
    event = factories.an_event(organisation=desk.organisation, state="draft")
    page = f"/organiser/events/{event.slug}"
    assert tiles(desk.get(page).text) == []
    assert len(desk.get(f"{page}/refunds.csv", buffered=True).text.splitlines()) == 1


def test_a_gateway_that_does_not_answer_is_said(desk, stories):
    db.session.add(
        OutboxEntry(lane="money", kind="verify_payment", payload={}, attempts=3, last_error="502")
    )
    db.session.commit()
    for page in (page_of(stories), f"{page_of(stories)}/live", "/organiser/"):
        assert "The gateway has not answered since" in desk.get(page).text, page
