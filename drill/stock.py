"""What the benchmarks consume: lines full of people, admitted fans, held claims, payments.

Everything is written straight into Postgres as the product leaves it, in bulk, and the running
product writes its own Redis copy of each line. Ids and addresses are counted, so that cookies can
be signed without reading a row.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from app.domain.tokens import FanToken, PassToken, PlaceToken, VisitorToken, new_id
from app.line.keys import keys_of

PRICE = 500_000
DAY_MS = 86_400_000
# Crockford's base 32, of which claim references are made.
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_EVENT = """
INSERT INTO events (
    organisation_id, slug, title, venue, description, starts_at, time_zone, state, sale_starts_at,
    sale_ends_at, capacity, price, currency, admit_per_minute, pass_capacity, pass_seconds,
    hold_seconds, mark_joins)
SELECT min(id), %(slug)s, 'Fifty thousand at noon', 'Eko Hotel, Lagos', repeat(
        'One stage at the water, five bands, and the whole night for highlife and Afrobeat. ', 4),
    now() + interval '30 days', 'Africa/Lagos', %(sale)s, now() - interval '1 hour',
    now() + interval '7 days', %(capacity)s, %(price)s, 'NGN', %(rate)s, %(inside)s, 86400, 86400,
    0
FROM organisations
RETURNING id
"""
_LINE = "INSERT INTO lines (event_id, journaled_number) VALUES (%(event)s, %(people)s)"
_TICKETS = """
INSERT INTO tickets (event_id, number) SELECT %(event)s, n FROM generate_series(1, %(capacity)s) n
"""
_WAITING = """
INSERT INTO places (id, event_id, visitor, number, epoch, joined_at)
SELECT 'p' || lpad(%(event)s::text, 5, '0') || lpad(n::text, 10, '0'), %(event)s,
    'v' || lpad(%(event)s::text, 5, '0') || lpad(n::text, 10, '0'), n, 0, now()
FROM generate_series(1, %(people)s) n
"""
_FANS = """
INSERT INTO fans (email)
SELECT 'fan-' || %(event)s || '-' || n || '@example.com' FROM generate_series(1, %(people)s) n
ORDER BY n RETURNING id
"""
_ADMITTED = """
INSERT INTO places (
    id, event_id, visitor, number, epoch, joined_at, state, fan_id, pass_until, admitted_at,
    ended_at)
SELECT 'p' || lpad(%(event)s::text, 5, '0') || lpad(n::text, 10, '0'), %(event)s,
    'v' || lpad(%(event)s::text, 5, '0') || lpad(n::text, 10, '0'), n, 0, now(), %(state)s,
    fans.id, %(until)s, now(), CASE %(state)s WHEN 'used' THEN now() END
FROM generate_series(1, %(people)s) n
JOIN fans ON fans.email = 'fan-' || %(event)s || '-' || n || '@example.com'
"""
_HELD = """
INSERT INTO claims (
    reference, event_id, fan_id, place_id, form_key, quantity, name, unit_price, amount, currency,
    held_until)
SELECT r.reference, p.event_id, p.fan_id, p.id, p.id, 1, 'Ada Obi', %(price)s, %(price)s, 'NGN',
    now() + interval '1 day'
FROM places p JOIN unnest(%(references)s::text[]) WITH ORDINALITY r (reference, n) ON r.n = p.number
WHERE p.event_id = %(event)s
"""
_SEATED = """
UPDATE tickets t SET claim_id = c.id FROM claims c JOIN places p ON p.id = c.place_id
WHERE c.event_id = %(event)s AND t.event_id = %(event)s AND t.number = p.number
"""
_PENDING = """
INSERT INTO payments (claim_id, reference, amount, currency, state, authorization_url)
SELECT id, reference || '-1', amount, currency, 'PENDING', 'http://127.0.0.1/'
FROM claims WHERE event_id = %(event)s
"""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the benchmark; `epoch` is of the copy that the product has written."""

    id: int
    slug: str
    epoch: int
    people: int

    def place_id(self, number: int) -> str:
        return f"p{self.id:05d}{number:010d}"

    def place(self, number: int) -> PlaceToken:
        return PlaceToken(self.id, self.epoch, self.place_id(number), number)


