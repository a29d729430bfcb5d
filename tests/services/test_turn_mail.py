"""Mails before the turn and at it: once each, only to proven addresses."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event as sa_event
from sqlalchemy import text

from app.extensions import db, settings
from app.services import admission, catalogue, journal, line, outbox, turn_mail
from tests.factories import a_fan, an_event, an_id, utc_now
from tests.services.test_mail import caught  # noqa: F401

FAST = 6_000_000


def proven(event: Any, count: int) -> list[str]:
    """Addresses of so many who joined, in order of number."""
    tokens = [line.join(event.slug, an_id()) for _ in range(count)]
    journal.journal_once()
    fans = [a_fan() for _ in tokens]
    emails = [fan.email for fan in fans]
    for token, fan in zip(tokens, fans, strict=True):
        db.session.execute(
            text("UPDATE places SET fan_id = :fan WHERE id = :id"),
            {"fan": fan.id, "id": token.place_id},
        )
    db.session.commit()
    return emails


def owed() -> list[tuple[str, str]]:
    rows = db.session.execute(
        text(
            "SELECT o.kind, f.email FROM outbox o JOIN places p ON p.id = o.payload ->> 'place_id'"
            " JOIN fans f ON f.id = p.fan_id WHERE o.kind IN ('send_soon', 'send_turn')"
            " ORDER BY p.number, o.id"
        )
    ).all()
    db.session.commit()
    return [(kind, email) for kind, email in rows]


def test_who_is_inside_and_who_is_near_hear_of_it_once(app: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(turn_mail, "_AT_LEAST", 2)
    event = an_event(admit_per_minute=FAST, pass_capacity=2)
    emails = proven(event, 6)
    line.join(event.slug, an_id())
    admission.admit_once()
    journal.journal_once()
    monkeypatch.setattr(turn_mail, "_soon", lambda _: 3)
    assert turn_mail.owe_once() == 5
    assert turn_mail.owe_once() == 0
    kinds = ["send_turn"] * 2 + ["send_soon"] * 3
    assert owed() == list(zip(kinds, emails, strict=False))


def test_five_minutes_of_people_are_near(app: Any) -> None:
    event = an_event(admit_per_minute=60)
    assert turn_mail._soon(catalogue.facts(event.slug)) == 300


@pytest.mark.parametrize(("minutes", "soon"), [(3, 120), (7, 0)])
def test_before_the_sale_the_wait_for_its_start_counts(app: Any, minutes: int, soon: int) -> None:
    from datetime import timedelta

    starts = utc_now() + timedelta(minutes=minutes)
    event = an_event(admit_per_minute=60, sale_starts_at=starts)
    assert turn_mail._soon(catalogue.facts(event.slug)) == pytest.approx(soon, abs=3)


@pytest.mark.parametrize("change", ["state = 'closed'", "sale_ends_at = now()"])
def test_a_line_that_does_not_move_sends_nothing(app: Any, change: str) -> None:
    event = an_event()
    proven(event, 1)
    db.session.execute(text(f"UPDATE events SET {change}"))
    db.session.commit()
    assert turn_mail.owe_once() == 0


def test_it_is_one_statement_for_a_whole_line(app: Any) -> None:
    event = an_event(admit_per_minute=600)
    proven(event, 40)
    said: list[str] = []
    listen = lambda *args: said.append(args[2])  # noqa: E731
    sa_event.listen(db.engine, "before_cursor_execute", listen)
    try:
        assert turn_mail.owe_once() == 40
    finally:
        sa_event.remove(db.engine, "before_cursor_execute", listen)
    # The events, in SQLAlchemy; the mails, in the driver alone.
    assert len(said) == 1


def test_the_mails_say_when_and_open_the_place_in_any_browser(app: Any, caught: Any) -> None:  # noqa: F811
    event = an_event(admit_per_minute=FAST, pass_capacity=1, title="Harbour Lights")
    first, second = proven(event, 2)
    admission.admit_once()
    journal.journal_once()
    turn_mail.owe_once()
    assert outbox.deliver_once("mail") == 2
    mails = {str(mail.to): mail for mail in caught()}
    turn = next(mail for to, mail in mails.items() if first in to)
    soon = next(mail for to, mail in mails.items() if second in to)
    assert turn.subject == "It is your turn: Harbour Lights"
    assert "Choose your tickets by" in turn.text
    assert soon.subject == "Your turn is near: Harbour Lights"
    assert "about 5 minutes" in soon.text
    assert max(len(row) for row in soon.text.splitlines() if "http" not in row) <= 78
    browser = app.test_client()
    link = next(row for row in turn.text.splitlines() if row.startswith(settings.public_url))
    path = link.removeprefix(settings.public_url)
    assert browser.get(path).status_code == 200
    assert browser.post(path, follow_redirects=True).status_code == 200
    # The mail went to the proven address, so nothing stands before the tickets.
    form = browser.get(f"/events/{event.slug}/claim")
    assert form.status_code == 200
    assert first in form.text


def test_what_is_no_longer_true_is_not_sent(app: Any, caught: Any) -> None:  # noqa: F811
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    proven(event, 2)
    admission.admit_once()
    journal.journal_once()
    turn_mail.owe_once()
    db.session.execute(text("UPDATE places SET state = 'left', ended_at = now()"))
    db.session.commit()
    assert outbox.deliver_once("mail") == 2
    assert caught() == []
