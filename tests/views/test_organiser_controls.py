"""The controls of an event's page: each does its verb, and refuses when what it saw is gone."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from app.extensions import db
from app.services import catalogue
from app.store.models import Event, Ticket
from tests import factories
from tests.views.desk import Desk, has_form, hidden_fields


@pytest.fixture
def desk(app) -> Desk:
    return Desk(app, "organiser")


def an_event(desk: Desk, state: str = "on_sale", **overrides) -> Event:
    values = {"line": False, "capacity": 10, "organisation": desk.organisation}
    return factories.an_event(state=state, **values | overrides)


def page_of(event: Event) -> str:
    return f"/organiser/events/{event.slug}"


def press(desk: Desk, event: Event, control: str, **fields: str):
    return desk.send(page_of(event), f"{page_of(event)}/{control}", **fields)


@pytest.mark.parametrize(
    ("state", "control", "fields", "after", "words"),
    [
        ("draft", "publish", {}, "published", "Published"),
        ("published", "open", {}, "on_sale", "The sale is open"),
        ("on_sale", "pause", {"reason": "The doors."}, "paused", "The sale is paused"),
        ("paused", "resume", {}, "on_sale", "The sale goes on"),
        ("on_sale", "close", {}, "closed", "The sale is closed"),
        ("paused", "close", {}, "closed", "The sale is closed"),
        ("published", "close", {}, "closed", "The sale is closed"),
    ],
)
def test_a_control_does_its_verb_and_says_so(desk, state, control, fields, after, words):
    event = an_event(desk, state)
    answer = press(desk, event, control, **fields)
    assert (answer.status_code, answer.location) == (303, page_of(event))
    page = desk.get(answer.location).text
    assert words in page
    assert desk.name in page
    db.session.rollback()
    assert event.state == after


@pytest.mark.parametrize(
    ("state", "controls"),
    [
        ("draft", {"publish"}),
        ("published", {"open", "close"}),
        ("on_sale", {"pause", "close"}),
        ("paused", {"resume", "close"}),
        ("closed", set()),
    ],
)
def test_a_page_offers_only_the_controls_that_fit_its_state(desk, state, controls):
    event = an_event(desk, state)
    page = desk.get(page_of(event)).text
    for control in ("publish", "open", "pause", "resume", "close"):
        assert has_form(page, f"{page_of(event)}/{control}") == (control in controls)


@pytest.mark.parametrize(
    ("state", "control"),
    [("draft", "publish"), ("published", "open"), ("on_sale", "pause"), ("paused", "resume")],
)
def test_a_control_on_an_old_page_is_409_and_shows_how_it_stands_now(desk, state, control):
    event = an_event(desk, state)
    answer = press(desk, event, control, seen="closed", reason="The doors.")
    assert answer.status_code == 409
    assert "nothing was done" in answer.text
    assert has_form(answer.text, f"{page_of(event)}/{control}")
    db.session.rollback()
    assert event.state == state


def test_a_pause_without_a_reason_is_422_at_its_field(desk):
    event = an_event(desk)
    answer = press(desk, event, "pause", reason=" ")
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    db.session.rollback()
    assert event.state == "on_sale"


def test_a_pause_names_when_the_fans_hear_more_and_that_can_be_changed(desk):
    event = an_event(desk)
    soon = (factories.utc_now() + timedelta(minutes=40)).astimezone(ZoneInfo(event.time_zone))
    press(desk, event, "pause", reason="Rain.", next_word=f"{soon:%H:%M}")
    assert catalogue.facts(event.slug).pause_next_word_at == soon.replace(second=0, microsecond=0)
    page = desk.get(page_of(event)).text
    assert f'value="{soon:%H:%M}"' in page
    assert f"promised the next word at {soon:%H:%M}" in page

    answer = press(desk, event, "say-more", reason="More rain.", next_word="")
    assert answer.status_code == 303
    facts = catalogue.facts(event.slug)
    assert (facts.pause_reason, facts.pause_next_word_at) == ("More rain.", None)
    stale = press(desk, event, "say-more", seen="Rain.", reason="Sun.")
    assert stale.status_code == 409

    press(desk, event, "resume")
    assert catalogue.facts(event.slug).pause_reason == ""


def test_a_next_word_that_is_no_time_is_422_at_its_field_and_kept(desk):
    event = an_event(desk)
    answer = press(desk, event, "pause", reason="Rain.", next_word="noonish")
    assert answer.status_code == 422
    assert 'id="next_word-error"' in answer.text
    assert 'value="noonish"' in answer.text
    assert 'value="Rain."' in answer.text


def test_a_reason_that_is_too_long_stays_in_its_field(desk):
    event = an_event(desk)
    answer = press(desk, event, "pause", reason="x" * 300)
    assert answer.status_code == 422
    assert "x" * 300 in answer.text


def test_opening_now_moves_the_start_to_this_moment(desk):
    later = factories.utc_now() + timedelta(hours=5)
    event = an_event(desk, "published", sale_starts_at=later)
    assert "Open now" in desk.get(page_of(event)).text
    press(desk, event, "open", start="now")
    assert catalogue.facts(event.slug).sale_starts_at < factories.utc_now()


def test_an_event_whose_sale_is_over_is_not_published(desk):
    past = factories.utc_now() - timedelta(days=1)
    event = an_event(desk, "draft", sale_starts_at=past - timedelta(days=1), sale_ends_at=past)
    answer = press(desk, event, "publish")
    assert answer.status_code == 409
    assert "in the past" in answer.text


@pytest.mark.parametrize(
    ("control", "name", "value", "seconds"),
    [
        ("rate", "admit_per_minute", "90", None),
        ("pass-capacity", "pass_capacity", "1,200", None),
        ("capacity", "capacity", "12", None),
    ],
)
def test_a_limit_is_changed_by_its_control(desk, control, name, value, seconds):
    event = an_event(desk)
    assert press(desk, event, control, **{name: value}).status_code == 303
    db.session.rollback()
    assert getattr(event, name) == int(value.replace(",", ""))


@pytest.mark.parametrize(
    ("control", "name"),
    [
        ("rate", "admit_per_minute"),
        ("pass-capacity", "pass_capacity"),
        ("capacity", "capacity"),
    ],
)
@pytest.mark.parametrize("value", ["0", "-1", "abc", "", "9" * 30])
def test_a_limit_that_is_no_number_is_422_and_stays_in_its_field(desk, control, name, value):
    event = an_event(desk)
    before = getattr(event, name)
    answer = press(desk, event, control, **{name: value})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert f'value="{value}"' in answer.text
    db.session.rollback()
    assert getattr(event, name) == before


@pytest.mark.parametrize("seen", ["11", "abc", "", "9" * 30])
def test_a_limit_that_was_changed_meanwhile_is_409(desk, seen):
    event = an_event(desk)
    assert press(desk, event, "capacity", capacity="12", seen=seen).status_code == 409
    db.session.rollback()
    assert event.capacity == 10


def test_a_capacity_below_what_is_taken_is_409_with_the_figures(desk):
    event = an_event(desk)
    factories.a_claim(event, 3, state="CONFIRMED", confirmed_at=factories.utc_now())
    factories.a_claim(event, 2)
    answer = press(desk, event, "capacity", capacity="4")
    assert answer.status_code == 409
    assert "3 tickets are sold and 2 are held, so 5 is the least" in answer.text
    assert db.session.scalar(select(func.count(Ticket.number))) == 10


def test_a_message_of_two_lines_is_posted_changed_and_taken_away(desk):
    event = an_event(desk)
    for text in ("Two lines:\r\nthis & that.", "One line.", ""):
        assert press(desk, event, "message", message=text).status_code == 303
        db.session.rollback()
        assert event.message == text.replace("\r\n", "\n")


def test_a_message_that_is_too_long_is_422_and_not_lost(desk):
    event = an_event(desk)
    answer = press(desk, event, "message", message="y" * 501)
    assert answer.status_code == 422
    assert "y" * 501 in answer.text


def test_what_fans_read_is_escaped(desk):
    event = an_event(desk, title="<script>alert(1)</script>")
    press(desk, event, "message", message="<img src=x>")
    page = desk.get(page_of(event)).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


# The live figures


def test_the_live_figures_ask_for_themselves_every_two_seconds(desk):
    event = an_event(desk)
    factories.a_claim(event, 3)
    answer = desk.get(f"{page_of(event)}/live", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<section")
    assert 'hx-trigger="every 2s' in answer.text
    for words in (
        "Waiting",
        "Inside",
        "Free",
        "Held",
        "Sold",
        "Taken",
        "In doubt",
        "Claims per minute",
    ):
        assert words in answer.text
    assert ">7<" in answer.text


def test_a_sale_that_is_over_asks_no_more(desk):
    event = an_event(desk, "closed")
    assert "hx-trigger" not in desk.get(f"{page_of(event)}/live").text


def test_a_closed_sale_with_holds_that_may_be_paid_still_asks(desk):
    event = an_event(desk, "closed")
    factories.a_claim(event)
    assert "hx-trigger" in desk.get(f"{page_of(event)}/live").text


def test_figures_on_a_page_that_is_out_of_date_say_so(desk):
    event = an_event(desk)
    live = f"{page_of(event)}/live?seen=on_sale"
    assert "has moved on" not in desk.get(live).text
    db.session.execute(update(Event).values(state="closed"))
    db.session.commit()
    assert "has moved on" in desk.get(live).text


def test_redis_away_is_shown_and_the_page_stays(desk, line_redis):
    event = an_event(desk, line=True)
    line_redis.flushall()
    page = desk.get(page_of(event))
    assert page.status_code == 200
    assert "cannot be reached" in page.text
    assert "from the records" in page.text


def test_the_page_works_without_javascript(desk):
    """The figures are in the page itself, and a link shows them anew."""
    event = an_event(desk)
    page = desk.get(page_of(event)).text
    assert 'id="live"' in page
    assert "Refresh now" in page


@pytest.mark.parametrize(
    ("control", "field", "before", "after"),
    [
        ("rate", "admit_per_minute", "600", "120"),
        ("pass-capacity", "pass_capacity", "50", "9"),
        ("capacity", "capacity", "10", "12"),
        ("message", "message", "", "Doors at six."),
    ],
)
def test_a_change_can_be_taken_back_from_the_page_that_says_it_was_done(
    desk, control, field, before, after
):
    event = an_event(desk)
    done = press(desk, event, control, **{field: after})
    page = desk.get(done.location).text
    undo = page[page.index('class="note good undo"') :]
    assert f'action="{page_of(event)}/{control}"' in undo
    sent = hidden_fields(undo, f"{page_of(event)}/{control}")
    assert (sent["seen"], sent[field]) == (after, before)
    assert desk.client.post(f"{page_of(event)}/{control}", data=sent).status_code == 303
    db.session.rollback()
    assert str(getattr(event, field)) == before
    # Pressed twice, it has nothing to take back any more.
    assert desk.client.post(f"{page_of(event)}/{control}", data=sent).status_code == 409


def test_a_pause_is_taken_back_by_one_press(desk):
    event = an_event(desk)
    done = press(desk, event, "pause", reason="Rain.")
    page = desk.get(done.location).text
    undo = hidden_fields(page[page.index("note good undo") :], f"{page_of(event)}/resume")
    assert desk.client.post(f"{page_of(event)}/resume", data=undo).status_code == 303
    db.session.rollback()
    assert event.state == "on_sale"


def test_a_way_back_that_no_cookie_could_hold_is_not_offered(desk):
    event = an_event(desk, message="\u12a0" * 200)
    done = press(desk, event, "message", message="\u12a1" * 200)
    page = desk.get(done.location).text
    assert "fans read it within seconds" in page
    assert "note good undo" not in page


def test_what_cannot_be_undone_is_asked_once(desk):
    for state, words in (("draft", "publish"), ("on_sale", "close"), ("on_sale", "pause")):
        event = an_event(desk, state)
        page = desk.get(page_of(event)).text
        before = page[: page.index(f'action="{page_of(event)}/{words}"')]
        assert before.rindex("<details") > before.rfind("</details>")
