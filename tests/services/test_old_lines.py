"""Lines that are long over leave Redis; their fans are told the truth all the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.tokens import PlaceToken
from app.extensions import db
from app.line import verbs
from app.line.keys import keys_of
from app.services import admission, audit, catalogue, journal, line, old_lines, reconciliation
from tests.factories import a_claim, a_payment, an_event, an_id, utc_now


def change(statement: str, event: Any) -> None:
    db.session.execute(text(statement), {"id": event.id})
    db.session.commit()
    catalogue.forget_all()
    line.forget_all()


def close(event: Any, days_ago: int = 8) -> None:
    change(
        "UPDATE events SET state = 'closed', sale_starts_at = sale_starts_at - interval '30 days',"
        f" sale_ends_at = now() - interval '{days_ago} days' WHERE id = :id",
        event,
    )


def names(line_redis: Any, event: Any) -> set[str]:
    return {name.rpartition(":")[2] for name in line_redis.keys(keys_of(event.id).base + "*")}


@pytest.fixture
def sale(app: Any, line_redis: Any) -> tuple[Any, list[PlaceToken]]:
    """A sale with three in line, of whom the last left."""
    event = an_event()
    catalogue.forget_all()
    tokens = [line.join(event.slug, an_id()) for _ in range(3)]
    line.leave(event.slug, tokens[2])
    journal.journal_once()
    return event, tokens


def test_a_line_that_is_long_over_is_dropped_once(sale: Any, line_redis: Any) -> None:
    event, _ = sale
    close(event)
    assert old_lines.drop_once() == 1
    assert names(line_redis, event) == set()
    assert old_lines.drop_once() == 0
    # Nothing brings it back, and nothing cries.
    assert admission.admit_once() == journal.journal_once() == reconciliation.reconcile_once() == 0
    assert line_redis.exists(keys_of(event.id).epoch) == 0
    report = audit.audit()
    assert (report.violations, report.unchecked) == ([], [])


def test_its_fans_are_told_the_truth(sale: Any, line_redis: Any) -> None:
    event, tokens = sale
    close(event)
    old_lines.drop_once()
    catalogue.forget_all()
    line.forget_all()
    shown = [line.status(event.slug, token) for token in tokens]
    assert [(one.state, one.line_safe) for one in shown] == [
        ("closed", True),
        ("closed", True),
        ("left", True),
    ]
    line.leave(event.slug, tokens[0])
    assert line.status(event.slug, tokens[0]).state == "left"


@pytest.mark.parametrize(
    "why",
    [
        "UPDATE events SET state = 'on_sale' WHERE id = :id",
        "UPDATE events SET sale_ends_at = now() - interval '6 days' WHERE id = :id",
        # Closed today, though it was to end long ago: what counts is when it was closed.
        "INSERT INTO timeline (event_id, actor, verb) VALUES (:id, 'system', 'closed')",
    ],
)
def test_a_line_that_is_not_over_for_so_long_stays(sale: Any, line_redis: Any, why: str) -> None:
    event, _ = sale
    close(event)
    change(why, event)
    before = names(line_redis, event)
    assert old_lines.drop_once() == 0
    assert names(line_redis, event) == before


def test_a_line_with_a_hold_or_an_open_payment_stays(sale: Any, line_redis: Any) -> None:
    event, _ = sale
    claim = a_claim(event)
    close(event)
    assert old_lines.drop_once() == 0
    a_payment(claim, next_check_at=utc_now())
    change("UPDATE tickets SET claim_id = NULL WHERE event_id = :id", event)
    change("UPDATE claims SET state = 'EXPIRED', ended_at = now() WHERE event_id = :id", event)
    assert old_lines.drop_once() == 0
    change("UPDATE payments SET state = 'FAILED', next_check_at = NULL WHERE :id > 0", event)
    assert old_lines.drop_once() == 1


def test_what_postgres_has_not_read_is_read_first(sale: Any, line_redis: Any) -> None:
    event, _ = sale
    verbs.join(event.id, event.line.epoch, an_id(), an_id())
    close(event)
    assert old_lines.drop_once() == 0
    assert db.session.scalar(text("SELECT count(*) FROM places")) == 4
    assert old_lines.drop_once() == 1


def test_a_copy_of_another_life_goes_as_well(sale: Any, line_redis: Any) -> None:
    event, _ = sale
    line_redis.set(keys_of(event.id).epoch, "1:another server")
    line_redis.xadd(keys_of(event.id).journal, {"of": "a life that does not count"})
    close(event)
    assert old_lines.drop_once() == 1


def test_a_copy_of_a_life_that_postgres_does_not_know_yet_stays(sale: Any, line_redis: Any) -> None:
    event, _ = sale
    close(event)
    line_redis.set(keys_of(event.id).building, "7:a server")
    assert old_lines.drop_once() == 0
    assert line_redis.exists(keys_of(event.id).seq) == 1


def test_nought_days_keep_every_line(sale: Any, monkeypatch: Any) -> None:
    event, _ = sale
    close(event)
    monkeypatch.setattr(old_lines, "settings", SimpleNamespace(keep_lines_days=0))
    assert old_lines.drop_once() == 0
