"""The line against a plain Python one: whatever happens in whatever order, numbers are given
once, the line is in order of number, and who comes back stands where they stood."""

from __future__ import annotations

import random
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from app.domain.errors import LineLost, LineUnavailable
from app.domain.tokens import PlaceToken
from app.extensions import db
from app.line.client import line_client
from app.line.keys import keys_of
from app.services import admission, catalogue, journal, line, rebuild
from tests.factories import an_event, an_id

CAPACITY = 5
TICKETS = 20
# 100 a millisecond: the bucket never is what limits admission here.
RATE = 6_000_000
SALE = {"capacity": TICKETS, "pass_capacity": CAPACITY, "admit_per_minute": RATE}

WAITING, ADMITTED, LEFT, EXPIRED = "waiting", "admitted", "left", "expired"
# Given in a second that was lost: neither Redis nor Postgres knows the place, its browser does.
LOST = "lost"


class Lines(RuleBasedStateMachine):
    """`live` is what Redis should believe of each place, `known` what Postgres should."""

    server: Any

    @initialize()
    def publish(self) -> None:
        # An example that failed leaves its event behind; the beats are not to see it.
        db.session.rollback()
        self.change("UPDATE events SET sale_starts_at = '2000-01-01', sale_ends_at = '2000-01-02'")
        self.begin(an_event(**SALE))

    def begin(self, event: Any) -> None:
        self.event = event
        self.keys = keys_of(event.id)
        self.browsers: list[tuple[str, PlaceToken]] = []
        self.number: dict[str, int] = {}
        self.live: dict[str, str] = {}
        self.known: dict[str, str] = {}
        self.valid = True
        # Places whose number the journal names and Postgres has not read, and the highest read.
        self.unwritten: set[str] = set()
        self.journaled = 0
        self.guard: int | None = None
        # Places whose pass is over, wherever it is still written.
        self.run_out: set[str] = set()
        # Hypothesis leaves out whole rules in many an example; there are always some fans.
        self.strangers_join(6)
        self.the_journal_is_written()
        self.strangers_join(3)

    # What fans do

    @rule(count=st.integers(1, 6))
    def strangers_join(self, count: int) -> None:
        for _ in range(count):
            visitor = an_id()
            if not self.valid:
                with pytest.raises(LineLost):
                    self.join(visitor)
                return
            token = self.join(visitor)
            self.gave(token)
            self.browsers.append((visitor, token))

    @precondition(lambda self: self.valid and self.browsers)
    @rule(data=st.data())
    def somebody_joins_again(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.browsers) - 1))
        visitor, token = self.browsers[index]
        before = self.live[token.place_id]
        if before in (WAITING, ADMITTED):
            assert self.join(visitor).place_id == token.place_id, "a double tap"
        again = self.join(visitor, token)
        if self.is_over(token.place_id):
            self.gave(again)
        else:
            assert (again.place_id, again.number) == (token.place_id, token.number)
            self.came_back(token)
        self.browsers[index] = (visitor, again)

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def somebody_polls(self, data: st.DataObject) -> None:
        self.poll(data.draw(st.integers(0, len(self.browsers) - 1)))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def somebody_leaves(self, data: st.DataObject) -> None:
        # Most of those who leave have been inside, so that there is room for others.
        inside = [b for b in self.browsers if self.live[b[1].place_id] == ADMITTED]
        _, token = data.draw(st.sampled_from(inside or self.browsers))
        if not self.valid:
            with pytest.raises(LineUnavailable):
                self.fresh(line.leave, self.event.slug, token)
            return
        before = self.live[token.place_id]
        if before not in (WAITING, ADMITTED, LOST):
            return
        self.fresh(line.leave, self.event.slug, token)
        self.live[token.place_id] = LEFT
        # Leaving is in Postgres before the journal comes by.
        self.known[token.place_id] = LEFT

    # What beats do

    @rule()
    def the_journal_is_written(self) -> None:
        journal.journal_once()
        if self.valid:
            self.known |= {place: s for place, s in self.live.items() if s != LOST}
            self.journaled = max([self.journaled, *(self.number[p] for p in self.unwritten)])
            self.unwritten.clear()
        rows = db.session.execute(
            text("SELECT id, state, number FROM places WHERE event_id = :id"),
            {"id": self.event.id},
        ).all()
        db.session.rollback()
        assert {row.id: row.state for row in rows} == self.known
        assert all(self.number[row.id] == row.number for row in rows)

    @rule()
    def some_are_admitted(self) -> None:
        admitted = admission.admit_once()
        if not self.valid:
            assert admitted == 0
            self.rebuilt()
            return
        over = self.run_out.intersection(self.those(ADMITTED))
        was_a_turn = self.open and self.free() > 0
        for place in over:
            self.live[place] = EXPIRED if was_a_turn else WAITING
        guard = self.guard if self.guard is not None else float("inf")
        first = [place for place in self.those(WAITING) if self.number[place] <= guard]
        room = min(CAPACITY, self.free()) - len(self.those(ADMITTED)) if self.open else 0
        for place in first[: max(0, room)]:
            self.live[place] = ADMITTED
            self.run_out.discard(place)
        assert admitted == len(first[: max(0, room)])
        if over and not was_a_turn:
            # Whoever has a second turn: Postgres is to know of it, so that the first is no riddle.
            self.the_journal_is_written()

    @rule(count=st.integers(1, 4))
    def some_join_and_some_are_admitted(self, count: int) -> None:
        if self.valid:
            self.strangers_join(count)
        self.some_are_admitted()

    @rule()
    def the_copy_is_rebuilt_if_need_be(self) -> None:
        assert rebuild.rebuild_once(self.event.id) is not self.valid
        if not self.valid:
            self.rebuilt()

    # What time does

    @precondition(lambda self: self.valid)
    @rule()
    def every_pass_runs_out(self) -> None:
        self.change("UPDATE events SET paused_ms = paused_ms - 3600000 WHERE id = :id")
        self.run_out |= {p for p in self.live if ADMITTED in (self.live[p], self.known.get(p))}

    @precondition(lambda self: self.guard is not None)
    @rule()
    def the_guard_goes(self) -> None:
        self.change("UPDATE lines SET guard_until = now() WHERE event_id = :id")
        self.guard = None

    # What may befall Redis

    @rule()
    def redis_saves(self) -> None:
        self.redis().save()

    @rule(how=st.sampled_from(["wiped", "killed"]))
    def redis_is_lost(self, how: str) -> None:
        """A killed one comes back as it was saved last, or empty."""
        if how == "wiped":
            self.redis().flushall()
        else:
            self.server.kill()
            self.server.start()
        self.valid = False
        self.unwritten.clear()

    @invariant()
    def the_line_is_as_it_should_be(self) -> None:
        if not getattr(self, "valid", False):
            return
        client = self.redis()
        waiting = client.zrange(self.keys.line, 0, -1, withscores=True)
        assert waiting == [(place, self.number[place]) for place in self.those(WAITING)]
        assert set(client.zrange(self.keys.passes, 0, -1)) == set(self.those(ADMITTED))

    def teardown(self) -> None:
        """However it went, in the end all who come back stand in order of their numbers."""
        if hasattr(self, "event"):
            self.the_copy_is_rebuilt_if_need_be()
            browsers = list(range(len(self.browsers)))
            random.Random(len(browsers)).shuffle(browsers)
            for index in browsers:
                self.poll(index)
            self.the_line_is_as_it_should_be()
            self.the_journal_is_written()
        super().teardown()

    # What a sale with tickets says otherwise

    open = True

    def free(self) -> int:
        """How many tickets nobody holds."""
        return TICKETS

    def is_over(self, place: str) -> bool:
        """Whether joining again gives a new place."""
        return self.live[place] in (LEFT, EXPIRED)

    def shown(self, state: str) -> str:
        """The word of the waiting page for a place in this state."""
        return state

    # The plain line

    def those(self, state: str) -> list[str]:
        return sorted(
            (place for place, its in self.live.items() if its == state), key=self.number.__getitem__
        )

    def gave(self, token: PlaceToken) -> None:
        assert token.number not in self.number.values(), "a number was given twice"
        assert token.number > max(self.number.values(), default=0)
        self.number[token.place_id] = token.number
        self.live[token.place_id] = WAITING
        self.unwritten.add(token.place_id)

    def came_back(self, token: PlaceToken) -> None:
        if self.live[token.place_id] == LOST:
            self.live[token.place_id] = WAITING
            self.unwritten.add(token.place_id)

    def rebuilt(self) -> None:
        self.valid = True
        self.live = {place: self.known.get(place, LOST) for place in self.live}
        journaled = db.session.scalar(
            text("SELECT guard_number FROM lines WHERE event_id = :id"), {"id": self.event.id}
        )
        db.session.rollback()
        # A guard that is still in force is not ended by another loss.
        assert journaled == min(n for n in (self.journaled, self.guard) if n is not None)
        self.guard = journaled

    def poll(self, index: int) -> None:
        visitor, token = self.browsers[index]
        status = self.fresh(line.status, self.event.slug, token, visitor)
        assert status.number == token.number
        assert status.line_safe == self.valid
        if not self.valid:
            return
        self.came_back(token)
        state = self.live[token.place_id]
        shown = self.shown(state)
        if shown == ADMITTED and token.place_id in self.run_out:
            shown = "overdue"
        assert status.state == shown
        if state == WAITING:
            assert status.ahead == self.those(WAITING).index(token.place_id)
        assert (status.pass_token is not None) == (state == ADMITTED and shown != "overdue")
        self.browsers[index] = (visitor, status.place_token)

    # The real one

    def join(self, visitor: str, token: PlaceToken | None = None) -> PlaceToken:
        result: PlaceToken = self.fresh(line.join, self.event.slug, visitor, token)
        return result

    def fresh(self, call: Any, *args: Any) -> Any:
        """What this process remembers for a second is another test's affair."""
        catalogue.forget_all()
        line.forget_all()
        line_client.forgive()
        return call(*args)

    def change(self, sql: str) -> None:
        db.session.execute(text(sql), {"id": self.event.id} if ":id" in sql else {})
        db.session.commit()

    def redis(self) -> Any:
        return self.client_of(self.server.url)

    @staticmethod
    def client_of(url: str) -> Any:
        return redis.Redis.from_url(url, decode_responses=True, protocol=2)


def test_the_line_behaves_like_a_plain_list(
    app: Any, mortal_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_LONGEST_WAIT_S", 0)
    monkeypatch.setattr(line, "_BETWEEN_TRIES_S", 0)

    class Machine(Lines):
        server = mortal_redis

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            # The first example that fails is the one that is told: each takes a second, and a
            # search for a smaller one would end in the test's own timeout.
            phases=[Phase.generate],
            stateful_step_count=50,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
