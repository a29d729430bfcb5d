"""An event's form in sentences, and what is odd about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain import event_forms as forms
from app.domain.event_summary import oddities, pace, sentences
from app.domain.words import moment
from tests.domain.test_event_forms import GOOD

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FORM = forms.check_event(GOOD | {"capacity": "5000", "pass_capacity": "100"})


def test_a_form_is_told_in_sentences_with_what_it_adds_up_to():
    told = sentences(FORM, moment, "en")
    assert told[0] == "Harmattan Nights, Sat 20 Mar 2027, 19:30 WAT, Lagos."
    assert "5,000 tickets at" in told[1]
    assert "75,000,000.00 if all are sold" in told[1]
    assert "from Fri 1 Jan 2027, 10:00 WAT until Mon 1 Mar 2027, 10:00 WAT" in told[2]
    assert "Up to 60 fans a minute" in told[3]
    assert "5 minutes to choose and then 10 minutes to pay" in told[3]
    assert told[4] == "Browsers have no sum to work out."
    assert pace(FORM) == "If each buys 2, all tickets are claimed within 42 minutes."


@pytest.mark.parametrize(
    ("level", "words"), [("light", "some seconds"), ("heavy", "half a minute")]
)
def test_a_sum_for_each_browser_is_told_with_what_it_costs_a_phone(level, words):
    told = sentences(replace(FORM, proof=level), moment, "en")
    assert words in told[4]


def test_a_sound_form_has_nothing_odd():
    assert oddities(FORM, NOW) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"starts_at": NOW - timedelta(days=1)}, "in the past"),
        ({"sale_starts_at": NOW - timedelta(days=1)}, "opens as soon as you publish"),
        ({"sale_ends_at": NOW, "sale_starts_at": NOW - timedelta(days=2)}, "over already"),
        ({"sale_ends_at": FORM.starts_at + timedelta(hours=1)}, "after the event has begun"),
        ({"starts_at": NOW + timedelta(days=500)}, "more than a year away"),
        ({"hold_seconds": 3600}, "A hold is long"),
        ({"pass_seconds": 60}, "A pass is short"),
        ({"pass_capacity": 5}, "is not reached"),
        ({"sale_ends_at": FORM.sale_starts_at + timedelta(minutes=10)}, "longer than the sale"),
    ],
)
def test_what_is_odd_is_said(change, words):
    found = oddities(replace(FORM, **change), NOW)
    assert any(words in sentence for sentence in found), found


def test_a_sale_that_goes_on_is_not_odd_because_it_has_begun():
    begun = replace(FORM, sale_starts_at=NOW - timedelta(days=1))
    assert oddities(begun, NOW, published=True) == []
