"""Fans at a running product, each a thread with a connection that is kept alive: they join, poll
and claim, and send everything twice, as a browser may that does not know whether it was heard."""

from __future__ import annotations

import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg

from app.domain.tokens import FanToken, PassToken, PlaceToken, VisitorToken, new_id
from tests.faults.keepalive import Answer, Browser

# Far above those of the others in the line, no two alike in one run of the tests, and with room
# between them for the till, which takes the next one.
_NUMBERS = count(500_000, 10)
_BUYER = """
WITH fan AS (
    INSERT INTO fans (email) VALUES (%(email)s) RETURNING id
), line AS (
    UPDATE lines SET number_floor = number_floor WHERE event_id = %(event)s RETURNING epoch
), place AS (
    INSERT INTO places (
        id, event_id, visitor, number, epoch, state, fan_id, pass_until, joined_at, admitted_at)
    SELECT %(place)s, %(event)s, %(place)s, %(number)s, line.epoch, 'admitted', fan.id,
        (extract(epoch FROM now()) * 1000)::bigint + 3600000, now(), now()
    FROM fan, line
    RETURNING epoch, pass_until, fan_id
)
SELECT epoch, pass_until, fan_id FROM place
"""


class Crowd:
    """`wrong` says what should not have happened; `done` counts what did."""

    def __init__(self, run: dict[str, Any], event_id: int, secret_key: str) -> None:
        self.run, self.event_id, self.secret_key = run, event_id, secret_key
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()
        self.repeated = 0
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        with psycopg.connect(run["database_url"]) as database:
            row = database.execute("SELECT slug FROM events WHERE id = %s", [event_id]).fetchone()
        assert row is not None
        self.slug = str(row[0])

    def start(self, joiners: int, buyers: int) -> None:
        work = [self._join_and_poll] * joiners + [self._buy] * buyers
        for lives in work:
            thread = threading.Thread(target=self._live, args=(lives,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a fan still waits for an answer"

    def _live(self, lives: Any) -> None:
        steps: Iterator[Browser] = lives()
        try:
            for browser in steps:
                self.repeated += browser.repeated
                browser.close()
                if self.over.is_set():
                    return
        except psycopg.OperationalError:
            # Our own connection to a server that ended with the rest.
            return
        except Exception as exc:
            self.wrong.append(f"{type(exc).__name__}: {exc}")

    def _expect(self, what: str, answer: Answer, status: int) -> Answer:
        self.done[what] += 1
        if answer.status != status:
            self.wrong.append(f"{what}: {answer.status}, {answer.body[:300]}")
        return answer

    # -- who only wants a place

    def _join_and_poll(self) -> Iterator[Browser]:
        address = f"/events/{self.slug}/line"
        while True:
            browser = Browser(self.run["url"])
            browser.cookies["fq_visitor"] = VisitorToken(new_id()).sign(self.secret_key)
            first = self._expect("join", browser.post(address), 303)
            # A browser that did not hear the first answer has no place to show.
            held = browser.cookies.pop(self._place_cookie, "")
            again = self._expect("join again", browser.post(address), 303)
            if first.cookies.get(self._place_cookie) != again.cookies.get(self._place_cookie):
                self.wrong.append(f"two places: {held} and {again.cookies}")
            for _ in range(20):
                self._expect("poll", browser.get(f"{address}/status", Accept="text/html"), 200)
                if self.over.wait(0.02):
                    break
            yield browser

    # -- who is inside already, with a proven address

    def _buy(self) -> Iterator[Browser]:
        with psycopg.connect(self.run["database_url"], autocommit=True) as database:
            while True:
                yield self._one_claim(*self._buyer(database, next(_NUMBERS)))
                if self.over.wait(0.02):
                    return

    def _one_claim(self, browser: Browser, email: str) -> Browser:
        address = f"/events/{self.slug}/claim"
        form = self._expect("claim form", browser.get(address), 200)
        found = re.search(r'name="form_key" value="([^"]*)"', form.body)
        if found is None:
            self.wrong.append(f"no form: {form.status} {form.headers.get('location')}")
            return browser
        fields = {"name": "Ada Obi", "email": email, "quantity": "1", "form_key": found[1]}
        first = self._expect("claim", browser.post(address, **fields), 303)
        again = self._expect("claim again", browser.post(address, **fields), 303)
        if first.headers.get("location") != again.headers.get("location"):
            self.wrong.append(f"two claims: {first.headers} and {again.headers}")
        self._expect("claim page", browser.get(first.headers.get("location", "/")), 200)
        return browser

    def _buyer(self, database: psycopg.Connection[Any], number: int) -> tuple[Browser, str]:
        place, email = new_id(), f"fan-{secrets.token_hex(5)}@example.com"
        facts = {"event": self.event_id, "place": place, "number": number, "email": email}
        row = database.execute(_BUYER, facts).fetchone()
        assert row is not None
        epoch, pass_until, fan_id = row
        held = PlaceToken(self.event_id, epoch, place, number)
        turn = PassToken(self.event_id, epoch, place, number, 0, pass_until)
        carried = {
            self._place_cookie: held.sign(self.secret_key),
            f"fq_pass_{self.event_id}": turn.sign(self.secret_key),
            "fq_fan": FanToken(fan_id).sign(self.secret_key),
        }
        return Browser(self.run["url"], carried), email

    @property
    def _place_cookie(self) -> str:
        return f"fq_place_{self.event_id}"
