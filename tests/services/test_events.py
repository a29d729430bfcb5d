"""Every verb of an event and every refusal, on real Postgres and Redis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text, update

from app.domain import errors
from app.domain.event_forms import EMPTY
from app.extensions import db
from app.line import inventory
from app.services import catalogue, events, staff
from app.store.models import Event, Line, Place, Ticket, TimelineEntry
from tests import factories

VERBS = {
    "publish": ("draft", events.publish),
    "open": ("published", events.open_sale),
    "pause": ("on_sale", lambda who, slug, seen: events.pause(who, slug, seen, "A check.")),
    "resume": ("paused", events.resume),
    "close": ("on_sale", events.close),
}
STATES = ("draft", "published", "on_sale", "paused", "closed")
ALLOWED = {
    ("draft", "publish"): "published",
    ("published", "open"): "on_sale",
    ("published", "close"): "closed",
    ("on_sale", "pause"): "paused",
    ("on_sale", "close"): "closed",
    ("paused", "resume"): "on_sale",
    ("paused", "close"): "closed",
}


def a_form(**values: str) -> dict[str, str]:
    now = factories.utc_now()
    return (
        EMPTY
        | {
            "title": "Harmattan Nights",
            "venue": "Lagos",
            "starts_at": (now + timedelta(days=40)).strftime("%Y-%m-%dT%H:%M"),
            "sale_starts_at": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
            "sale_ends_at": (now + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M"),
            "capacity": "10",
            "price": "15,000.50",
        }
        | values
    )


@pytest.fixture
def organiser(app) -> staff.StaffMember:
    return staff.by_email(factories.a_staff_member("organiser").email)


@pytest.fixture
def stranger(app) -> staff.StaffMember:
    """An organiser of another organisation."""
    elsewhere = factories.an_organisation("Abuja Stages")
    return staff.by_email(factories.a_staff_member("organiser", elsewhere).email)


def an_event(organiser, state: str = "on_sale", **overrides) -> Event:
    overrides = {"capacity": 10, "line": False} | overrides
    return factories.an_event(state=state, organisation_id=organiser.organisation_id, **overrides)


def numbers_in_postgres(event) -> list[int]:
    return list(
        db.session.scalars(
            select(Ticket.number).where(Ticket.event_id == event.id).order_by(Ticket.number)
        )
    )


def free_in_redis(event) -> set[int]:
    facts = catalogue.facts_by_id(event.id)
    return set(inventory.look(event.id, facts.epoch, 0, 1000)[0])


def verbs_of(event) -> list[tuple[str, str]]:
    rows = db.session.execute(
        select(TimelineEntry.verb, TimelineEntry.actor)
        .where(TimelineEntry.event_id == event.id)
        .order_by(TimelineEntry.id)
    )
    return [tuple(row) for row in rows]


def state_of(event) -> str:
    db.session.rollback()
    return db.session.scalar(select(Event.state).where(Event.id == event.id))


# The state machine


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", STATES)
def test_each_verb_leads_to_its_state_and_is_refused_in_every_other(organiser, state, verb):
    event = an_event(organiser, state)
    tell = VERBS[verb][1]
    if (state, verb) in ALLOWED:
        tell(organiser, event.slug, state)
        assert state_of(event) == ALLOWED[state, verb]
        assert verbs_of(event)[-1][1] == f"staff:{organiser.id}"
    else:
        with pytest.raises(errors.StateGone):
            tell(organiser, event.slug, state)
        assert state_of(event) == state
        assert verbs_of(event) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_refused_when_the_state_it_saw_is_gone(organiser, verb):
    seen, tell = VERBS[verb]
    now_in = "closed" if seen != "closed" else "draft"
    event = an_event(organiser, now_in)
    with pytest.raises(errors.StateGone):
        tell(organiser, event.slug, seen)
    assert state_of(event) == now_in


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_may_tell_another_organisations_event_anything(organiser, stranger, verb):
    seen, tell = VERBS[verb]
    event = an_event(organiser, seen)
    with pytest.raises(errors.EventUnknown):
        tell(stranger, event.slug, seen)
    assert state_of(event) == seen


def test_one_of_two_organisers_who_pause_at_once_is_told_that_it_is_done(organiser, race):
    event = an_event(organiser)
    slug = event.slug
    results = race(2, lambda n: events.pause(organiser, slug, "on_sale", f"Reason {n}"))
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "StateGone"]
    assert [verb for verb, _ in verbs_of(event)] == ["paused"]


# Creating and editing


def test_a_form_becomes_a_draft_with_times_in_utc_and_the_price_in_kobo(organiser):
    slug = events.create(organiser, a_form(starts_at="2027-03-20T19:30", time_zone="Africa/Lagos"))
    event = db.session.scalar(select(Event).where(Event.slug == slug))
    assert slug == "harmattan-nights"
    assert event.state == "draft"
    assert event.starts_at == datetime(2027, 3, 20, 18, 30, tzinfo=UTC)
    assert (event.price, event.currency) == (1_500_050, "NGN")
    assert (event.hold_seconds, event.pass_seconds) == (600, 300)
    assert numbers_in_postgres(event) == []
    with pytest.raises(errors.EventUnknown):
        catalogue.facts(slug)


def test_two_events_cannot_have_one_address(organiser, stranger):
    events.create(organiser, a_form())
    with pytest.raises(errors.SlugTaken) as refusal:
        events.create(stranger, a_form())
    assert "slug" in refusal.value.fields


def test_a_form_that_does_not_hold_makes_no_event(organiser):
    with pytest.raises(errors.Invalid) as refusal:
        events.create(organiser, a_form(capacity="0", price="abc", title=""))
    assert set(refusal.value.fields) == {"capacity", "price", "title"}
    assert db.session.scalar(select(func.count(Event.id))) == 0


def edited(organiser, event, **values: str) -> str:
    seen = events.look(organiser, event.slug)
    form = events.forms.form_values(seen) | values
    return events.edit(organiser, event.slug, events.mark(seen), form)


def test_everything_about_a_draft_can_be_edited(organiser):
    event = an_event(organiser, "draft")
    slug = edited(organiser, event, title="New", slug="new", price="20", capacity="7")
    db.session.rollback()
    assert slug == "new"
    assert (event.title, event.price, event.capacity) == ("New", 2000, 7)


def test_what_fans_were_told_stands_still_once_published(organiser):
    event = an_event(organiser, "published")
    before = (event.slug, event.price, event.currency, event.time_zone, event.capacity)
    edited(
        organiser, event, title="New", slug="new", price="20", currency="USD",
        time_zone="UTC", capacity="7", admit_per_minute="1", pass_capacity="1",
    )  # fmt: skip
    db.session.rollback()
    assert event.title == "New"
    assert (event.slug, event.price, event.currency, event.time_zone, event.capacity) == before
    assert (event.admit_per_minute, event.pass_capacity) == (600, 50)


def test_editing_one_field_leaves_the_seconds_of_the_others_alone(organiser):
    event = an_event(organiser, hold_seconds=7)
    before = (event.sale_starts_at, event.sale_ends_at, event.hold_seconds, event.pass_seconds)
    edited(organiser, event, venue="Ibadan")
    db.session.rollback()
    after = (event.sale_starts_at, event.sale_ends_at, event.hold_seconds, event.pass_seconds)
    assert event.venue == "Ibadan"
    assert after == before


def test_the_timeline_says_what_an_edit_changed(organiser):
    event = an_event(organiser)
    edited(organiser, event, venue="Ibadan")
    detail = db.session.scalar(
        select(TimelineEntry.detail).where(TimelineEntry.event_id == event.id)
    )
    assert detail == {"venue": ["Eko Hotel, Lagos", "Ibadan"]}


def test_an_edit_of_what_someone_else_has_edited_meanwhile_is_refused(organiser):
    event = an_event(organiser)
    seen = events.mark(events.look(organiser, event.slug))
    edited(organiser, event, venue="Ibadan")
    with pytest.raises(errors.StateGone):
        events.edit(organiser, event.slug, seen, {"title": "Mine"})


def test_a_closed_event_is_edited_no_more(organiser):
    event = an_event(organiser, "closed")
    with pytest.raises(errors.StateGone):
        edited(organiser, event, title="New")


def test_a_running_sale_cannot_be_edited_to_have_ended(organiser):
    event = an_event(organiser, sale_starts_at=factories.utc_now() - timedelta(days=3))
    yesterday = (factories.utc_now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    with pytest.raises(errors.Invalid) as refusal:
        edited(organiser, event, sale_ends_at=yesterday)
    assert "sale_ends_at" in refusal.value.fields


def test_nobody_edits_or_sees_another_organisations_event(organiser, stranger):
    event = an_event(organiser)
    seen = events.mark(events.look(organiser, event.slug))
    with pytest.raises(errors.EventUnknown):
        events.look(stranger, event.slug)
    with pytest.raises(errors.EventUnknown):
        events.edit(stranger, event.slug, seen, {"title": "Mine"})
    assert [found.id for found in events.own(organiser)] == [event.id]
    assert events.own(stranger) == []


# Publishing and opening


def test_publishing_makes_the_tickets_and_the_line(organiser):
    event = an_event(organiser, "draft")
    events.publish(organiser, event.slug, "draft")
    assert numbers_in_postgres(event) == list(range(1, 11))
    facts = catalogue.facts(event.slug)
    assert (facts.epoch, facts.number_floor) == (1, 0)
    assert free_in_redis(event) == set(range(1, 11))


def test_publishing_works_while_redis_is_away_and_the_beat_writes_the_copy_later(
    organiser, monkeypatch
):
    event = an_event(organiser, "draft")

    def away(event_id):
        raise errors.LineUnavailable

    monkeypatch.setattr(events.rebuild, "rebuild_once", away)
    events.publish(organiser, event.slug, "draft")
    assert state_of(event) == "published"
    assert db.session.scalar(select(Line.epoch)) == 0


def test_an_event_whose_sale_has_ended_cannot_be_published(organiser):
    past = factories.utc_now() - timedelta(days=1)
    event = an_event(organiser, "draft", sale_starts_at=past - timedelta(days=1), sale_ends_at=past)
    with pytest.raises(errors.SaleOver):
        events.publish(organiser, event.slug, "draft")
    assert state_of(event) == "draft"
    assert numbers_in_postgres(event) == []


def test_the_largest_event_is_published_and_shrunk_within_the_time_a_statement_may_take(
    organiser, owner
):
    # The planner knows of another event, and expects nothing of this one.
    factories.an_event(capacity=200)
    owner.execute("ANALYZE tickets")
    event = an_event(organiser, "draft", capacity=events.forms.HIGHEST_CAPACITY)
    events.publish(organiser, event.slug, "draft")
    assert len(numbers_in_postgres(event)) == 100_000
    events.change_capacity(organiser, event.slug, 100_000, 1)
    assert numbers_in_postgres(event) == [1]


def test_opening_before_the_time_arms_the_sale_and_at_once_moves_the_start(organiser):
    later = factories.utc_now() + timedelta(hours=5)
    armed, at_once = (an_event(organiser, "published", sale_starts_at=later) for _ in range(2))
    events.open_sale(organiser, armed.slug, "published")
    events.open_sale(organiser, at_once.slug, "published", at_once=True)
    db.session.rollback()
    assert armed.sale_starts_at == later
    assert at_once.sale_starts_at < factories.utc_now()


def test_opening_at_once_does_not_move_a_start_that_has_passed(organiser):
    event = an_event(organiser, "published")
    before = event.sale_starts_at
    events.open_sale(organiser, event.slug, "published", at_once=True)
    db.session.rollback()
    assert event.sale_starts_at == before


def test_a_sale_that_is_over_cannot_be_opened(organiser):
    past = factories.utc_now() - timedelta(seconds=1)
    event = an_event(
        organiser, "published", sale_starts_at=past - timedelta(days=1), sale_ends_at=past
    )
    with pytest.raises(errors.SaleOver):
        events.open_sale(organiser, event.slug, "published")


# Pausing


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_a_pause_needs_a_reason_that_fits(organiser, reason):
    event = an_event(organiser)
    with pytest.raises(errors.Invalid) as refusal:
        events.pause(organiser, event.slug, "on_sale", reason)
    assert "reason" in refusal.value.fields
    assert state_of(event) == "on_sale"


def test_a_pause_keeps_every_pass_by_standing_sale_time_still(organiser):
    event = an_event(organiser, line=True)
    place = factories.an_admitted_place(event)
    pass_until = place.pass_until
    left_before = pass_until - events.rules.sale_time_ms(
        catalogue.facts(event.slug), factories.utc_now()
    )
    in_an_hour = f"{datetime.now(ZoneInfo(event.time_zone)) + timedelta(hours=1):%H:%M}"
    events.pause(organiser, event.slug, "on_sale", "A check.", in_an_hour)
    assert events.look(organiser, event.slug).pause_next_word_at is not None
    # As if the pause had lasted an hour.
    db.session.execute(update(Event).values(paused_at=func.now() - text("interval '1 hour'")))
    db.session.commit()
    events.resume(organiser, event.slug, "paused")
    facts = catalogue.facts(event.slug)
    left_after = pass_until - events.rules.sale_time_ms(facts, factories.utc_now())
    assert 3_600_000 <= facts.paused_ms < 3_605_000
    assert facts.paused_at is None
    assert (facts.pause_reason, facts.pause_next_word_at) == ("", None)
    assert db.session.scalar(select(Place.pass_until)) == pass_until
    # The pass has as much time left as before, and the hour by which paused_at was moved.
    assert 0 <= left_after - left_before - 3_600_000 + 5_000 < 10_000


def test_two_pauses_add_up(organiser):
    event = an_event(organiser, paused_ms=5_000)
    events.pause(organiser, event.slug, "on_sale", "Again.")
    db.session.execute(update(Event).values(paused_at=func.now() - text("interval '60 seconds'")))
    db.session.commit()
    events.resume(organiser, event.slug, "paused")
    db.session.rollback()
    assert 65_000 <= event.paused_ms < 70_000


def test_closing_a_paused_sale_ends_the_pause(organiser):
    event = an_event(organiser, "paused")
    events.close(organiser, event.slug, "paused")
    db.session.rollback()
    assert (event.state, event.paused_at) == ("closed", None)


# Rate, pass capacity, message


def test_the_rate_and_the_pass_capacity_change_at_once(organiser):
    event = an_event(organiser)
    catalogue.facts(event.slug)
    events.change_rate(organiser, event.slug, 600, 90)
    events.change_pass_capacity(organiser, event.slug, 50, 70)
    facts = catalogue.facts(event.slug)
    assert (facts.admit_per_minute, facts.pass_capacity) == (90, 70)
    assert [verb for verb, _ in verbs_of(event)] == [
        "changed the rate",
        "changed the pass capacity",
    ]


@pytest.mark.parametrize("change", [events.change_rate, events.change_pass_capacity])
def test_a_limit_that_someone_else_changed_meanwhile_is_not_changed_again(organiser, change):
    event = an_event(organiser)
    change(organiser, event.slug, 600 if change is events.change_rate else 50, 90)
    with pytest.raises(errors.StateGone):
        change(organiser, event.slug, 600 if change is events.change_rate else 50, 120)


@pytest.mark.parametrize(
    "change", [events.change_rate, events.change_pass_capacity, events.change_capacity]
)
def test_a_closed_sale_has_no_limits_to_change(organiser, change):
    event = an_event(organiser, "closed", admit_per_minute=10, pass_capacity=10)
    with pytest.raises(errors.StateGone):
        change(organiser, event.slug, 10, 12)


@pytest.mark.parametrize(
    "change", [events.change_rate, events.change_pass_capacity, events.change_capacity]
)
def test_nobody_changes_the_limits_of_another_organisation(organiser, stranger, change):
    event = an_event(organiser, admit_per_minute=10, pass_capacity=10)
    with pytest.raises(errors.EventUnknown):
        change(stranger, event.slug, 10, 12)


def test_a_message_to_the_line_carries_its_time_and_an_empty_one_takes_it_away(organiser):
    event = an_event(organiser)
    events.post_message(organiser, event.slug, "", " The doors open late. ")
    db.session.rollback()
    assert event.message == "The doors open late."
    assert event.message_at is not None
    events.post_message(organiser, event.slug, "The doors open late.", "")
    db.session.rollback()
    assert (event.message, event.message_at) == ("", None)


def test_a_message_does_not_overwrite_one_that_was_not_seen(organiser):
    event = an_event(organiser, message="Someone else's.")
    with pytest.raises(errors.StateGone):
        events.post_message(organiser, event.slug, "", "Mine.")


def test_a_draft_has_no_line_to_send_a_message_to(organiser):
    event = an_event(organiser, "draft")
    with pytest.raises(errors.StateGone):
        events.post_message(organiser, event.slug, "", "Hello?")


def test_a_message_that_is_too_long_is_refused(organiser):
    event = an_event(organiser)
    with pytest.raises(errors.Invalid):
        events.post_message(organiser, event.slug, "", "x" * 501)


def test_nobody_writes_to_another_organisations_line(organiser, stranger):
    event = an_event(organiser)
    with pytest.raises(errors.EventUnknown):
        events.post_message(stranger, event.slug, "", "Hello.")


# Capacity


def test_a_larger_capacity_adds_tickets_at_the_end_and_offers_them(organiser):
    event = an_event(organiser, line=True)
    events.change_capacity(organiser, event.slug, 10, 13)
    assert numbers_in_postgres(event) == list(range(1, 14))
    assert free_in_redis(event) == set(range(1, 14))
    assert catalogue.facts(event.slug).capacity == 13


def test_a_smaller_capacity_removes_the_highest_free_tickets(organiser):
    event = an_event(organiser, line=True)
    events.change_capacity(organiser, event.slug, 10, 7)
    assert numbers_in_postgres(event) == list(range(1, 8))
    assert free_in_redis(event) == set(range(1, 8))


def test_tickets_that_are_held_or_sold_stay_and_lower_free_ones_go(organiser):
    event = an_event(organiser, line=True)
    claim = factories.a_claim(event, quantity=2)
    db.session.execute(update(Ticket).where(Ticket.claim_id == claim.id).values(claim_id=None))
    db.session.execute(update(Ticket).where(Ticket.number.in_([9, 10])).values(claim_id=claim.id))
    db.session.commit()
    events.change_capacity(organiser, event.slug, 10, 6)
    assert numbers_in_postgres(event) == [1, 2, 3, 4, 9, 10]


def test_a_number_is_never_given_to_two_tickets_when_capacity_grows_after_shrinking(organiser):
    event = an_event(organiser)
    claim = factories.a_claim(event, quantity=1)
    db.session.execute(update(Ticket).where(Ticket.claim_id == claim.id).values(claim_id=None))
    db.session.execute(update(Ticket).where(Ticket.number == 10).values(claim_id=claim.id))
    db.session.commit()
    events.change_capacity(organiser, event.slug, 10, 8)
    events.change_capacity(organiser, event.slug, 8, 10)
    assert numbers_in_postgres(event) == [1, 2, 3, 4, 5, 6, 7, 10, 11, 12]


def test_a_capacity_below_what_is_taken_is_refused_with_the_figures(organiser):
    event = an_event(organiser)
    factories.a_claim(event, quantity=3, state="CONFIRMED", confirmed_at=factories.utc_now())
    factories.a_claim(event, quantity=2)
    with pytest.raises(errors.CapacityTaken) as refusal:
        events.change_capacity(organiser, event.slug, 10, 4)
    assert "3 tickets are sold and 2 are held" in refusal.value.message
    assert "5 is the least" in refusal.value.message
    assert numbers_in_postgres(event) == list(range(1, 11))
    assert events.look(organiser, event.slug).capacity == 10


def test_a_ticket_that_is_being_claimed_this_moment_is_left_alone(organiser, settings):
    import psycopg

    event = an_event(organiser)
    with psycopg.connect(settings.database_url) as claiming:
        claiming.execute("SELECT FROM tickets WHERE number IN (9, 10) FOR UPDATE")
        events.change_capacity(organiser, event.slug, 10, 8)
        with pytest.raises(errors.Conflict):
            events.change_capacity(organiser, event.slug, 8, 1)
    assert numbers_in_postgres(event) == [1, 2, 3, 4, 5, 6, 9, 10]


def test_a_capacity_that_someone_else_changed_meanwhile_is_not_changed_again(organiser):
    event = an_event(organiser)
    events.change_capacity(organiser, event.slug, 10, 12)
    with pytest.raises(errors.StateGone):
        events.change_capacity(organiser, event.slug, 10, 11)
    assert numbers_in_postgres(event) == list(range(1, 13))


def test_a_capacity_in_a_draft_is_changed_by_its_form_only(organiser):
    event = an_event(organiser, "draft")
    with pytest.raises(errors.StateGone):
        events.change_capacity(organiser, event.slug, 10, 12)


def test_growing_brings_a_sold_out_sale_back(organiser):
    event = an_event(organiser, capacity=1, line=True)
    factories.a_claim(event, state="CONFIRMED", confirmed_at=factories.utc_now())
    assert events.rules.availability(events.look(organiser, event.slug)) == "sold_out"
    events.change_capacity(organiser, event.slug, 1, 2)
    assert events.rules.availability(events.look(organiser, event.slug)) == "free"


def test_shrinking_under_claims_sells_no_ticket_that_is_gone(organiser, race):
    """Ten claims of one ticket race a shrink from 20 to 15: claims and rows agree after it."""
    event = an_event(organiser, capacity=20, line=True)
    buyers = [factories.a_buyer(event) for _ in range(10)]

    def work(n):
        if n == 0:
            return events.change_capacity(organiser, event.slug, 20, 15)
        return buyers[n - 1].claim()

    race(11, work)
    facts = events.look(organiser, event.slug)
    assert len(numbers_in_postgres(event)) == facts.capacity
    assert facts.free + facts.held == facts.capacity


# The calendar


def test_the_calendar_opens_what_is_due_and_closes_what_is_over(organiser):
    now = factories.utc_now()
    hour = timedelta(hours=1)
    due = an_event(organiser, "published", sale_starts_at=now - hour)
    early = an_event(organiser, "published", sale_starts_at=now + hour)
    ended = {"sale_starts_at": now - 2 * hour, "sale_ends_at": now - hour}
    over = [an_event(organiser, state, **ended) for state in ("published", "on_sale", "paused")]
    draft = an_event(organiser, "draft", **ended)
    assert events.calendar_once() == 4
    assert [state_of(event) for event in (due, early, *over, draft)] == [
        "on_sale", "published", "closed", "closed", "closed", "draft",
    ]  # fmt: skip
    assert verbs_of(due) == [("opened", "system")]
    assert verbs_of(over[2]) == [("closed", "system")]
    assert events.calendar_once() == 0


def test_two_calendars_side_by_side_open_once(organiser, race):
    event = an_event(organiser, "published")
    results = race(2, lambda n: events.calendar_once())
    assert sorted(results) == [0, 1]
    assert verbs_of(event) == [("opened", "system")]


def test_the_calendar_skips_an_event_that_somebody_is_changing(organiser, settings):
    import psycopg

    event = an_event(organiser, "published")
    with psycopg.connect(settings.database_url) as other:
        other.execute("SELECT FROM events WHERE id = %s FOR UPDATE", [event.id])
        assert events.calendar_once() == 0
    assert events.calendar_once() == 1


# Who did what


def test_the_history_names_people_of_the_organisation(organiser):
    event = an_event(organiser)
    events.pause(organiser, event.slug, "on_sale", "A check.")
    events.resume(organiser, event.slug, "paused")
    history = events.history(organiser, events.look(organiser, event.slug))
    assert [(line.verb, line.who) for line in history] == [
        ("resumed", organiser.name),
        ("paused", organiser.name),
    ]
    assert history[1].detail == {"reason": "A check.", "state": ["on_sale", "paused"]}


def test_an_admin_is_bound_to_the_own_organisation_too(organiser, app):
    event = an_event(organiser)
    admin = staff.by_email(
        factories.a_staff_member("admin", factories.an_organisation("Elsewhere")).email
    )
    with pytest.raises(errors.EventUnknown):
        events.close(admin, event.slug, "on_sale")
    same_house = replace(admin, organisation_id=organiser.organisation_id)
    events.close(same_house, event.slug, "on_sale")
    assert state_of(event) == "closed"
