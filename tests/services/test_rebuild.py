"""Redis is lost, or comes back old: everybody keeps their number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest
import redis
from sqlalchemy import text

from app.domain.errors import LineLost
from app.domain.tokens import PlaceToken, new_id
from app.extensions import db
from app.line import copy, verbs
from app.line.client import line_client
from app.line.keys import keys_of
from app.services import admission, catalogue, journal, line, rebuild
from tests.factories import a_place, an_event, an_id

FAST = 6_000_000


def plain(server: Any) -> Any:
    return redis.Redis.from_url(server.url, decode_responses=True)


def in_line(client: Any, event: Any) -> list[tuple[str, float]]:
    return client.zrange(keys_of(event.id).line, 0, -1, withscores=True)  # type: ignore[no-any-return]


def forget() -> None:
    catalogue.forget_all()
    line.forget_all()
    line_client.forgive()


def join(event: Any, count: int = 1) -> list[PlaceToken]:
    forget()
    return [line.join(event.slug, an_id()) for _ in range(count)]


def epoch_of(event: Any) -> int:
    value: int = db.session.scalar(
        text("SELECT epoch FROM lines WHERE event_id = :id"), {"id": event.id}
    )
    db.session.rollback()
    return value


def test_join_10000_then_flushall_same_order_same_numbers(app: Any, line_redis: Any) -> None:
    event = an_event()
    event_id = event.id
    # Postgres ends a transaction that stands idle while thousands join.
    db.session.expunge(event)
    db.session.commit()
    for _ in range(10_000):
        verbs.join(event_id, 1, an_id(), new_id())
    before = in_line(line_redis, event)
    assert [score for _, score in before] == list(range(1, 10_001))
    while journal.journal_once():
        pass
    line_redis.flushall()
    assert rebuild.rebuild_once(event.id)
    assert in_line(line_redis, event) == before


def test_redis_back_with_an_old_snapshot_gives_no_number_twice(app: Any, mortal_redis: Any) -> None:
    """Numbers 6 to 8 are given after the snapshot and known to their browsers only."""
    event = an_event()
    tokens = join(event, 5)
    journal.journal_once()
    plain(mortal_redis).save()
    tokens += join(event, 3)
    mortal_redis.kill()
    mortal_redis.start()
    assert len(in_line(plain(mortal_redis), event)) == 5, "it is back, and old"

    forget()
    with pytest.raises(LineLost):
        verbs.join(event.id, epoch_of(event), an_id(), new_id())
    assert admission.admit_once() == 0, "the beat finds it and rebuilds"
    tokens += join(event, 3)
    numbers = [token.number for token in tokens]
    assert len(set(numbers)) == len(numbers)
    assert numbers[-3:] == [1_000_006, 1_000_007, 1_000_008]
    for token in tokens:
        assert line.status(event.slug, token).number == token.number
    assert [number for _, number in in_line(plain(mortal_redis), event)] == sorted(numbers)


def test_two_losses_in_a_row_give_no_number_twice(app: Any, line_redis: Any) -> None:
    """The second comes before anything of the second life reached Postgres."""
    event = an_event()
    tokens = join(event, 5)
    journal.journal_once()
    tokens += join(event, 2)
    for _ in range(2):
        line_redis.flushall()
        assert rebuild.rebuild_once(event.id)
        tokens += join(event, 3)
    numbers = [token.number for token in tokens]
    assert len(set(numbers)) == len(numbers)
    forget()
    for token in reversed(tokens):
        assert line.status(event.slug, token).number == token.number
    assert [number for _, number in in_line(line_redis, event)] == sorted(numbers)


def test_a_rebuild_that_died_in_the_middle_is_begun_again(
    app: Any, line_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event()
    tokens = join(event, 3)
    journal.journal_once()
    line_redis.flushall()

    def dies(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(copy, "end", dies)
        with pytest.raises(SystemExit):
            rebuild.rebuild_once(event.id)
    forget()
    with pytest.raises(LineLost):
        verbs.join(event.id, epoch_of(event), an_id(), new_id())
    assert rebuild.rebuild_once(event.id)
    assert [place for place, _ in in_line(line_redis, event)] == [t.place_id for t in tokens]


def test_join_in_the_middle_of_a_rebuild_waits_and_gets_a_number(
    app: Any, line_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event()
    join(event, 3)
    journal.journal_once()
    line_redis.flushall()
    in_the_middle, go_on = threading.Event(), threading.Event()
    whole = copy.end

    def slow(*args: Any) -> None:
        in_the_middle.set()
        assert go_on.wait(5)
        whole(*args)

    monkeypatch.setattr(copy, "end", slow)
    slug, event_id, visitor = event.slug, event.id, an_id()
    done: list[Any] = []

    def in_context(work: Callable[[], Any]) -> None:
        with app.app_context():
            done.append(work())

    rebuilder = threading.Thread(target=in_context, args=(lambda: rebuild.rebuild_once(event_id),))
    rebuilder.start()
    assert in_the_middle.wait(5)
    fan = threading.Thread(target=in_context, args=(lambda: line.join(slug, visitor),))
    fan.start()
    sleep(0.4)
    assert fan.is_alive(), "the fan waits"
    assert line_redis.zcard(keys_of(event_id).line) == 3, "and nothing has happened yet"
    go_on.set()
    fan.join(5)
    rebuilder.join(5)
    (token,) = [answer for answer in done if answer is not True]
    assert token.number == 1_000_004


def test_a_join_that_waited_in_vain_is_refused(app: Any, line_redis: Any) -> None:
    event = an_event()
    line_redis.flushall()
    with pytest.raises(LineLost):
        line.join(event.slug, an_id())


def test_only_a_few_threads_wait_for_a_rebuild(
    app: Any,
    line_redis: Any,
    race: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are refused at once, so that polls are still answered."""
    event = an_event()
    slug = event.slug
    catalogue.facts(slug)
    line_redis.flushall()
    everyone = threading.Barrier(12)

    def waits(*_: Any) -> str:
        everyone.wait(10)
        return "waited"

    def joins(_: int) -> Any:
        try:
            return line.join(slug, an_id())
        except LineLost:
            everyone.wait(10)
            return "refused"

    monkeypatch.setattr(line, "_join_soon", waits)
    answers = race(12, joins)
    assert sorted(answers) == ["refused"] * 9 + ["waited"] * 3


