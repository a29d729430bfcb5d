"""What an organiser may write into an event's form."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import event_forms as forms
from app.domain.errors import Invalid

GOOD = forms.EMPTY | {
    "title": "Harmattan Nights",
    "venue": "Lagos",
    "starts_at": "2027-03-20T19:30",
    "sale_starts_at": "2027-01-01T10:00",
    "sale_ends_at": "2027-03-01T10:00",
    "capacity": "200",
    "price": "15000",
}


def refused(**values: str) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        forms.check_event(GOOD | values)
    return refusal.value.fields


def test_times_are_read_in_the_events_time_zone():
    lagos = forms.check_event(GOOD)
    london = forms.check_event(GOOD | {"time_zone": "Europe/London"})
    assert lagos.starts_at == datetime(2027, 3, 20, 18, 30, tzinfo=UTC)
    assert london.starts_at == datetime(2027, 3, 20, 19, 30, tzinfo=UTC)


LAGOS = ZoneInfo("Africa/Lagos")
# 23:50 in Lagos.
LATE = datetime(2027, 3, 20, 22, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("23:55", 5), ("00:10", 20), ("0:10", 20), ("00.10", 20), ("23:55:00", 5), ("11:50", 720)],
)
def test_the_next_word_is_at_the_next_such_time_in_the_events_zone(typed, minutes):
    _, at = forms.check_pause("Rain.", typed, LAGOS, LATE)
    assert at == LATE + timedelta(minutes=minutes)


@pytest.mark.parametrize("typed", ["23:50", "22:00", "11:51", "24:00", "12:60", "soon", "-1:30"])
def test_a_next_word_that_has_passed_or_is_no_time_is_refused_with_the_missing_reason(typed):
    with pytest.raises(Invalid) as refusal:
        forms.check_pause(" ", typed, LAGOS, LATE)
    assert set(refusal.value.fields) == {"reason", "next_word"}


def test_no_time_of_the_next_word_need_be_named():
    assert forms.check_pause("Rain.", " ", LAGOS, LATE) == ("Rain.", None)
    assert forms.next_word_value(None, "Africa/Lagos") == ""
    assert forms.next_word_value(LATE, "Africa/Lagos") == "23:50"


def test_a_time_that_the_clocks_skip_is_refused():
    fields = refused(time_zone="Europe/London", starts_at="2027-03-28T01:30")
    assert "Clocks go forward" in fields["starts_at"]


@pytest.mark.parametrize(
    ("text", "smallest"),
    [
        ("15000", 1_500_000),
        ("15,000.50", 1_500_050),
        (" 15 000 ", 1_500_000),
        ("₦15,000", 1_500_000),
        ("0.01", 1),
        ("0.10", 10),
    ],
)
def test_a_price_in_naira_becomes_kobo(text, smallest):
    assert forms.check_event(GOOD | {"price": text}).price == smallest


@pytest.mark.parametrize("text", ["", "0", "-5", "abc", "1.005", "1e9", "NaN", "1.2.3", "9" * 30])
def test_a_price_that_is_no_amount_is_refused(text):
    assert set(refused(price=text)) == {"price"}


@pytest.mark.parametrize("name", ["capacity", "max_per_fan", "admit_per_minute", "pass_capacity"])
@pytest.mark.parametrize("text", ["", "0", "-1", "abc", "1.5", "٣", "9" * 40])
def test_a_number_that_is_none_is_refused_at_its_field(name, text):
    assert set(refused(**{name: text})) == {name}


def test_thousands_may_be_marked():
    assert forms.check_event(GOOD | {"capacity": "5,000"}).capacity == 5_000


@pytest.mark.parametrize("name", ["title", "venue", "starts_at", "sale_starts_at", "sale_ends_at"])
def test_what_is_missing_is_said_at_its_field(name):
    assert set(refused(**{name: " "})) == {name}


def test_everything_that_is_wrong_is_said_at_once():
    fields = refused(title="", capacity="x", price="x", time_zone="Mars/Base", currency="EUR")
    assert set(fields) == {"title", "capacity", "price", "time_zone", "currency"}


def test_a_sale_ends_after_it_starts():
    assert set(refused(sale_ends_at=GOOD["sale_starts_at"])) == {"sale_ends_at"}


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Harmattan Nights", "harmattan-nights"),
        ("  Fọlá & Friends: Live!! ", "fola-friends-live"),
        ("x" * 120, "x" * 80),
    ],
)
def test_an_empty_address_is_made_from_the_title(title, slug):
    assert forms.check_event(GOOD | {"title": title, "slug": ""}).slug == slug


@pytest.mark.parametrize("slug", ["a b", "a/b", "-a", "a--b", "ü", "x" * 81, "../etc"])
def test_an_address_that_does_not_fit_into_a_link_is_refused(slug):
    assert set(refused(slug=slug)) == {"slug"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("10", 600), ("0.5", 30), ("1.25", 75), ("60", 3600)]
)
def test_minutes_may_have_parts(text, seconds):
    assert forms.check_event(GOOD | {"hold_minutes": text}).hold_seconds == seconds


@pytest.mark.parametrize("text", ["0", "61", "-1", "soon", ""])
def test_a_hold_lasts_up_to_an_hour(text):
    assert set(refused(hold_minutes=text)) == {"hold_minutes"}


@given(seconds=st.integers(1, 3600), price=st.integers(1, 10_000_000_00))
def test_an_event_reads_back_as_it_was_shown(seconds, price):
    form = forms.check_event(GOOD)
    shown = forms.form_values(form) | {
        "hold_minutes": forms._minutes(seconds),
        "price": f"{price // 100}.{price % 100:02}",
    }
    again = forms.check_event(shown)
    assert (again.hold_seconds, again.price) == (seconds, price)
    assert forms.form_values(again) == shown | {"price": forms.form_values(again)["price"]}


@given(st.dictionaries(st.sampled_from(sorted(forms.EMPTY)), st.text(max_size=30)))
def test_no_text_brings_the_form_down(values):
    with suppress(Invalid):
        form = forms.check_event(GOOD | values)
        assert form.price > 0
        assert "\0" not in form.title


def test_what_may_be_edited_shrinks_as_the_sale_goes_on():
    draft, published = forms.editable("draft"), forms.editable("published")
    on_sale, closed = forms.editable("on_sale"), forms.editable("closed")
    assert draft == set(forms.EMPTY)
    assert draft > published > on_sale > closed == set()
    assert not published & {"slug", "price", "currency", "time_zone", "capacity"}
    assert published - on_sale == {"sale_starts_at"}
    assert forms.editable("paused") == on_sale
