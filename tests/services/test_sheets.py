"""The downloads add up to the organiser's figures, and no cell is taken for a formula."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from decimal import Decimal

import pytest

from app.domain import errors
from app.extensions import db
from app.services import dashboard, samples, sheets, staff
from app.store.models import Event, Payment, Refund
from tests import factories
from tests.stories import Stories

Rows = list[dict[str, str]]


@pytest.fixture
def organiser(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("organiser").email)


@pytest.fixture
def event(organiser) -> Event:
    return factories.an_event(organisation_id=organiser.organisation_id, capacity=15)


def rows(sheet) -> Rows:
    with sheet:
        return list(csv.DictReader(io.StringIO(sheet.read().decode(), newline="")))


def sums(found: Rows, amount: str, currency: str) -> dict[tuple[str, str], int]:
    """{(currency, what it counts as): sum in the smallest unit}"""
    total: dict[tuple[str, str], int] = defaultdict(int)
    for row in found:
        if row[amount]:
            total[row[currency], row["counts_as"]] += int(row[amount])
    return total


def test_the_sums_are_the_figures_of_the_page_after_all_that_can_happen(
    organiser, event, bank, deliver
):
    Stories(event, bank, deliver).everything()
    db.session.rollback()
    figures = dashboard.live(organiser, event.slug).sums
    payments, refunds = (
        rows(sheet(organiser, event.slug)) for sheet in (sheets.payments, sheets.refunds)
    )
    received = sums(payments, "received_smallest_unit", "received_currency")
    asked = sums(payments, "amount_smallest_unit", "currency")
    back = sums(refunds, "amount_smallest_unit", "currency")
    assert {row.currency for row in figures} == {"NGN", "USD"}
    for row in figures:
        assert row.taken == received[row.currency, "taken"]
        assert row.in_doubt == asked[row.currency, "in doubt"]
        assert row.owed == back[row.currency, "refund owed"]
        assert row.refunded == back[row.currency, "refunded"]
        # Whatever came in is one of the three.
        assert row.taken + row.owed + row.refunded == sum(
            amount for (currency, _), amount in received.items() if currency == row.currency
        )
        assert row.unexplained == 0
    ngn = figures[0]
    assert all((ngn.taken, ngn.owed, ngn.refunded, ngn.in_doubt))
    # The bank's own books say the same.
    there = [charge for charge in bank.ledger.as_json()["transactions"] if charge["paid_at"]]
    assert sum(charge["amount"] for charge in there) == sum(
        row.taken + row.owed + row.refunded for row in figures
    )


def test_each_payment_and_each_refund_has_one_row(organiser, event, bank, deliver):
    Stories(event, bank, deliver).everything()
    found = rows(sheets.payments(organiser, event.slug))
    assert len(found) == db.session.query(Payment).count()
    assert {row["counts_as"] for row in found} == {
        "taken", "refund owed", "refunded", "in doubt", "nothing",
    }  # fmt: skip
    refunds = rows(sheets.refunds(organiser, event.slug))
    assert len(refunds) == db.session.query(Refund).count()
    assert {row["state"] for row in refunds} >= {
        "pending", "processed", "failed", "needs-attention", "settled",
    }  # fmt: skip
    assert {row["reason"] for row in refunds} >= {
        "wrong amount", "wrong currency", "paid twice", "claim was given back",
        "support: the fan fell ill",
    }  # fmt: skip


def test_a_row_says_all_of_a_payment(organiser, event, bank, deliver):
    claim = Stories(event, bank, deliver).paid(2)
    (row,) = rows(sheets.payments(organiser, event.slug))
    assert list(row) == list(sheets.PAYMENTS)
    assert (row["payment"], row["claim"]) == (f"{claim.reference}-1", claim.reference)
    assert (row["state"], row["counts_as"]) == ("SUCCEEDED", "taken")
    assert (row["amount_smallest_unit"], row["amount"]) == ("1000000", "10000.00")
    assert Decimal(row["received"]) == 10_000
    assert row["paid_utc"].endswith("Z")
    assert row["refund_state"] == ""


def test_without_a_payment_there_is_the_header_alone(organiser, event):
    for sheet, columns in ((sheets.payments, sheets.PAYMENTS), (sheets.refunds, sheets.REFUNDS)):
        with sheet(organiser, event.slug) as file:
            assert file.read().decode() == ",".join(columns) + "\r\n"


def test_no_cell_is_taken_for_a_formula(organiser, event):
    claim = factories.a_claim(event, state="EXPIRED", ended_at=factories.utc_now())
    payment = factories.a_payment(
        claim, state="SUCCEEDED", received_amount=7, received_currency="NGN", gateway_status="+1"
    )
    reason = '=HYPERLINK("http://evil.example","Ọ̀rẹ́, click")\nnow'
    db.session.add(Refund(payment_id=payment.id, amount=7, currency="NGN", reason=reason))
    db.session.commit()
    (row,) = rows(sheets.refunds(organiser, event.slug))
    assert row["reason"] == f"'{reason}"
    (row,) = rows(sheets.payments(organiser, event.slug))
    assert row["gateway_says"] == "'+1"


def test_many_rows_are_read_in_parts_and_written_to_disk(organiser, event, monkeypatch):
    monkeypatch.setattr(sheets, "_IN_MEMORY", 1000)
    monkeypatch.setattr("app.store.money._AT_ONCE", 10)
    claim = factories.a_claim(event)
    db.session.add_all(
        Payment(claim_id=claim.id, reference=f"R-{n}", amount=1, currency="NGN") for n in range(55)
    )
    db.session.commit()
    found = rows(sheets.payments(organiser, event.slug))
    assert [row["payment"] for row in found] == [f"R-{n}" for n in range(55)]


def test_an_event_of_another_organisation_is_unknown(organiser):
    elsewhere = factories.an_event(line=False)
    for sheet in (sheets.payments, sheets.refunds, sheets.tickets, sheets.samples):
        with pytest.raises(errors.EventUnknown):
            sheet(organiser, elsewhere.slug)


def test_the_list_for_the_door_has_every_paid_ticket_and_no_other(organiser, event):
    factories.a_claim(event, 2)
    paid = factories.a_claim(event, 3, state="CONFIRMED", confirmed_at=factories.utc_now())
    found = rows(sheets.tickets(organiser, event.slug))
    assert [(row["claim"], row["ticket"]) for row in found] == [
        (paid.reference, str(number)) for number in (3, 4, 5)
    ]


def test_the_figures_over_time_are_the_samples(organiser, event):
    samples.samples_once()
    (row,) = rows(sheets.samples(organiser, event.slug))
    assert (row["free"], row["sold"], row["in_line"]) == ("15", "0", "0")