class Stock:
    """Makes the stock of one running product and signs what its browsers carry."""

    def __init__(self, run: Mapping[str, Any], secret_key: str) -> None:
        self.run, self.secret_key = run, secret_key
        self.database = psycopg.connect(run["database_url"], autocommit=True)
        self.redis = redis.Redis.from_url(run["redis_url"])
        self.prefix = new_id()[:6].lower().replace("_", "x").replace("-", "x")
        self._made = 0

    def close(self) -> None:
        self.database.close()
        self.redis.close()

    def line(self, people: int, capacity: int = 100) -> Event:
        """A sale with so many people waiting. It admits one person, and no other."""
        facts = {"capacity": capacity, "people": people, "rate": 1, "inside": 1}
        return self._event(facts, _WAITING)

    def sale(self, capacity: int) -> Event:
        """A sale with nobody in the line, which lets people in as fast as they come."""
        return self._event({"capacity": capacity, "people": 0, "rate": 60_000, "inside": 10_000})

    def admitted(self, people: int, tickets_each: int) -> tuple[Event, int, list[int]]:
        """A sale with so many fans at its till, every one with a proven address and a pass for a
        day: (event, end of the passes in sale-time ms, fan ids in order of number)."""
        until = int(time.time() * 1000) + DAY_MS
        facts = {"capacity": people * tickets_each, "people": people, "until": until}
        facts |= {"rate": 6000, "inside": people, "state": "admitted"}
        event = self._event(facts, _FANS, _ADMITTED)
        return event, until, self._fans(event)

    def held(self, people: int, *, pending: bool = False) -> tuple[Event, list[str], list[int]]:
        """So many claims that hold a ticket each, with or without a payment that is open at the
        gateway: (event, references, fan ids), both in order of number."""
        start = (self._made + 1) * 10_000_000
        references = [reference(start + number) for number in range(people)]
        facts = {"capacity": people, "people": people, "until": 0, "rate": 1, "inside": 1}
        # A closed sale has no line that the beats would look after; what is held may be paid.
        facts |= {"sale": "closed", "state": "used", "references": references}
        more = (_FANS, _ADMITTED, _HELD, _SEATED, *([_PENDING] if pending else []))
        event = self._event(facts, *more)
        return event, references, self._fans(event)

    def _event(self, facts: Mapping[str, Any], *statements: str) -> Event:
        self._made += 1
        slug = f"bench-{self.prefix}-{self._made}"
        with self.database.transaction():
            # Half-made, it must not be seen by the beats: they would write half a line.
            values = {"slug": slug, "price": PRICE, "sale": "on_sale", **facts}
            row = self.database.execute(_EVENT, values).fetchone()
            assert row is not None
            values["event"] = row[0]
            for statement in (_LINE, _TICKETS, *statements):
                self.database.execute(statement, values)
        self.database.execute("ANALYZE places, tickets, claims, fans, payments")
        epoch = self.written(row[0]) if values["sale"] == "on_sale" else 0
        return Event(row[0], slug, epoch, facts["people"])

    def written(self, event: int, patience: float = 120) -> int:
        """Wait until the product has written its copy of the line; the epoch of it."""
        deadline = time.monotonic() + patience
        while True:
            kept = self.redis.get(keys_of(event).epoch)
            if kept:
                return int(kept.split(b":")[0])
            assert time.monotonic() < deadline, "the product does not write the line"
            time.sleep(0.01)

    def over(self, event: Event) -> None:
        """This sale has ended, and its line weighs on nobody any more."""
        self.database.execute("UPDATE events SET state = 'closed' WHERE id = %s", [event.id])
        for key in self.redis.scan_iter(f"fq:{{{event.id}}}:*", count=1000):
            self.redis.unlink(key)
        # Redis frees what is large in a thread of its own; it must not count for what comes next.
        while self.redis.info("memory")["lazyfree_pending_objects"]:
            time.sleep(0.01)

    def _fans(self, event: Event) -> list[int]:
        rows = self.database.execute(
            "SELECT fan_id FROM places WHERE event_id = %s ORDER BY number", [event.id]
        )
        return [row[0] for row in rows]

    # -- what browsers carry

    def visitor(self) -> str:
        """The cookie of a browser that nobody has seen before."""
        return "fq_visitor=" + VisitorToken(new_id()).sign(self.secret_key)

    def waiting(self, event: Event, number: int) -> str:
        """The cookies of the browser that holds this place."""
        visitor = VisitorToken(f"v{event.id:05d}{number:010d}").sign(self.secret_key)
        place = event.place(number).sign(self.secret_key)
        return f"fq_visitor={visitor}; fq_place_{event.id}={place}"

    def at_the_till(self, event: Event, number: int, until: int, fan: int) -> str:
        """The cookies of the browser whose turn it is."""
        token = PassToken(event.id, event.epoch, event.place_id(number), number, 0, until)
        passed = token.sign(self.secret_key)
        fan_cookie = FanToken(fan).sign(self.secret_key)
        place = self.waiting(event, number)
        return f"{place}; fq_pass_{event.id}={passed}; fq_fan={fan_cookie}"

    def known(self, fan: int) -> str:
        """The cookie of a browser in which this fan proved an address."""
        return "fq_fan=" + FanToken(fan).sign(self.secret_key)

    def forget_debts(self) -> None:
        """Nothing is owed any more: what one measurement left to the workers must not weigh on
        the next."""
        self.database.execute("UPDATE outbox SET done_at = now() WHERE done_at IS NULL")
        self.database.execute("UPDATE inbox SET handled_at = now() WHERE handled_at IS NULL")
        # A payment is asked about a minute later, by then beside another measurement.
        self.database.execute(
            "UPDATE payments SET next_check_at = NULL WHERE next_check_at IS NOT NULL"
        )


def reference(number: int) -> str:
    """A claim reference, counted."""
    letters = ""
    for _ in range(10):
        number, digit = divmod(number, 32)
        letters = _DIGITS[digit] + letters
    return f"FQ-{letters[:4]}-{letters[4:8]}-{letters[8:]}"