def test_a_fan_whose_place_postgres_never_heard_of_comes_back_at_the_same_number(
    app: Any, line_redis: Any
) -> None:
    event = an_event()
    first, second, third = join(event, 3)
    db.session.execute(text("SELECT 1"))
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    (late,) = join(event)
    for token in (third, first, second):
        forget()
        status = line.status(event.slug, token)
        assert (status.state, status.number) == ("waiting", token.number)
        assert status.place_token.epoch == 2, "the browser is known to this copy now"
    journal.journal_once()
    assert [place for place, _ in in_line(line_redis, event)] == [
        token.place_id for token in (first, second, third, late)
    ]
    kept = db.session.execute(text("SELECT id FROM places ORDER BY number")).scalars().all()
    assert kept == [token.place_id for token in (first, second, third, late)]


@pytest.mark.parametrize("state", ["used", "left", "expired"])
def test_a_used_or_abandoned_place_does_not_come_back(
    app: Any, line_redis: Any, state: str
) -> None:
    event = an_event()
    place = a_place(event, state=state, number=7)
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    forget()
    token = PlaceToken(event.id, 1, place.id, 7)
    shown = "claimed" if state == "used" else state
    assert line.status(event.slug, token).state == shown
    assert in_line(line_redis, event) == []
    again = line.join(event.slug, an_id(), token)
    assert again.place_id != place.id
    assert again.number > 1_000_000


def test_a_merged_place_leads_to_the_winner(app: Any, line_redis: Any) -> None:
    event = an_event()
    winner = a_place(event, number=3)
    loser = a_place(event, number=9, state="merged", merged_into=winner.id)
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    forget()
    status = line.status(event.slug, PlaceToken(event.id, 1, loser.id, 9))
    assert (status.state, status.number) == ("waiting", 3)
    assert status.place_token == PlaceToken(event.id, 2, winner.id, 3)


