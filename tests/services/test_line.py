"""Join, wait, leave, as a fan meets them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.errors import (
    EventUnknown,
    LineUnavailable,
    NoPlace,
    NotOnSale,
    StoreUnavailable,
)
from app.domain.events import EventFacts
from app.domain.tokens import PlaceToken, new_id
from app.extensions import db
from app.line import inventory, verbs
from app.line.client import line_client
from app.line.keys import keys_of
from app.services import admission, catalogue, journal, line, pictures, standing
from tests.factories import a_claim, a_fan, an_admitted_place, an_event, an_id, utc_now

FAST = 6_000_000


def forget() -> None:
    catalogue.forget_all()
    line.forget_all()
    line_client.forgive()


def fill(event: Any, count: int) -> list[PlaceToken]:
    """A line of so many, and nobody remembers an older one."""
    event_id = event.id
    db.session.rollback()
    tokens = []
    for _ in range(count):
        place, number = verbs.join(event_id, 1, an_id(), new_id())
        tokens.append(PlaceToken(event_id, 1, place, number))
    forget()
    return tokens


def change(event: Any, assignments: str) -> None:
    db.session.execute(text(f"UPDATE events SET {assignments} WHERE id = {event.id}"))
    db.session.commit()
    forget()


# Join


def test_numbers_are_given_in_the_order_of_joining(app: Any) -> None:
    event = an_event()
    assert [line.join(event.slug, an_id()).number for _ in range(3)] == [1, 2, 3]


def test_a_double_tap_makes_one_place(app: Any, race: Callable[..., list[Any]]) -> None:
    slug = an_event().slug
    tokens = race(20, lambda _: line.join(slug, "one-browser"))
    assert len(set(tokens)) == 1


def test_a_place_of_another_event_is_a_strangers(app: Any) -> None:
    event, other = an_event(), an_event()
    token = line.join(other.slug, an_id())
    assert line.join(event.slug, an_id(), token).event_id == event.id
    with pytest.raises(NoPlace):
        line.status(event.slug, token)
    with pytest.raises(NoPlace):
        line.leave(event.slug, token)


def test_fans_may_join_before_the_sale_and_while_it_is_paused(app: Any) -> None:
    later = utc_now() + timedelta(hours=1)
    for values in ({"sale_starts_at": later}, {"state": "published"}, {"state": "paused"}):
        assert line.join(an_event(**values).slug, an_id()).number == 1


def test_nobody_joins_a_closed_sale_or_a_draft(app: Any) -> None:
    closed = an_event(state="closed")
    over = an_event(sale_starts_at=utc_now() - timedelta(2), sale_ends_at=utc_now() - timedelta(1))
    for event in (closed, over):
        with pytest.raises(NotOnSale) as refusal:
            line.join(event.slug, an_id())
        assert refusal.value.phase == "closed"
    with pytest.raises(EventUnknown):
        line.join(an_event(state="draft").slug, an_id())


def test_who_left_joins_again_at_the_end(app: Any) -> None:
    event = an_event()
    visitor = an_id()
    token = line.join(event.slug, visitor)
    line.join(event.slug, an_id())
    line.leave(event.slug, token)
    assert line.join(event.slug, visitor, token).number == 3


def test_who_claimed_stays_with_the_claim_until_it_ends(app: Any) -> None:
    event = an_event()
    fan = a_fan()
    place = an_admitted_place(event, fan, state="used", number=7)
    claim = a_claim(event, 1, fan, place=place)
    token = PlaceToken(event.id, 1, place.id, 7)
    status = line.status(event.slug, token)
    assert (status.state, status.claim_reference) == ("claimed", claim.reference)
    assert line.join(event.slug, an_id(), token).place_id == place.id
    db.session.execute(text("UPDATE claims SET state = 'EXPIRED'"))
    db.session.commit()
    assert line.join(event.slug, an_id(), token).place_id != place.id


# Status


def test_near_the_head_the_rank_is_exact(app: Any) -> None:
    event = an_event()
    tokens = fill(event, 600)
    for index in (0, 1, 250, 499):
        status = line.status(event.slug, tokens[index])
        assert (status.ahead, status.ahead_exact) == (index, True)


def test_further_back_the_rank_is_within_one_percent(app: Any) -> None:
    event = an_event()
    tokens = fill(event, 4000)
    for token in tokens[100:3500:7]:
        verbs.leave(event.id, 1, token.place_id)
    left = {token.place_id for token in tokens[100:3500:7]}
    rest = [token for token in tokens if token.place_id not in left]
    for index in range(501, len(rest), 31):
        status = line.status(event.slug, rest[index])
        assert status.ahead is not None
        assert abs(status.ahead - index) <= index / 100, index
        assert not status.ahead_exact


def test_far_back_a_poll_makes_no_trip_to_redis(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = an_event()
    tokens = fill(event, 700)
    line.status(event.slug, tokens[-1])

    def trip(*_: Any) -> Any:
        raise AssertionError("a trip to Redis")

    monkeypatch.setattr(verbs, "status", trip)
    assert line.status(event.slug, tokens[-1]).state == "waiting"
    with pytest.raises(AssertionError):
        line.status(event.slug, tokens[0])


def test_an_admitted_place_is_never_taken_for_one_far_back(app: Any) -> None:
    """Hundreds of places went back in before it since it was admitted."""
    event = an_event(capacity=600, admit_per_minute=FAST, pass_capacity=600)
    tokens = fill(event, 1300)
    assert admission.admit_once() == 600
    change(event, "paused_ms = paused_ms - 3600000")
    inventory.drop_free(event.id, 1, range(1, 601))
    assert admission.admit_once() == 0
    inventory.add_free(event.id, 1, range(1, 601))
    verbs.restore(event.id, 1, "the-last-admitted", "", 600_000, pass_until=2**45)
    forget()
    assert line.status(event.slug, PlaceToken(event.id, 1, "the-last-admitted", 600_000)).pass_token
    assert line.status(event.slug, tokens[599]).ahead == 599


def test_who_was_ended_far_back_hears_of_it(app: Any) -> None:
    event = an_event()
    tokens = fill(event, 700)
    line.status(event.slug, tokens[0])
    verbs.leave(event.id, 1, tokens[650].place_id)
    sleep(pictures._MAX_AGE_S + 0.1)
    assert line.status(event.slug, tokens[650]).state == "left"


def test_the_words_follow_the_sale(app: Any) -> None:
    event = an_event(capacity=2, max_per_fan=2)
    (token,) = fill(event, 1)

    def word() -> str:
        forget()
        return line.status(event.slug, token).state

    assert word() == "waiting"
    change(event, "state = 'paused', paused_at = now(), pause_reason = 'Rain.'")
    assert word() == "paused"
    change(event, "state = 'on_sale', paused_at = NULL, pause_reason = ''")
    change(event, "sale_starts_at = now() + interval '1 hour'")
    assert word() == "before"
    change(event, "sale_starts_at = now() - interval '1 hour'")
    fan = a_fan()
    claim = a_claim(event, 2, fan, place=an_admitted_place(event, fan, state="used", number=99))
    assert word() == "none_free"
    db.session.execute(text(f"UPDATE claims SET state = 'CONFIRMED' WHERE id = {claim.id}"))
    db.session.commit()
    assert word() == "sold_out"
    change(event, "state = 'closed'")
    assert word() == "closed"


def test_an_admitted_fan_has_a_pass_and_knows_until_when(app: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_seconds=300)
    (token,) = fill(event, 1)
    admission.admit_once()
    status = line.status(event.slug, token)
    assert status.state == "admitted"
    assert status.pass_token is not None
    assert status.pass_until is not None
    assert 298 < (status.pass_until - utc_now()).total_seconds() < 301
    assert line.current_pass(event.slug, token) == status.pass_token


def test_the_organisers_message_is_shown(app: Any) -> None:
    event = an_event(message="Doors open at six.", message_at=utc_now())
    (token,) = fill(event, 1)
    status = line.status(event.slug, token)
    assert status.message == "Doors open at six."
    assert status.message_at is not None


def test_polls_are_asked_for_every_2_to_30_seconds_with_jitter(app: Any) -> None:
    event = an_event(admit_per_minute=60)
    tokens = fill(event, 3000)
    near = {line.status(event.slug, tokens[0]).next_poll_seconds for _ in range(50)}
    far = {line.status(event.slug, tokens[-1]).next_poll_seconds for _ in range(50)}
    assert near <= {2, 3}
    assert len(far) > 4
    assert min(far) >= 15
    assert max(far) <= 30


def test_the_expected_wait_follows_the_rate(app: Any) -> None:
    event = an_event(admit_per_minute=60)
    tokens = fill(event, 31)
    assert line.status(event.slug, tokens[30]).eta_seconds == 30


def test_a_line_that_stands_still_has_no_expected_wait(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0
    monkeypatch.setattr(pictures, "monotonic", lambda: passed)
    event = an_event(admit_per_minute=60, pass_capacity=1)
    tokens = fill(event, 9)
    # There is room inside, and no beat that lets anybody in.
    for passed, wait in ((0.0, 8), (10.0, 8), (30.0, None), (60.0, None)):
        status = line.status(event.slug, tokens[8])
        assert (status.ahead, status.eta_seconds) == (8, wait), passed
    # One fan dawdles inside, and there is no room for another.
    admission.admit_once()
    sleep(1.1)
    assert admission.admit_once() == 1
    forget()
    for passed in (61.0, 90.0, 120.0, 150.0, 240.0):
        status = line.status(event.slug, tokens[8])
        assert (status.ahead, status.eta_seconds) == (7, None), passed
        assert status.next_poll_seconds in (3, 4)


def test_a_forged_number_in_a_known_place_is_corrected(app: Any) -> None:
    """Cannot happen with a sound signature; the copy's word counts all the same."""
    event = an_event()
    (token,) = fill(event, 1)
    status = line.status(event.slug, PlaceToken(event.id, 1, token.place_id, 900))
    assert status.number == 1


