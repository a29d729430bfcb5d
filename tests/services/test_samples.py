"""Samples of a sale: taken once for ten seconds, thinned later, drawn as a chart."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app.domain.errors import LineUnavailable
from app.extensions import db
from app.line import verbs
from app.services import catalogue, dashboard, journal, samples, staff
from app.store.models import Event, Sample
from tests import factories


def taken(event: Event) -> list[Sample]:
    db.session.rollback()
    return list(
        db.session.scalars(select(Sample).where(Sample.event_id == event.id).order_by(Sample.at))
    )


def age(event: Event, **interval: float) -> None:
    """Make every sample of the event older, by whole tens of seconds."""
    db.session.execute(
        text("UPDATE samples SET at = at - :age WHERE event_id = :id"),
        {"age": timedelta(**interval), "id": event.id},
    )
    db.session.commit()


def insert(event: Event, count: int, every: int, newest_age: timedelta) -> None:
    db.session.execute(
        text(
            "INSERT INTO samples (event_id, at, waiting, inside, free, held, sold, joined,"
            " admitted, claimed, paid) SELECT :id, date_bin('10 seconds', now() - :age, 'epoch')"
            " - n * make_interval(secs => :every), n, 0, 0, 0, 0, 0, 0, 0, 0"
            " FROM generate_series(0, :count - 1) n"
        ),
        {"id": event.id, "age": newest_age, "every": every, "count": count},
    )
    db.session.commit()


def test_a_sample_counts_the_line_the_tickets_and_how_far_fans_came(app):
    event = factories.an_event(capacity=20)
    for _ in range(3):
        verbs.join(event.id, 1, factories.an_id(), factories.an_id())
    journal.journal_once()
    # The numbers of places that were written past the line are far behind it.
    for number, quantity, state in ((101, 2, "HELD"), (102, 3, "CONFIRMED")):
        fan = factories.a_fan()
        place = factories.an_admitted_place(event, fan, state="used", number=number)
        paid_at = factories.utc_now() if state == "CONFIRMED" else None
        factories.a_claim(event, quantity, fan, place=place, state=state, confirmed_at=paid_at)
    factories.a_place(event, state="left", number=103)
    lower = factories.a_place(event, state="expired", number=104)
    factories.a_place(event, state="merged", number=105, merged_into=lower.id)
    other = factories.an_event()

    assert samples.samples_once() == 2
    (one,) = taken(event)
    assert (one.waiting, one.inside, one.free, one.held, one.sold) == (3, 0, 15, 2, 3)
    # Three wait, two claimed, one left and one missed the turn; who joined twice counts once.
    assert (one.joined, one.admitted, one.claimed, one.paid) == (7, 2, 2, 1)
    assert len(taken(other)) == 1


def test_ten_seconds_have_one_sample(app):
    event = factories.an_event()
    for _ in range(3):
        samples.samples_once()
    assert 1 <= len(taken(event)) <= 2
    age(event, seconds=20)
    samples.samples_once()
    assert 2 <= len(taken(event)) <= 3


def test_without_redis_the_records_are_counted(app, monkeypatch):
    event = factories.an_event(line=False)
    factories.a_place(event)

    def away(*args):
        raise LineUnavailable

    monkeypatch.setattr(dashboard.verbs, "snapshot", away)
    samples.samples_once()
    assert taken(event)[0].waiting == 1


def test_a_closed_sale_is_looked_at_until_nothing_is_held(app):
    event = factories.an_event()
    draft = factories.an_event(state="draft")
    claim = factories.a_claim(event, 2)
    samples.samples_once()
    age(event, seconds=20)
    event.state = "closed"
    db.session.commit()
    assert samples.samples_once() == 1
    age(event, seconds=20)
    claim.state, claim.confirmed_at = "CONFIRMED", factories.utc_now()
    db.session.commit()
    assert samples.samples_once() == 1
    age(event, seconds=20)
    assert samples.samples_once() == 0
    assert [(one.held, one.sold) for one in taken(event)] == [(2, 0), (2, 0), (0, 2)]
    assert taken(draft) == []


def test_old_samples_are_thinned_but_those_of_the_beginning_stay(app):
    event = factories.an_event(sale_starts_at=factories.utc_now() - timedelta(days=9))
    insert(event, 30, 10, timedelta(minutes=5))
    insert(event, 60, 10, timedelta(hours=5))
    insert(event, 120, 10, timedelta(days=3))
    insert(event, 50, 10, timedelta(days=8, hours=23))
    removed = samples.thin_once()
    left = [factories.utc_now() - one.at for one in taken(event)]
    assert removed == 260 - len(left)
    day, hour = timedelta(days=1), timedelta(hours=1)
    assert len([age for age in left if age < hour]) == 30
    # Ten minutes at one a minute, twenty at one in ten; the edges may fall anywhere.
    assert 10 <= len([age for age in left if hour < age < day]) <= 11
    assert 2 <= len([age for age in left if day < age < 5 * day]) <= 3
    assert len([age for age in left if age > 5 * day]) == 50
    assert samples.thin_once() == 0


@pytest.fixture
def event(app) -> Event:
    return factories.an_event()


def test_the_story_of_a_sale_is_bounded_and_ends_with_the_newest_sample(event):
    insert(event, 3000, 10, timedelta(seconds=5))
    facts = catalogue.facts(event.slug)
    hour, whole = samples.story(facts, "hour"), samples.story(facts, "all")
    assert hour.chart is not None
    assert whole.chart is not None
    assert hour.chart.last == whole.chart.last == taken(event)[-1].at
    assert timedelta(minutes=58) < hour.chart.last - hour.chart.first <= timedelta(hours=1)
    assert whole.chart.last - whole.chart.first > timedelta(hours=8)
    assert len(whole.chart.curves["waiting"].lines) < 10_000


def test_the_story_of_a_sale_nobody_looked_at_is_empty(event):
    told = samples.story(catalogue.facts(event.slug))
    assert (told.chart, told.funnel, told.healed) == (None, None, [])


def test_what_was_healed_is_told(event):
    db.session.execute(
        text(
            "INSERT INTO timeline (event_id, actor, verb, detail) VALUES"
            " (:id, 'system', 'healed', '{\"tickets\": 2, \"places\": 1}'),"
            " (:id, 'system', 'opened', '{}')"
        ),
        {"id": event.id},
    )
    db.session.commit()
    (one,) = samples.story(catalogue.facts(event.slug)).healed
    assert (one.tickets, one.places) == (2, 1)


def test_a_line_that_stands_beside_free_tickets_is_an_alarm_of_the_live_figures(app):
    member = staff.by_email(factories.a_staff_member("organiser").email)
    event = factories.an_event(organisation_id=member.organisation_id)
    verbs.join(event.id, 1, factories.an_id(), factories.an_id())
    samples.samples_once()
    assert not dashboard.live(member, event.slug).line_stands
    age(event, minutes=5)
    live = dashboard.live(member, event.slug)
    assert (live.beats_stand, live.line_stands) == (True, False)
    samples.samples_once()
    live = dashboard.live(member, event.slug)
    assert (live.beats_stand, live.line_stands) == (False, True)
    assert live.standing_since == db.session.scalar(select(func.min(Sample.at)))
