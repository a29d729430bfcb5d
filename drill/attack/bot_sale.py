"""One sale in which scripts and fans want the same tickets, over HTTP."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing import get_context
from typing import Any

from app.domain.codes import code_of
from app.domain.proofs import MOST, OFF
from drill.attack.site import SECRET_KEY, Answer, Site, Visitor

# Turns a second, and how long each lasts (s).
TURNS, PASS = 40, 10
# Fans come within so many seconds; scripts come at once.
WITHIN = 30.0
# One in so many fans shares the address of a mobile operator with the others.
SHARED = 5
LONGEST = 300.0
AT_ONCE = 12
# Hashes a second of a fan's phone.
PHONE = 120_000
# And of a script like this one on one core.
PYTHON = 2_000_000
# So many fetch and send sums, so that the core that searches them never waits.
SEARCHERS = 4

_SET = """
UPDATE events SET admit_per_minute = %(rate)s, pass_capacity = %(inside)s, pass_seconds = %(pass)s,
    max_per_fan = 1, hold_seconds = 1800, proof = %(proof)s
WHERE id = %(event)s RETURNING slug
"""
_ADMITTED = """
SELECT id, number FROM places
WHERE event_id = %(event)s AND admitted_at IS NOT NULL AND number > %(after)s ORDER BY number
"""
_SENT = (
    "UPDATE verifications SET sent_at = coalesce(sent_at, now()) WHERE email = %(email)s"
    " RETURNING id, created_at"
)
_OF_A_PHONE = (
    "UPDATE places SET proof = 'work', proof_at = now() WHERE id = %(place)s AND proof IS NULL"
)
_FIELD = re.compile(r'data-(salt|digest|most)="([^"]+)"')
_CHALLENGE = re.compile(r'name="challenge" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Case:
    """How many want how many tickets, and what the event asks of them."""

    number: int
    proof: str
    domain: str
    bots: int
    fans: int
    tickets: int
    mailboxes: int
    networks: int = 5


@dataclass(slots=True)
class Sold:
    """What came of it. `core` is the processor time (s) that the scripts searched, `sums` what they
    found, `by_address` how many of them had their address count instead."""

    event: int
    tickets: int
    by_bots: int = 0
    by_fans: int = 0
    turned_away: int = 0
    sums: int = 0
    by_address: int = 0
    core: float = 0.0
    took: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        return self.by_bots / max(1, self.by_bots + self.by_fans)

    def in_words(self) -> str:
        text = f"{self.by_bots} of theirs, {self.by_fans} of fans, in {self.took:.0f} s"
        if self.sums or self.by_address:
            text += (
                f"; {self.sums} sums in {self.core:.0f} s of a core,"
                f" {self.by_address} addresses instead"
            )
        if self.turned_away:
            text += f"; fans asked to join later {self.turned_away} times"
        if self.refused:
            told = ", ".join(f"{what} {times:,}" for what, times in self.refused.most_common(3))
            text += f"; scripts refused: {told}"
        return text


@dataclass(slots=True)
class Contender:
    """A script's place or a fan's."""

    browser: Visitor
    email: str
    is_bot: bool
    comes_at: float
    place: str = ""
    number: int = 0
    joined_at: float = 0.0
    verified: bool = False
    proven: bool = False
    over: bool = False
    in_hand: bool = False


class Sale:
    """One event of its own, and everybody who comes to it."""

    def __init__(self, site: Site, case: Case) -> None:
        self.site, self.case = site, case
        # One for all threads of the sale: psycopg has them wait for each other.
        self._database = site.till.database
        self.sold = Sold(site.till.event(case.tickets), case.tickets)
        facts = {
            "event": self.sold.event,
            "rate": TURNS * 60,
            "inside": TURNS * PASS,
            "pass": PASS,
            "proof": case.proof,
        }
        (row,) = self._rows(_SET, **facts)
        self.path = f"/events/{row.slug}"
        self._core = ProcessPoolExecutor(1, get_context("spawn"))
        # The number of the last who was let in.
        self._let_in = 0
        self._by_place: dict[str, Contender] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        chance = random.Random(case.number)
        self.everybody = [self._bot(n) for n in range(case.bots)]
        self.everybody += [self._fan(n, chance) for n in range(case.fans)]

    def _bot(self, n: int) -> Contender:
        network = f"10.{self.case.number}.{n % self.case.networks}.9"
        email = f"b{self.case.number}-{n % self.case.mailboxes}@{self.case.domain}"
        return Contender(Visitor(self.site, network), email, True, 0.0)

    def _fan(self, n: int, chance: random.Random) -> Contender:
        where = f"100.64.{self.case.number}.1"
        if n % SHARED:
            where = f"172.{16 + self.case.number}.{n // 250}.{n % 250 + 1}"
        email = f"f{self.case.number}-{n}@fans.example"
        return Contender(Visitor(self.site, where), email, False, chance.uniform(0, WITHIN))

    def _rows(self, query: str, **facts: Any) -> list[Any]:
        return self._database.execute(query, facts).fetchall()

    def play(self) -> Sold:
        """From the first join to the last ticket."""
        self._wait_for_the_line()
        if self._asks:
            # Its start is not what the scripts are to be measured by.
            self._core.submit(search, "", sha256(b"0").hexdigest(), 1).result()
        began = time.monotonic()
        helpers = [threading.Thread(target=self._come, args=(began,))]
        if self._asks:
            helpers += [threading.Thread(target=self._search) for _ in range(SEARCHERS)]
            helpers.append(threading.Thread(target=self._mail))
        for helper in helpers:
            helper.start()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            self._serve(pool, began)
            self._ended.set()
        self.sold.took = time.monotonic() - began
        for helper in helpers:
            helper.join()
        self._core.shutdown(cancel_futures=True)
        return self.sold

    def _wait_for_the_line(self) -> None:
        deadline = time.monotonic() + 30
        query = "SELECT epoch FROM lines WHERE event_id = %(event)s"
        while self._rows(query, event=self.sold.event)[0].epoch == 0:
            assert time.monotonic() < deadline, "the line was not written"
            time.sleep(0.1)

    # -- joining

    def _come(self, began: float) -> None:
        """Everybody joins at their moment, and again when they were told to come later."""
        waiting = sorted(self.everybody, key=lambda one: one.comes_at)
        # When a network may join again, as it was told.
        closed: dict[str, float] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while waiting and not self._ended.is_set():
                now = time.monotonic() - began
                due = [
                    one
                    for one in waiting
                    if one.comes_at <= now and closed.get(one.browser.network, 0.0) <= now
                ][:200]
                for one, later in zip(due, pool.map(self._join, due), strict=True):
                    if later:
                        closed[one.browser.network] = now + later
                done = {id(one) for one in due if one.place}
                waiting = [one for one in waiting if id(one) not in done]
                time.sleep(0.01 if due else 0.1)

    def _join(self, one: Contender) -> float:
        """Join; after how many seconds to try again, 0 when there is a place."""
        if self._ended.is_set():
            return 1.0
        answer = ask(one.browser, "POST", f"{self.path}/line")
        if answer.status == 307:
            answer = ask(one.browser, "POST", answer.location)
        token = next((v for k, v in one.browser.cookies.items() if "fq_place" in k), "")
        if answer.status == 303 and token:
            _, _, one.place, number, _ = token.split(".")
            one.number, one.joined_at = int(number), time.monotonic()
            with self._lock:
                self._by_place[one.place] = one
            return 0.0
        if answer.status == 429:
            with self._lock:
                if not one.is_bot:
                    self.sold.turned_away += 1
                else:
                    self.sold.refused["a join"] += 1
        return float(answer.headers.get("retry-after", 1))

    # -- turns

    def _serve(self, pool: ThreadPoolExecutor, began: float) -> None:
        """Each who is let in takes the turn, until all is sold or nobody is left."""
        last = time.monotonic()
        taking: list[Future[None]] = []
        # Scripts whose turn it is and that still search, and until when.
        hoping: list[tuple[float, Contender]] = []
        while time.monotonic() - began < LONGEST:
            for row in self._rows(_ADMITTED, event=self.sold.event, after=self._let_in):
                last, self._let_in = time.monotonic(), row.number
                one = self._by_place.get(row.id)
                if one is not None:
                    hoping.append((last + PASS, one))
            now = time.monotonic()
            ready = [one for _, one in hoping if one.proven or not (one.is_bot and self._asks)]
            late = [one for until, one in hoping if until < now and one not in ready]
            taking += [pool.submit(self._take_turn, one) for one in ready]
            for one in late:
                self._refuse(one, "no proof in time")
            gone = {id(one) for one in (*ready, *late)}
            hoping = [(until, one) for until, one in hoping if id(one) not in gone]
            taking = [one for one in taking if not one.done() or one.result()]
            if self.sold.by_bots + self.sold.by_fans >= self.case.tickets:
                return
            everybody_came = len(self._by_place) == len(self.everybody)
            if everybody_came and not hoping and now - last > 2 * PASS:
                # Nobody is let in any more: each had a turn.
                return
            time.sleep(0.2)

    @property
    def _asks(self) -> bool:
        return self.case.proof != OFF

    def _take_turn(self, one: Contender) -> None:
        until = time.monotonic() + PASS
        # The pass, as a cookie.
        ask(one.browser, "GET", f"{self.path}/line/status", headers={"Accept": "application/json"})
        if not self._verify(one):
            return
        if self._asks and not (one.proven or self._phone(one, until)):
            return
        form = {"name": "Ada Obi", "email": one.email, "phone": "", "quantity": "1"}
        form["form_key"] = f"key-{one.place}"
        while time.monotonic() < until and not self._ended.is_set():
            answer = ask(one.browser, "POST", f"{self.path}/claim", form)
            if answer.status == 303 and answer.location.startswith("/claims/"):
                self._won(one)
                return
            if answer.status != 503:
                self._refuse(one, f"claim {answer.status}")
                return
            time.sleep(0.5)

    def _won(self, one: Contender) -> None:
        with self._lock:
            one.over = True
            if one.is_bot:
                self.sold.by_bots += 1
            else:
                self.sold.by_fans += 1

    def _refuse(self, one: Contender, what: str) -> None:
        one.over = True
        if one.is_bot:
            with self._lock:
                self.sold.refused[what] += 1

    def _verify(self, one: Contender) -> bool:
        """Prove the address."""
        if one.verified:
            return True
        path = f"{self.path}/verify"
        asked = ask(one.browser, "POST", path, {"email": one.email})
        rows = self._rows(_SENT, email=one.email) if asked.status == 303 else []
        if not rows:
            self._refuse(one, f"a code {asked.status}")
            return False
        newest = max(rows, key=lambda row: row.created_at)
        typed = ask(one.browser, "POST", path, {"code": code_of(newest.id, SECRET_KEY)})
        one.verified = typed.status == 303
        if not one.verified:
            self._refuse(one, "an address that has a claim" if typed.status == 200 else "its code")
        return one.verified

    def _phone(self, one: Contender, until: float) -> bool:
        """The fan's phone has searched since it joined; whether it is done in time."""
        ready = one.joined_at + MOST[self.case.proof] / 2 / PHONE
        if ready > until:
            return False
        time.sleep(max(0.0, ready - time.monotonic()))
        self._database.execute(_OF_A_PHONE, {"place": one.place})
        return True

    # -- what scripts do before their turn

    def _next_bots(self, ahead: int = 0) -> Iterator[Contender]:
        """Those without a proof whose turn is not over, or that are so far behind the last who was
        let in, in the order of the line, each to one helper at a time."""
        while not self._ended.is_set():
            with self._lock:
                left = [
                    one
                    for one in self._by_place.values()
                    if one.is_bot
                    and one.number > self._let_in + ahead
                    and not (one.proven or one.over or one.in_hand)
                ]
                one = min(left, key=lambda one: one.number, default=None)
                if one is not None:
                    one.in_hand = True
            if one is None:
                time.sleep(0.2)
                continue
            yield one
            one.in_hand = False

    def _search(self) -> None:
        """Search the sums, on the one core that all of these helpers have."""
        # What is begun too late is searched for nothing.
        seconds = 2 * SEARCHERS * MOST[self.case.proof] / 2 / PYTHON
        for one in self._next_bots(int(seconds * TURNS)):
            page = ask(one.browser, "GET", f"{self.path}/proof").text
            found, token = dict(_FIELD.findall(page)), _CHALLENGE.search(page)
            if token is None:
                # The place was written a moment ago, or its turn is over.
                time.sleep(0.1)
                continue
            number, core = self._core.submit(
                search, found["salt"], found["digest"], int(found["most"])
            ).result()
            self.sold.core += core
            form = {"challenge": token[1], "number": str(number)}
            if ask(one.browser, "POST", f"{self.path}/proof", form).status == 303:
                one.proven = True
                self.sold.sums += 1

    def _mail(self) -> None:
        """Have addresses count instead, as often as each network may."""
        closed: dict[str, float] = {}
        for one in self._next_bots(-TURNS * PASS):
            if not self._verify(one):
                continue
            answer = Answer(0, {}, "")
            for network in self._networks():
                if closed.get(network, 0.0) > time.monotonic():
                    continue
                through = Visitor(self.site, network, one.browser.cookies)
                answer = ask(through, "POST", f"{self.path}/proof/address")
                if answer.status != 429:
                    break
                closed[network] = time.monotonic() + float(answer.headers.get("retry-after", 5))
            if answer.status == 303:
                one.proven = True
                self.sold.by_address += 1
            elif answer.status in (0, 429):
                self._ended.wait(1.0)

    def _networks(self) -> list[str]:
        return [f"10.{self.case.number}.{k}.9" for k in range(self.case.networks)]


def ask(browser: Visitor, method: str, path: str, *args: Any, **kwargs: Any) -> Answer:
    """Ask, and once more when there was no answer, as every browser and script does."""
    answer = browser.ask(method, path, *args, **kwargs)
    if answer.status in (0, 500, 502, 503):
        time.sleep(1)
        answer = browser.ask(method, path, *args, **kwargs)
    return answer


def search(salt: str, digest: str, most: int) -> tuple[int, float]:
    """The number, and the processor time (s) that it took."""
    began, wanted, prefix = time.process_time(), bytes.fromhex(digest), salt.encode()
    found = next(n for n in range(most) if sha256(prefix + b"%d" % n).digest() == wanted)
    return found, time.process_time() - began
