"""Proof of work: given at join nothing, due before the tickets, counted once."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from time import perf_counter

import pytest

from app import clock
from app.domain import errors
from app.domain import proofs as rules
from app.domain.tokens import FanToken, PlaceToken
from app.extensions import db
from app.line import verbs
from app.services import catalogue, line, proofs, verification
from app.store.models import Place
from tests import factories
from tests.views.browsing import code


@pytest.fixture
def event(app, monkeypatch):
    monkeypatch.setitem(rules.MOST, rules.LIGHT, 2_000)
    return factories.an_event(proof="light")


def joined(event) -> PlaceToken:
    return line.join(event.slug, factories.an_id())


def found(challenge: proofs.Challenge) -> str:
    return next(
        str(number)
        for number in count()
        if rules.digest(challenge.salt, number) == challenge.digest
    )


def work(event, token: PlaceToken) -> None:
    facts = catalogue.facts(event.slug)
    given = proofs.challenge(facts, token)
    proofs.by_work(facts, token, given.token, found(given))


def stored(token: PlaceToken) -> str | None:
    db.session.expire_all()
    place = db.session.get(Place, token.place_id)
    return place.proof if place else None


def test_the_number_found_is_a_proof_of_this_place_and_again_the_same(event):
    facts, token = catalogue.facts(event.slug), joined(event)
    assert proofs.is_due(facts, token)
    given = proofs.challenge(facts, token)
    number = found(given)
    proofs.by_work(facts, token, given.token, number)
    proofs.by_work(facts, token, given.token, number)
    assert not proofs.is_due(facts, token)
    assert stored(token) == "work"


def test_a_sum_of_another_place_or_event_or_time_or_number_counts_for_nobody(event, monkeypatch):
    facts, token, other = catalogue.facts(event.slug), joined(event), joined(event)
    given = proofs.challenge(facts, other)
    number = found(given)
    elsewhere = factories.an_event(proof="light")
    strange = proofs.challenge(catalogue.facts(elsewhere.slug), token)
    tries = [
        (given.token, number),
        (strange.token, found(strange)),
        ("", number),
        (token.sign(factories.an_id() * 2), number),
    ]
    own = proofs.challenge(facts, token)
    right = found(own)
    wrong = (str(int(right) + 1), "", "-1", "1e3", "٣", "9" * 400, f"0{right}")
    tries += [(own.token, typed) for typed in wrong]
    for challenge, typed in tries:
        with pytest.raises(errors.ProofWrong):
            proofs.by_work(facts, token, challenge, typed)
    later = clock.now() + timedelta(seconds=rules.LASTS + 1)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(errors.ProofWrong):
        proofs.by_work(facts, token, own.token, right)
    assert proofs.is_due(facts, token)


def test_a_challenge_is_counted_once_in_redis_until_it_has_run_out(event, line_redis):
    facts = catalogue.facts(event.slug)
    assert verbs.spend(facts.id, facts.epoch, "ab" * 32, "one place", 60)
    assert verbs.spend(facts.id, facts.epoch, "ab" * 32, "one place", 60)
    assert not verbs.spend(facts.id, facts.epoch, "ab" * 32, "another", 60)
    assert 0 < line_redis.ttl(f"fq:{{{event.id}}}:spent:{'ab' * 32}") <= 60


def test_checking_a_proof_takes_less_than_a_tenth_of_a_millisecond(event):
    facts, token = catalogue.facts(event.slug), joined(event)
    pairs = []
    for _ in range(200):
        # Each anew, so that none is remembered.
        given = proofs.challenge(facts, token)
        pairs.append((given.token, found(given)))
    times = []
    for challenge, number in pairs:
        begun = perf_counter()
        proofs.checked(facts, token, challenge, number)
        times.append(perf_counter() - begun)
    # The median, because somebody else may be using this machine.
    assert sorted(times)[100] < 0.0001


def test_without_a_proof_a_claim_is_refused_and_with_one_it_is_made(event):
    buyer = factories.a_buyer(event)
    with pytest.raises(errors.ProofDue):
        buyer.claim()
    turn = buyer.pass_token
    work(event, PlaceToken(event.id, turn.epoch, turn.place_id, turn.number))
    assert buyer.claim().startswith("FQ-")


def test_a_refused_claim_gives_its_tickets_back(event, line_redis):
    buyer = factories.a_buyer(event)
    with pytest.raises(errors.ProofDue):
        buyer.claim(2)
    assert line_redis.zcard(f"fq:{{{event.id}}}:free") == event.capacity
    assert line_redis.zcard(f"fq:{{{event.id}}}:leases") == 0


def test_a_proven_address_counts_when_its_fan_says_so_and_nobody_elses(event):
    buyer = factories.a_buyer(event)
    turn = buyer.pass_token
    token = PlaceToken(event.id, turn.epoch, turn.place_id, turn.number)
    with pytest.raises(errors.NotProven):
        proofs.by_address(token, None)
    with pytest.raises(errors.NotProven):
        proofs.by_address(token, FanToken(factories.a_fan().id))
    proofs.by_address(token, FanToken(buyer.fan_id))
    assert stored(token) == "address"
    assert buyer.claim()


def test_a_place_keeps_the_proof_of_the_one_that_is_merged_into_it(event):
    facts, first, second = catalogue.facts(event.slug), joined(event), joined(event)
    work(event, second)
    verification.ask_code(facts, first, "ada@example.com")
    fan = verification.prove(facts, first, code()).fan
    verification.ask_code(facts, second, "ada@example.com")
    merged = verification.prove(facts, second, code())
    assert merged.place.place_id == first.place_id
    assert merged.fan == fan
    assert stored(first) == "work"


def test_a_sum_found_while_redis_is_away_counts(event, monkeypatch):
    token = joined(event)

    def away(*_):
        raise errors.LineUnavailable

    monkeypatch.setattr(verbs, "spend", away)
    work(event, token)
    assert stored(token) == "work"


def test_a_proof_outlives_a_redis_that_lost_everything(event, line_redis):
    token = joined(event)
    work(event, token)
    line_redis.flushdb()
    factories.write_line(event)
    catalogue.forget(event.slug)
    assert not proofs.is_due(catalogue.facts(event.slug), token)


def test_joining_and_asking_where_one_stands_know_nothing_of_proofs(event):
    token = joined(event)
    assert line.status(event.slug, token).state in ("waiting", "admitted")
    assert stored(token) is None