# Away


def test_with_redis_away_a_poll_shows_the_last_that_was_known(app: Any, mortal_redis: Any) -> None:
    event = an_event()
    tokens = fill(event, 700)
    before = line.status(event.slug, tokens[680])
    mortal_redis.kill()
    sleep(pictures._MAX_AGE_S + 0.1)
    for index in (0, 30, 680):
        status = line.status(event.slug, tokens[index])
        assert (status.state, status.number) == ("waiting", index + 1)
        assert not status.line_safe
        assert "Your place is safe" in status.message
        assert status.ahead is not None
        assert abs(status.ahead - index) <= 5
        assert status.eta_seconds is None
    assert status.ahead == before.ahead
    with pytest.raises(LineUnavailable):
        line.join(event.slug, an_id())
    with pytest.raises(LineUnavailable):
        line.leave(event.slug, tokens[0])
    mortal_redis.start()
    sleep(0.3)
    admission.admit_once()
    sleep(pictures._MAX_AGE_S + 0.1)
    assert line.status(event.slug, tokens[0]).line_safe


def test_with_redis_away_since_the_start_the_number_is_still_known(
    app: Any, mortal_redis: Any
) -> None:
    event = an_event()
    (token,) = fill(event, 1)
    mortal_redis.kill()
    status = line.status(event.slug, token)
    assert (status.state, status.number, status.ahead) == ("waiting", 1, None)
    assert not status.line_safe


