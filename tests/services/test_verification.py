"""Proving an address, and one place for each fan and event."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.domain import errors
from app.domain.codes import code_of
from app.domain.tokens import PlaceToken, new_id
from app.extensions import db, settings
from app.line import verbs
from app.services import catalogue, journal, line, verification
from app.store.models import Fan, OutboxEntry, Place, TimelineEntry, Verification
from tests import factories


@pytest.fixture
def event(app):
    return factories.an_event()


def joined(event):
    return line.join(event.slug, new_id())


def facts_of(event):
    return catalogue.facts(event.slug)


def ask(event, token, email="ada@example.com"):
    verification.ask_code(facts_of(event), token, email)
    newest = select(Verification.id).order_by(Verification.created_at.desc()).limit(1)
    return code_of(db.session.scalars(newest).one(), settings.secret_key)


def prove(event, token, email="ada@example.com"):
    return verification.prove(facts_of(event), token, ask(event, token, email))


def state_of(token):
    return db.session.execute(
        select(Place.state, Place.merged_into).where(Place.id == token.place_id)
    ).one()


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def age(by, column="created_at"):
    db.session.execute(
        update(Verification).values({column: getattr(Verification, column) - timedelta(minutes=by)})
    )
    db.session.commit()


def test_a_code_is_owed_in_the_same_transaction_and_holds_no_code(event):
    code = ask(event, joined(event))
    owed = db.session.execute(select(OutboxEntry.lane, OutboxEntry.kind, OutboxEntry.payload)).one()
    assert (owed.lane, owed.kind) == ("mail", "send_code")
    assert code not in str(owed.payload)


def test_the_place_row_is_written_if_the_journal_has_not_come_by(event):
    token = joined(event)
    ask(event, token)
    assert state_of(token).state == "waiting"
    journal.journal_once()
    assert db.session.scalar(select(func.count(Place.id))) == 1


def test_the_right_code_binds_the_place_to_the_fan(event):
    token = joined(event)
    proof = prove(event, token, " Ada@Example.COM ")
    assert proof.place == token
    fan = db.session.execute(select(Fan.id, Fan.email)).one()
    assert fan.email == "ada@example.com"
    assert proof.fan.fan_id == fan.id
    assert db.session.scalar(select(Place.fan_id).where(Place.id == token.place_id)) == fan.id
    assert verification.proven_address(facts_of(event), token, proof.fan) == "ada@example.com"
    assert db.session.scalar(select(TimelineEntry.verb)) == "address_proven"


@pytest.mark.parametrize(
    "address",
    ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c.com", "x" * 400 + "@a.com"],
)
def test_what_is_no_address_is_refused(event, address):
    with pytest.raises(errors.Invalid) as refusal:
        verification.ask_code(facts_of(event), joined(event), address)
    assert set(refusal.value.fields) == {"email"}


def test_a_wrong_code_says_how_many_tries_are_left(event):
    token = joined(event)
    code = ask(event, token)
    with pytest.raises(errors.CodeWrong) as refusal:
        verification.prove(facts_of(event), token, wrong(code))
    assert "4 tries left" in refusal.value.fields["code"]


def test_five_wrong_codes_end_it_even_for_the_right_one(event):
    token = joined(event)
    code = ask(event, token)
    for _ in range(4):
        with pytest.raises(errors.CodeWrong):
            verification.prove(facts_of(event), token, wrong(code))
    with pytest.raises(errors.CodeOver):
        verification.prove(facts_of(event), token, wrong(code))
    with pytest.raises(errors.CodeOver):
        verification.prove(facts_of(event), token, code)


def test_guesses_made_side_by_side_are_each_counted(event, race):
    token = joined(event)
    code = ask(event, token)
    facts = facts_of(event)
    answers = race(20, lambda i: verification.prove(facts, token, wrong(code)))
    assert all(isinstance(a, (errors.CodeWrong, errors.CodeOver)) for a in answers), answers
    assert sum(isinstance(a, errors.CodeWrong) for a in answers) == 4
    assert db.session.scalar(select(Verification.tries)) == 5


def test_what_cannot_be_a_code_costs_no_try(event):
    token = joined(event)
    ask(event, token)
    with pytest.raises(errors.CodeWrong):
        verification.prove(facts_of(event), token, "12345")
    assert db.session.scalar(select(Verification.tries)) == 0


def test_a_code_typed_twice_in_a_moment_has_the_same_answer_twice(event):
    """A double tap: the browser keeps only the second answer, and needs its cookies."""
    token = joined(event)
    code = ask(event, token)
    first = verification.prove(facts_of(event), token, code)
    assert verification.prove(facts_of(event), token, code) == first
    with pytest.raises(errors.CodeWrong):
        verification.prove(facts_of(event), token, wrong(code))


def test_a_code_typed_twice_at_once_has_the_same_answer_twice(event, race):
    token = joined(event)
    code = ask(event, token)
    facts = facts_of(event)
    first, second, third = race(3, lambda i: verification.prove(facts, token, code))
    assert first == second == third
    assert isinstance(first, verification.Proof)
    assert db.session.scalar(select(func.count(TimelineEntry.id))) == 1


def test_a_code_that_was_used_is_soon_worth_nothing(event):
    token = joined(event)
    code = ask(event, token)
    verification.prove(facts_of(event), token, code)
    age(2, "proven_at")
    with pytest.raises(errors.CodeOver):
        verification.prove(facts_of(event), token, code)


def test_the_ten_minutes_start_when_the_mail_was_sent(event):
    token = joined(event)
    code = ask(event, token)
    age(30)
    db.session.execute(update(Verification).values(sent_at=func.now()))
    db.session.commit()
    assert verification.prove(facts_of(event), token, code).place == token


def test_a_code_runs_out_ten_minutes_after_its_mail(event):
    token = joined(event)
    code = ask(event, token)
    db.session.execute(update(Verification).values(sent_at=func.now()))
    db.session.commit()
    age(11, "sent_at")
    with pytest.raises(errors.CodeOver):
        verification.prove(facts_of(event), token, code)


def test_only_the_newest_code_counts(event):
    token = joined(event)
    old = ask(event, token)
    new = ask(event, token, "ada@example.org")
    assert verification.standing(facts_of(event), token, None).asked_email == "ada@example.org"
    if old != new:
        with pytest.raises(errors.CodeWrong):
            verification.prove(facts_of(event), token, old)
    assert verification.prove(facts_of(event), token, new).email == "ada@example.org"


def test_pressing_twice_sends_one_mail(event):
    token = joined(event)
    ask(event, token)
    ask(event, token)
    assert db.session.scalar(select(func.count(OutboxEntry.id))) == 1


def test_many_codes_in_an_hour_are_too_many(event):
    token = joined(event)
    for n in range(6):
        ask(event, token, f"ada{n}@example.com")
    with pytest.raises(errors.TooManyCodes):
        ask(event, token, "ada@example.com")


def test_the_answer_is_the_same_for_known_and_unknown_addresses(event):
    prove(event, joined(event), "known@example.com")
    known, unknown = joined(event), joined(event)
    ask(event, known, "known@example.com")
    ask(event, unknown, "unknown@example.com")
    seen = [verification.standing(facts_of(event), token, None) for token in (known, unknown)]
    assert [s.proven_email for s in seen] == [None, None]
    assert [s.code_alive for s in seen] == [True, True]


def test_a_proven_place_keeps_its_address_for_ever(event):
    token = joined(event)
    prove(event, token, "ada@example.com")
    with pytest.raises(errors.Invalid) as refusal:
        verification.ask_code(facts_of(event), token, "bob@example.com")
    assert "ada" not in str(refusal.value.fields)


def test_a_browser_that_lost_its_proof_proves_the_same_address_again(event):
    token = joined(event)
    first = prove(event, token)
    facts = facts_of(event)
    assert verification.standing(facts, token, first.fan).proven_email == "ada@example.com"
    assert verification.standing(facts, token, None).proven_email is None
    again = prove(event, token)
    assert (again.fan, again.place) == (first.fan, first.place)


def test_one_fan_two_browsers_one_place(event):
    """The lower number stays, the other ends as merged, in Postgres and in Redis."""
    first, second = joined(event), joined(event)
    assert prove(event, first).place == first
    proof = prove(event, second)
    assert proof.place == first
    assert state_of(second) == ("merged", first.place_id)
    assert state_of(first).state == "waiting"
    facts = facts_of(event)
    assert verbs.status(facts.id, facts.epoch, second.place_id).state not in ("waiting", "admitted")
    assert line.status(event.slug, second).place_token.place_id == first.place_id


def test_the_lower_number_wins_also_when_it_is_proven_last(event):
    first, second = joined(event), joined(event)
    prove(event, second)
    proof = prove(event, first)
    assert proof.place == first
    assert state_of(second) == ("merged", first.place_id)
    fan_id = db.session.scalar(select(Place.fan_id).where(Place.id == first.place_id))
    assert fan_id == proof.fan.fan_id
    told = line.status(event.slug, second)
    assert told.place_token.number == first.number
    assert told.state == "waiting"


def test_a_place_that_was_just_left_takes_no_other_with_it(event):
    """The journal tells of leaving up to a second later; who joined again is not merged into it."""
    first = joined(event)
    prove(event, first)
    journal.journal_once()
    line.leave(event.slug, first)
    again = joined(event)
    assert prove(event, again).place == again
    journal.journal_once()
    assert state_of(first).state == "left"
    assert line.status(event.slug, again).state == "waiting"


def test_a_merged_place_stays_merged_when_the_journal_comes_by(event):
    first, second = joined(event), joined(event)
    prove(event, first)
    prove(event, second)
    journal.journal_once()
    assert state_of(second) == ("merged", first.place_id)


def test_two_browsers_that_prove_at_once_end_with_one_place(event, race):
    tokens = [joined(event) for _ in range(6)]
    facts = facts_of(event)
    codes = []
    for token in tokens:
        codes.append(ask(event, token))
    answers = race(6, lambda i: verification.prove(facts, tokens[i], codes[i]))
    assert {a.place.number for a in answers if isinstance(a, verification.Proof)}, answers
    live = select(func.count(Place.id)).where(Place.state == "waiting", Place.fan_id.is_not(None))
    assert db.session.scalar(live) == 1
    assert not [a for a in answers if isinstance(a, Exception)], answers


def test_the_same_fan_may_stand_in_two_lines(app, event):
    other = factories.an_event()
    first = prove(event, joined(event))
    second = prove(other, joined(other))
    assert first.fan == second.fan
    assert first.place != second.place


def test_a_fan_who_has_a_claim_already_is_told_which(event):
    fan = factories.a_fan("ada@example.com")
    claim = factories.a_claim(event, fan=fan)
    assert prove(event, joined(event)).claim_reference == claim.reference


def test_a_place_that_has_ended_proves_nothing(event):
    token = joined(event)
    line.leave(event.slug, token)
    journal.journal_once()
    with pytest.raises(errors.NoPlace):
        ask(event, token)


def test_a_place_of_a_lost_second_can_be_proven(event, line_redis):
    """Postgres never heard of this place, nor does Redis any more; the browser still holds it."""
    token = joined(event)
    line_redis.flushall()
    proof = prove(event, token)
    assert proof.place == token


def test_another_browser_does_not_pass_for_the_fan(event):
    proof = prove(event, joined(event))
    other = joined(event)
    with pytest.raises(errors.NotProven):
        verification.proven_address(facts_of(event), other, proof.fan)
    with pytest.raises(errors.NotProven):
        verification.proven_address(facts_of(event), proof.place, None)


def test_without_redis_proving_works(event, line_redis):
    first, second = joined(event), joined(event)
    line_redis.flushall()
    prove(event, first)
    assert prove(event, second).place == PlaceToken(event.id, 1, first.place_id, first.number)


def test_one_address_gets_so_many_codes_an_hour_from_however_many_places(event):
    for _ in range(20):
        ask(event, joined(event), "ada@example.com")
    with pytest.raises(errors.TooManyCodes):
        ask(event, joined(event), "ada@example.com")
    ask(event, joined(event), "bob@example.com")


def test_nothing_that_is_kept_of_a_code_tells_it(event):
    code = ask(event, joined(event))
    kept = select(Verification.id, Verification.email, Verification.place_id, Verification.tries)
    assert code not in str(db.session.execute(kept).one())
    # With the key of the site, and without it not, the row's id gives the code.
    number = db.session.scalar(select(Verification.id))
    assert code_of(number, settings.secret_key) == code
    assert code_of(number, "another key") != code
