"""What a timeline keeps, in words."""

from __future__ import annotations

from app.domain import happenings
from app.domain.payments import Reason
from app.languages import said


def test_a_verb_is_said_in_every_language_and_an_unknown_one_as_it_is_kept():
    assert happenings.verb("address_proven") == "Address proven"
    assert happenings.verb("refund needs-attention") == "Refund needs a person"
    assert said(happenings.verb("claimed"), "fr") == "Réservé"
    assert happenings.verb("danced_twice") == "Danced twice"


def test_details_and_actors_are_said_and_names_stay():
    assert happenings.detail("admit_per_minute") == "admitted per minute"
    assert happenings.detail("hold_minutes") == "hold minutes"
    assert said(happenings.who("the system"), "fr") == "le système"
    assert happenings.who("Ada Obi") == "Ada Obi"


def test_every_reason_for_a_refund_is_said_and_a_persons_own_words_stay():
    ours = [value for name, value in vars(Reason).items() if name.isupper()]
    assert ours
    for kept in ours:
        assert said(happenings.reason(kept), "fr") != kept, kept
    assert happenings.reason("the fan fell ill") == "the fan fell ill"
