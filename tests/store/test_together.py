"""Statements of several threads in one transaction: one commit for all, and each stands alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg
import pytest
from flask import has_app_context
from sqlalchemy import text

from app.combining import Combiner
from app.domain import errors
from app.extensions import db as database
from app.line.client import line_client
from app.services import claims, inbox
from app.store import db
from drill.stage import wait_until
from tests import factories


class Crowd:
    """Buyers who claim at one time, in threads of one process."""

    def __init__(self, app: Any, settings: Any, pool: ThreadPoolExecutor) -> None:
        self.app, self.settings, self.pool = app, settings, pool
        self.event = factories.an_event(capacity=20)
        self.buyers = [factories.a_buyer(self.event) for _ in range(5)]

    def _work(self, work: Callable[[], Any]) -> Any:
        with self.app.app_context():
            return work()

    def starts(self, combiner: Combiner[Any], work: Callable[[], Any]) -> Future[Any]:
        """Have it done in a thread, after what was started before."""
        waiting, asking = len(combiner._next), combiner.is_asking
        done = self.pool.submit(self._work, work)

        def has_started() -> bool:
            # What nobody holds up may be over before anybody looks.
            return done.done() or (len(combiner._next) > waiting if asking else combiner.is_asking)

        assert wait_until(has_started, 10, 0.001)
        return done

    def claims(self, number: int) -> Future[Any]:
        buyer = self.buyers[number]
        form_key = f"the form of buyer {number}"
        return self.starts(claims._combiner, lambda: buyer.claim(form_key=form_key))

    @contextmanager
    def held_up(self, number: int) -> Iterator[psycopg.Connection[Any]]:
        """Whoever claims with this buyer's place waits for it."""
        place = self.buyers[number].pass_token.place_id
        with psycopg.connect(self.settings.database_url) as other:
            other.execute("SELECT FROM places WHERE id = %s FOR UPDATE", [place])
            yield other


@pytest.fixture
def crowd(app: Any, settings: Any) -> Iterator[Crowd]:
    with ThreadPoolExecutor(8) as pool:
        yield Crowd(app, settings, pool)


def transaction_of(reference: str) -> str:
    query = text("SELECT xmin FROM claims WHERE reference = :reference")
    found = str(database.session.scalar(query, {"reference": reference}))
    database.session.rollback()
    return found


def test_claims_in_flight_share_one_commit(crowd: Crowd) -> None:
    with crowd.held_up(0):
        asked = [crowd.claims(number) for number in range(4)]
    first, *others = [transaction_of(done.result(10)) for done in asked]
    assert len(set(others)) == 1
    assert first not in others


def test_what_is_refused_to_one_is_not_refused_to_the_others(crowd: Crowd) -> None:
    with crowd.held_up(2), crowd.held_up(0) as other:
        asked = [crowd.claims(number) for number in range(4)]
        other.rollback()
        references = [asked[number].result(10) for number in (0, 1, 3)]
        # It still waits for a row that somebody else holds, by itself now.
        assert not asked[2].done()
    assert len({transaction_of(reference) for reference in references}) == 3
    assert asked[2].result(10) not in references


def test_a_repeat_beside_its_first_finds_what_that_one_made(crowd: Crowd) -> None:
    with crowd.held_up(0):
        asked = [crowd.claims(0), crowd.claims(1), crowd.claims(1)]
    answers = [done.exception(10) or done.result() for done in asked[1:]]
    assert answers[0] == answers[1]


def test_when_the_connection_breaks_nobody_is_told_no(crowd: Crowd) -> None:
    """Each asks by the key of its form what became of its claim; here nothing did."""
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with crowd.held_up(2), crowd.held_up(0) as other:
        asked = [crowd.claims(number) for number in range(4)]
        other.rollback()
        assert asked[0].result(10)
        assert wait_until(lambda: bool(other.execute(ending).fetchall()), 10, 0.001)
        for done in asked[1:]:
            assert isinstance(done.exception(10), errors.OutcomeUnknown)
    assert crowd.claims(1).result(10)


@contextmanager
def somebody_asks(crowd: Crowd, key: str) -> Iterator[Future[Any]]:
    """A webhook that waits for another one of the same hash."""
    with psycopg.connect(crowd.settings.database_url) as other:
        other.execute("INSERT INTO inbox (key, kind, body) VALUES (%s, 'a kind', '{}')", [key])
        yield crowd.starts(db._combiner, lambda: kept(key))
        other.rollback()


def kept(key: str) -> bool:
    return inbox.store.keep(key, "a kind", {}, False)


def test_webhooks_that_come_together_are_kept_in_one_commit(crowd: Crowd) -> None:
    with somebody_asks(crowd, "1") as first:
        others = [crowd.starts(db._combiner, lambda key=key: kept(key)) for key in "423"]
    assert all(done.result(10) for done in (first, *others))
    found = database.session.execute(text("SELECT xmin, key FROM inbox ORDER BY id")).all()
    assert [row.key for row in found] == ["1", "2", "3", "4"], "in the order of their keys"
    assert len({str(row.xmin) for row in found[1:]}) == 1


def test_what_cannot_be_written_spoils_nothing_for_the_others(crowd: Crowd) -> None:
    asked = [{"email": "a\0b"}, {"email": "ada@example.com"}]
    assert db.together("export_fan", asked) is None
    assert len(db.together("export_fan", asked[1:]) or ()) == 1


def test_nobody_waits_behind_who_looks_whether_a_silent_server_is_back(crowd: Crowd) -> None:
    with somebody_asks(crowd, "1") as looking:
        db._silence.began()
        started = monotonic()
        with pytest.raises(errors.StoreUnavailable):
            kept("2")
        assert monotonic() - started < 0.3
    assert looking.result(10)
    db.forget_all()
    with crowd.held_up(0):
        looking = crowd.claims(0)
        line_client._silence.began()
        with pytest.raises(errors.LineUnavailable):
            claims._try(claims._Request(*[None] * 5), 0)  # type: ignore[arg-type]
    assert looking.result(10)


def test_what_needs_a_context_makes_its_own_where_there_is_none(crowd: Crowd) -> None:
    def outside() -> Any:
        assert not has_app_context()
        with db.transaction() as session:
            assert has_app_context()
            found = session.execute(text("SELECT count(*) FROM tickets")).scalar()
        assert not has_app_context()
        with db.autocommit_engine().connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM tickets")).scalar() == found
        with db.snapshot() as connection:
            assert connection.execute(text("SELECT count(*) FROM tickets")).scalar() == found
        return found

    assert crowd.pool.submit(outside).result(10) == 20
    assert has_app_context(), "a thread's context is its own"
    mine = database.session()
    with db.transaction():
        assert database.session() is mine, "where there is one, it is used"
