"""The last tickets, raced by many threads."""

from __future__ import annotations

from sqlalchemy import func, select

from app.domain import errors
from app.extensions import db
from app.store.models import Claim, Ticket
from tests import factories


def test_two_hundred_threads_on_the_last_five_tickets_sell_exactly_five(app, race):
    event = factories.an_event(capacity=5)
    buyers = [factories.a_buyer(event) for _ in range(200)]
    answers = race(200, lambda i: buyers[i].claim())
    sold = [answer for answer in answers if isinstance(answer, str)]
    assert len(sold) == 5
    assert all(isinstance(a, (str, errors.NoneLeft, errors.NoneFreeNow)) for a in answers), answers
    assert db.session.scalar(select(func.count(Claim.id))) == 5


def test_two_hundred_threads_without_redis_sell_exactly_five(app, race, line_redis):
    event = factories.an_event(capacity=5)
    buyers = [factories.a_buyer(event) for _ in range(200)]
    line_redis.flushall()
    answers = race(200, lambda i: buyers[i].claim())
    assert sum(isinstance(answer, str) for answer in answers) == 5
    distinct = select(func.count(func.distinct(Ticket.claim_id)))
    assert db.session.scalar(distinct) == 5
