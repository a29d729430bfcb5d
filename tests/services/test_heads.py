"""One of a crowd asks for the head of the line, and the others are told from that."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.events import EventFacts
from app.domain.line import LONGEST_POLL_S
from app.domain.tokens import PlaceToken
from app.extensions import db
from app.line import verbs
from app.services import admission, catalogue, heads, line
from app.services.telling import next_poll
from tests.factories import an_event, an_id

CROWD = heads.CROWD


def fill(event: Any, count: int) -> list[PlaceToken]:
    db.session.rollback()
    places = [verbs.join(event.id, 1, an_id(), an_id()) for _ in range(count)]
    catalogue.forget_all()
    line.forget_all()
    return [PlaceToken(event.id, 1, place, number) for place, number in places]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each head that was brought."""
    found: list[int] = []
    bring = verbs.head

    def counted(event_id: int, epoch: int, most: int) -> list[str]:
        found.append(event_id)
        return bring(event_id, epoch, most)

    monkeypatch.setattr(verbs, "head", counted)
    # As long as this test takes, and no longer than it wants.
    monkeypatch.setattr(heads, "_MAX_AGE_S", 60.0)
    return found


def ahead(facts: EventFacts, token: PlaceToken) -> int | None:
    shared = line.without_asking(facts, token)
    return shared.told.ahead if shared else None


def test_a_crowd_at_the_head_is_told_what_each_would_be_told_alone(app: Any, asked: Any) -> None:
    event = an_event()
    tokens = fill(event, 30)
    facts = catalogue.facts(event.slug)
    alone = [line.glance(facts, token) for token in tokens]
    first = [line.without_asking(facts, token) for token in tokens[: CROWD - 1]]
    assert first == [None] * (CROWD - 1), "a few are not a crowd"
    for token, precise in zip(tokens, alone, strict=True):
        shared = line.without_asking(facts, token)
        assert shared is not None
        assert precise is not None
        assert 2 <= next_poll(shared.delay) <= LONGEST_POLL_S
        told = shared.told
        own = ("number", "place_token", "updated_at", "next_poll_seconds")
        assert told._replace(**{name: getattr(precise, name) for name in own}) == precise
        assert told.ahead == token.number - 1
        assert told.ahead_exact
    assert asked == [event.id]


def test_who_comes_to_the_same_rank_is_told_alike(app: Any, asked: Any) -> None:
    event = an_event()
    tokens = fill(event, 3)
    facts = catalogue.facts(event.slug)
    for _ in range(CROWD):
        before = line.without_asking(facts, tokens[1])
    line.leave(event.slug, tokens[0])
    heads._heads[event.id]._good_until = 0
    for _ in range(CROWD):
        after = line.without_asking(facts, tokens[2])
    assert before is not None
    assert after is not None
    assert after is before, "both wait behind one other, in the same second"


def test_who_is_not_at_the_head_is_asked_for_alone(app: Any, asked: Any) -> None:
    event = an_event(admit_per_minute=6_000_000)
    tokens = fill(event, 3)
    admission.admit_once()
    facts = catalogue.facts(event.slug)
    for _ in range(CROWD + 1):
        assert line.without_asking(facts, tokens[0]) is None
    assert asked
    assert line.status(event.slug, tokens[0]).state == "admitted"


def test_a_head_that_is_old_is_not_believed(
    app: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event()
    tokens = fill(event, 3)
    facts = catalogue.facts(event.slug)
    for _ in range(CROWD):
        line.without_asking(facts, tokens[2])
    line.leave(event.slug, tokens[0])
    assert ahead(facts, tokens[2]) == 2
    later = heads._heads[event.id]._good_until + 0.001
    monkeypatch.setattr(heads, "monotonic", lambda: later)
    assert line.without_asking(facts, tokens[2]) is None
    for _ in range(CROWD):
        told = ahead(facts, tokens[2])
    assert told == 1


def test_without_redis_nobody_is_told_of_a_head(app: Any, mortal_redis: Any, asked: Any) -> None:
    event = an_event()
    tokens = fill(event, 3)
    facts = catalogue.facts(event.slug)
    line.status(event.slug, tokens[0])
    mortal_redis.kill()
    for _ in range(CROWD + 2):
        assert line.without_asking(facts, tokens[2]) is None
    assert asked
    assert line.status(event.slug, tokens[2]).state == "waiting"


def test_a_head_of_another_epoch_tells_nothing(app: Any, asked: Any) -> None:
    event = an_event()
    tokens = fill(event, 3)
    facts = catalogue.facts(event.slug)
    for _ in range(CROWD):
        line.without_asking(facts, tokens[0])
    heads._heads[event.id]._epoch = 0
    assert line.without_asking(facts, tokens[0]) is None