def test_with_redis_away_a_pass_is_found_in_postgres(app: Any, mortal_redis: Any) -> None:
    event = an_event(admit_per_minute=FAST)
    (token,) = fill(event, 1)
    admission.admit_once()
    known = line.current_pass(event.slug, token)
    journal.journal_once()
    mortal_redis.kill()
    forget()
    assert line.current_pass(event.slug, token) == known
    change(event, "paused_ms = paused_ms - 3600000")
    assert line.current_pass(event.slug, token) is None


def test_with_redis_away_a_pass_holder_is_still_told_so(app: Any, mortal_redis: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    first, second = fill(event, 2)
    admission.admit_once()
    journal.journal_once()
    line.status(event.slug, second)
    mortal_redis.kill()
    sleep(pictures._MAX_AGE_S + 0.1)
    status = line.status(event.slug, first)
    assert (status.state, status.line_safe) == ("admitted", False)
    assert status.pass_token is not None
    assert line.status(event.slug, second).state == "waiting"


def test_a_process_started_while_redis_is_away_asks_postgres(app: Any, mortal_redis: Any) -> None:
    """Nobody who was admitted, has claimed or left is told to be next."""
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    first, second, third = fill(event, 3)
    admission.admit_once()
    line.leave(event.slug, third)
    journal.journal_once()
    fan = a_fan()
    place = an_admitted_place(event, fan, state="used", number=99)
    a_claim(event, 1, fan, place=place)
    used = PlaceToken(event.id, 1, place.id, 99)
    db.session.rollback()
    mortal_redis.kill()
    forget()
    told = [line.status(event.slug, token) for token in (first, second, third, used)]
    assert [status.state for status in told] == ["admitted", "waiting", "left", "claimed"]
    assert {(status.ahead, status.eta_seconds) for status in told} == {(None, None)}


def test_with_redis_away_who_is_no_more_in_the_line_is_not_next(
    app: Any, mortal_redis: Any
) -> None:
    """Admitted in the last moment: Postgres has not heard of it."""
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    first, second = fill(event, 2)
    admission.admit_once()
    line.status(event.slug, second)
    mortal_redis.kill()
    sleep(pictures._MAX_AGE_S + 0.1)
    assert line.status(event.slug, first).ahead is None
    assert line.status(event.slug, second).ahead == 0


def test_joining_and_waiting_need_no_postgres(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = an_event()
    slug = event.slug
    db.session.rollback()
    line.join(slug, an_id())

    def away(*_: Any) -> Any:
        raise StoreUnavailable

    for module in (catalogue, standing):
        monkeypatch.setattr(module, "autocommit_engine", away)
    sleep(1.1)
    visitor = an_id()
    token = line.join(slug, visitor)
    assert line.join(slug, visitor, token) == token
    assert line.status(slug, token).state == "waiting"


def test_a_closed_sale_needs_no_redis(app: Any, mortal_redis: Any) -> None:
    event = an_event()
    (token,) = fill(event, 1)
    change(event, "state = 'closed'")
    mortal_redis.kill()
    status = line.status(event.slug, token)
    assert (status.state, status.line_safe) == ("closed", True)


# Leave


def test_leaving_moves_the_others_up(app: Any) -> None:
    event = an_event()
    first, second = fill(event, 2)
    line.leave(event.slug, first)
    line.leave(event.slug, first)
    assert line.status(event.slug, second).ahead == 0


def test_leaving_frees_the_room_inside(app: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=1)
    first, second = fill(event, 2)
    admission.admit_once()
    line.leave(event.slug, first)
    assert admission.admit_once() == 1
    assert line.status(event.slug, second).state == "admitted"


def test_leaving_a_place_of_the_lost_second_is_for_good(app: Any, line_redis: Any) -> None:
    event = an_event()
    (token,) = fill(event, 1)
    line_redis.flushall()
    admission.admit_once()
    forget()
    line.leave(event.slug, token)
    assert line.status(event.slug, token).state == "left"
    assert line_redis.zcard(keys_of(event.id).line) == 0


# The catalogue


def test_the_catalogue_asks_postgres_once_a_second(
    app: Any, monkeypatch: pytest.MonkeyPatch, race: Callable[..., list[Any]]
) -> None:
    slug = an_event().slug
    asked: list[str] = []
    whole = catalogue._load

    def counted(slug: str) -> EventFacts:
        asked.append(slug)
        return whole(slug)

    monkeypatch.setattr(catalogue, "_load", counted)
    forget()
    race(16, lambda _: [catalogue.facts(slug) for _ in range(50)])
    assert len(asked) == 1
    sleep(1.1)
    race(16, lambda _: catalogue.facts(slug))
    assert len(asked) == 2


def test_the_catalogue_keeps_what_it_knows_while_postgres_is_away(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event()
    known = catalogue.facts(event.slug)

    def away(*_: Any) -> Any:
        raise StoreUnavailable

    monkeypatch.setattr(catalogue, "_load", away)
    sleep(1.1)
    assert catalogue.facts(event.slug) == known
    assert (catalogue.moment(known) - known.as_of).total_seconds() > 1
    catalogue.forget_all()
    with pytest.raises(StoreUnavailable):
        catalogue.facts(event.slug)


def test_counts_and_show(app: Any) -> None:
    event = an_event(capacity=10)
    draft = an_event(state="draft")
    fan = a_fan()
    a_claim(event, 3, fan, place=an_admitted_place(event, fan, state="used", number=99))
    facts = catalogue.facts_by_id(event.id)
    assert (facts.free, facts.held, facts.sold) == (7, 3, 0)
    assert [shown.slug for shown in catalogue.on_show()] == [event.slug]
    assert [shown.slug for shown in catalogue.live()] == [event.slug]
    with pytest.raises(EventUnknown):
        catalogue.facts_by_id(draft.id)
    with pytest.raises(EventUnknown):
        catalogue.facts("no-such-event")