def test_nobody_loses_a_turn(app: Any, line_redis: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=2)
    tokens = join(event, 3)
    admission.admit_once()
    before = line.current_pass(event.slug, tokens[0])
    assert before is not None
    journal.journal_once()
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    forget()
    after = line.current_pass(event.slug, tokens[0])
    assert after is not None
    assert after.pass_until == before.pass_until
    assert admission.admit_once() == 0, "the two inside still count"


def test_after_a_rebuild_the_lost_second_goes_first(app: Any, line_redis: Any) -> None:
    event = an_event(admit_per_minute=FAST, pass_capacity=2)
    known = join(event, 1)
    journal.journal_once()
    lost = join(event, 1)
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    late = join(event, 1)
    assert admission.admit_once() == 1, "the known one, but nobody with a later number"
    forget()
    assert line.status(event.slug, lost[0]).state == "waiting"
    assert admission.admit_once() == 0
    db.session.execute(text("UPDATE lines SET guard_until = now()"))
    db.session.commit()
    assert admission.admit_once() == 1
    forget()
    assert [line.status(event.slug, t).state for t in (*known, *lost, *late)] == [
        "admitted",
        "admitted",
        "waiting",
    ]


def test_another_loss_does_not_end_the_guard_of_the_first(app: Any, line_redis: Any) -> None:
    """Nobody who joined between two losses is admitted before those whom the first one hit."""
    event = an_event(admit_per_minute=FAST, pass_capacity=5)
    lost = join(event, 1)
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    late = join(event, 1)
    journal.journal_once()
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    assert admission.admit_once() == 0
    forget()
    assert line.status(event.slug, lost[0]).state == "waiting"
    db.session.execute(text("UPDATE lines SET guard_until = now()"))
    db.session.commit()
    assert admission.admit_once() == 2
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    guard = db.session.scalar(text("SELECT guard_number FROM lines"))
    assert guard == late[0].number, "a guard that is over leaves nothing behind"


def test_the_first_writing_has_no_guard_and_starts_at_one(app: Any) -> None:
    event = an_event(line=False)
    assert rebuild.rebuild_once(event.id)
    facts = catalogue.facts(event.slug)
    assert (facts.epoch, facts.number_floor, facts.guard_number) == (1, 0, None)
    assert join(event)[0].number == 1


def test_one_rebuilder_at_a_time(app: Any, line_redis: Any, race: Callable[..., list[Any]]) -> None:
    event = an_event()
    event_id = event.id
    line_redis.flushall()
    assert sorted(race(6, lambda _: rebuild.rebuild_once(event_id))) == [False] * 5 + [True]
    assert epoch_of(event) == 2


def test_a_rebuilder_that_was_overtaken_writes_nothing(app: Any, line_redis: Any) -> None:
    """It lost its lock and sleeps; another one has finished meanwhile."""
    event = an_event()
    copy.begin(event.id, 2)
    copy.begin(event.id, 3)
    with pytest.raises(LineLost):
        copy.add_free(event.id, 2, [1])
    with pytest.raises(LineLost):
        copy.end(event.id, 2, 0, 0)
    copy.end(event.id, 3, 0, 0)
    with pytest.raises(LineLost):
        copy.begin(event.id, 2)
    assert copy.is_valid(event.id, 3)


def test_while_redis_is_away_no_epoch_is_spent(app: Any, mortal_redis: Any) -> None:
    event = an_event()
    mortal_redis.kill()
    for _ in range(3):
        forget()
        assert not rebuild.rebuild_once(event.id)
    assert epoch_of(event) == 1


def test_free_numbers_are_those_without_a_claim(app: Any, line_redis: Any) -> None:
    from tests.factories import a_claim

    event = an_event(capacity=2500)
    a_claim(event, 3)
    line_redis.flushall()
    rebuild.rebuild_once(event.id)
    free = line_redis.zrange(keys_of(event.id).free, 0, -1)
    assert free == [str(number) for number in range(4, 2501)]
