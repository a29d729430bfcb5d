"""A suspended place keeps its number until its fan was heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app import extensions
from app.domain import errors
from app.domain.staff import StaffMember
from app.extensions import db, settings
from app.line import verbs
from app.services import (
    admission,
    catalogue,
    journal,
    line,
    marks,
    outbox,
    rebuild,
    reconciliation,
    removals,
    verification,
)
from app.services.removals import Choice
from sandbox.mailbox import MailCatcher
from tests import factories
from tests.views.browsing import code


@pytest.fixture
def event(app):
    return factories.an_event(mark_joins=3, admit_per_minute=60_000)


@pytest.fixture
def caught(app, settings):
    """What was caught, newest first."""
    catcher = MailCatcher()
    catcher.start()
    extensions.settings.bind(replace(settings, smtp_url=catcher.smtp_url), None)
    yield catcher.mailbox.newest_first
    extensions.settings.bind(settings, None)
    catcher.stop()


@pytest.fixture
def staff(event):
    member = factories.a_staff_member("organiser")
    db.session.execute(
        text("UPDATE staff SET organisation_id = :own"), {"own": event.organisation_id}
    )
    db.session.commit()
    who = StaffMember(member.id, event.organisation_id, "", member.email, member.name, "organiser")
    db.session.rollback()
    return who


@pytest.fixture
def tokens(event):
    """Three marked places."""
    found = [line.join(event.slug, factories.an_id(), network="203.0.113.9") for _ in range(3)]
    journal.journal_once()
    assert marks.mark_once() == 3
    # Whoever looks begins a transaction, and reads what was committed before.
    db.session.rollback()
    return found


def decide(
    staff: StaffMember, event: Any, remove: bool, number: int | None = None
) -> dict[str, int]:
    db.session.rollback()
    found = marks.look(staff, event.slug)
    group = found.groups[0]
    choice = Choice(group.rule, group.shared) if number is None else Choice(number=number)
    return dict(removals.decide(staff, event.slug, choice, found.seen, remove, "Many of one hand."))


def states(event: Any) -> list[str]:
    found = db.session.scalars(
        text("SELECT state FROM places WHERE event_id = :id ORDER BY number"), {"id": event.id}
    ).all()
    db.session.rollback()
    return list(found)


def shown(event: Any, token: Any) -> str:
    line.forget_all()
    return line.status(event.slug, token).state


def time_is_over() -> None:
    db.session.execute(text("UPDATE removals SET due_at = now() - interval '1 second'"))
    db.session.commit()


def appeal(event: Any, token: Any) -> bool:
    return removals.appeal(catalogue.facts(event.slug), token, "I queue with my class.")


def test_a_place_that_is_to_go_keeps_its_number_and_nobody_is_let_in_with_it(event, staff, tokens):
    assert decide(staff, event, remove=True, number=1) == {"suspended": 1}
    told = line.status(event.slug, tokens[0])
    assert (told.state, told.number) == ("suspended", 1)
    assert told.removal.reason == "Many of one hand."
    assert told.removal.due_at - factories.utc_now() > timedelta(minutes=25)
    admission.admit_once()
    assert [shown(event, token) for token in tokens] == ["suspended", "admitted", "admitted"]
    assert reconciliation.reconcile_once() == 0


def test_without_an_appeal_it_goes_when_its_time_is_over_and_not_before(event, staff, tokens):
    decide(staff, event, remove=True)
    assert removals.lapse_once() == 0
    time_is_over()
    assert removals.lapse_once() == 3
    assert removals.lapse_once() == 0
    assert states(event) == ["removed"] * 3
    assert shown(event, tokens[0]) == "removed"
    assert not appeal(event, tokens[0])


def test_with_an_appeal_it_stays_until_it_is_decided_and_then_goes_at_once(event, staff, tokens):
    decide(staff, event, remove=True)
    assert decide(staff, event, remove=True) == {"waits": 3}, "its fan has time"
    assert appeal(event, tokens[1])
    assert appeal(event, tokens[1]), "again changes nothing"
    time_is_over()
    assert removals.lapse_once() == 2
    assert states(event) == ["removed", "suspended", "removed"]
    group = marks.look(staff, event.slug).groups[0]
    assert (group.count, group.appeals) == (1, 1)
    assert group.places[0].appeal == "I queue with my class."
    assert decide(staff, event, remove=True) == {"removed": 1}
    found = line.status(event.slug, tokens[1])
    assert (found.state, found.removal.answer) == ("removed", "Many of one hand.")


def test_whoever_is_cleared_stands_at_the_old_number_and_is_next(event, staff, tokens):
    later = line.join(event.slug, factories.an_id())
    decide(staff, event, remove=True, number=1)
    journal.journal_once()
    assert decide(staff, event, remove=False, number=1) == {"restored": 1}
    told = line.status(event.slug, tokens[0])
    assert (told.state, told.number, told.ahead) == ("waiting", 1, 0)
    journal.journal_once()
    assert reconciliation.reconcile_once() == 0
    assert marks.mark_once() == 0, "and is not marked again"
    assert states(event)[0] == "waiting"
    assert shown(event, later) == "waiting"


def test_clearing_leaves_places_where_they_are(event, staff, tokens):
    assert decide(staff, event, remove=False) == {"cleared": 3}
    assert marks.look(staff, event.slug).groups == []
    assert states(event) == ["waiting"] * 3


def test_a_turn_that_had_begun_comes_anew_after_clearing(event, staff, tokens):
    admission.admit_once()
    journal.journal_once()
    old_pass = line.current_pass(event.slug, tokens[0])
    decide(staff, event, remove=True, number=1)
    assert shown(event, tokens[0]) == "suspended"
    assert line.current_pass(event.slug, tokens[0]) is None
    decide(staff, event, remove=False, number=1)
    admission.admit_once()
    assert line.current_pass(event.slug, tokens[0]).turn == old_pass.turn + 1


@pytest.mark.parametrize("lost", ["flushed", "while it was away"])
def test_redis_may_be_lost_and_removals_survive(event, staff, tokens, line_redis, lost):
    if lost == "flushed":
        decide(staff, event, remove=True, number=2)
        line_redis.flushall()
        rebuild.rebuild_once(event.id)
    else:
        # Postgres knows, and nobody told Redis.
        db.session.execute(
            text("SELECT * FROM decide_places(:e, ARRAY[:p], TRUE, 'x', 60, 'system')"),
            {"e": event.id, "p": tokens[1].place_id},
        )
        db.session.commit()
        assert reconciliation.reconcile_once() == 1
    catalogue.forget_all()
    assert [shown(event, token) for token in tokens] == ["waiting", "suspended", "waiting"]


def test_the_journal_moves_no_suspended_place(event, staff, tokens):
    """Redis lets it in at the moment in which staff suspend it."""
    admission.admit_once()
    db.session.execute(text("UPDATE places SET state = 'suspended' WHERE number = 1"))
    db.session.commit()
    journal.journal_once()
    assert states(event) == ["suspended", "admitted", "admitted"]
    assert line_knows(event) == 2


def line_knows(event: Any) -> int:
    found, _ = verbs.snapshot(event.id, event.line.epoch)
    return found.inside + found.waiting


def test_who_is_suspended_proves_nothing_and_joins_no_second_time(event, staff, tokens):
    facts = catalogue.facts(event.slug)
    decide(staff, event, remove=True, number=1)
    with pytest.raises(errors.PlaceSuspended):
        verification.ask_code(facts, tokens[0], "ada@example.com")
    assert line.join(event.slug, "somebody", tokens[0]).place_id == tokens[0].place_id


def test_postgres_gives_no_ticket_to_a_suspended_or_removed_place(event, staff):
    for state, refusal in (("suspended", "suspended"), ("removed", "no_pass")):
        place = factories.an_admitted_place(event)
        id, fan, until = place.id, place.fan_id, place.pass_until
        db.session.execute(
            text("UPDATE places SET state = :s WHERE id = :id"), {"s": state, "id": id}
        )
        outcome = db.session.scalar(
            text(
                "SELECT outcome FROM claim_tickets(:e, :id, 0, :until, :fan, '', :id, :id, 'A', '',"
                " 1, NULL)"
            ),
            {"e": event.id, "id": id, "until": until, "fan": fan},
        )
        db.session.rollback()
        assert outcome == refusal


def test_a_place_with_a_claim_stays_as_it_is(event, staff, tokens):
    seen = marks.look(staff, event.slug)
    db.session.execute(text("UPDATE places SET state = 'used' WHERE number = 1"))
    db.session.commit()
    choice = Choice(seen.groups[0].rule, seen.groups[0].shared)
    assert removals.decide(staff, event.slug, choice, seen.seen, True, "x") == {"suspended": 2}
    with pytest.raises(errors.StateGone):
        removals.decide(staff, event.slug, Choice(number=1), seen.seen, True, "x")


def test_places_that_were_marked_since_are_not_decided_unseen(event, staff, tokens):
    found = marks.look(staff, event.slug)
    line.join(event.slug, factories.an_id(), network="203.0.113.9")
    journal.journal_once()
    marks.mark_once()
    choice = Choice(found.groups[0].rule, found.groups[0].shared)
    assert removals.decide(staff, event.slug, choice, found.seen, True, "x") == {"suspended": 3}


def test_another_place_of_the_same_fan_becomes_one_with_the_cleared_one(event, staff, tokens):
    facts = catalogue.facts(event.slug)
    verification.ask_code(facts, tokens[0], "ada@example.com")
    verification.prove(facts, tokens[0], code())
    decide(staff, event, remove=True, number=1)
    again = line.join(event.slug, factories.an_id())
    verification.ask_code(facts, again, "ada@example.com")
    assert verification.prove(facts, again, code()).place == again
    assert decide(staff, event, remove=False, number=1) == {"restored": 1, "merged": 1}
    assert states(event) == ["waiting", "waiting", "waiting", "merged"]
    assert shown(event, again) == "waiting"
    assert line.status(event.slug, again).number == 1


def test_each_decision_is_in_the_trail_with_its_reason(event, staff, tokens):
    decide(staff, event, remove=True, number=1)
    decide(staff, event, remove=False)
    rows = db.session.execute(text("SELECT verb, kind, after FROM staff_actions ORDER BY id")).all()
    db.session.rollback()
    assert [row.verb for row in rows] == ["suspended a place"] + ["cleared a place"] * 3
    assert {row.kind for row in rows} == {"place"}
    assert rows[0].after == {"number": 1, "reason": "Many of one hand."}


def test_who_proved_an_address_is_told_by_mail_at_each_step(event, staff, tokens, caught):
    facts = catalogue.facts(event.slug)
    verification.ask_code(facts, tokens[0], "ada@example.com")
    verification.prove(facts, tokens[0], code())
    db.session.execute(text("UPDATE outbox SET done_at = now()"))
    db.session.commit()
    decide(staff, event, remove=True)
    outbox.deliver_once(outbox.MAIL)
    decide(staff, event, remove=False)
    outbox.deliver_once(outbox.MAIL)
    second, first = (mail.text.replace("\n", " ") for mail in caught())
    assert "wants to remove your place" in first
    assert "Many of one hand." in first
    assert f"/events/{event.slug}/line/carry/" in first
    assert "in line for" in second


@pytest.mark.parametrize("words", ["", "  ", "x" * 1001])
def test_an_appeal_has_some_words_and_not_too_many(event, staff, tokens, words):
    decide(staff, event, remove=True, number=1)
    with pytest.raises(errors.Invalid):
        removals.appeal(catalogue.facts(event.slug), tokens[0], words)


def test_a_decision_says_why(event, staff, tokens):
    found = marks.look(staff, event.slug)
    with pytest.raises(errors.Invalid):
        removals.decide(staff, event.slug, Choice(number=1), found.seen, True, " ")
    assert settings.appeal_time == 1800


def test_another_organisation_decides_nothing(event, tokens):
    other = factories.a_staff_member("organiser")
    who = StaffMember(other.id, other.organisation_id, "", other.email, other.name, "organiser")
    with pytest.raises(errors.EventUnknown):
        marks.look(who, event.slug)
    with pytest.raises(errors.EventUnknown):
        removals.decide(who, event.slug, Choice(number=1), factories.utc_now(), True, "x")
