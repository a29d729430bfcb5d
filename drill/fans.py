"""A fan in software, who goes through the real pages over HTTP like a fan with a phone.

    async with Site(run, slug) as site:
        book = Book()
        await Fan(site, Habits(quantity=2), random.Random(7), book).live()

or a whole crowd: `await crowd(site, 1000, draw_habits, random.Random(7), book, within=10)`.
A fan is one asyncio task; a process holds thousands. The server's own delays are obeyed
(`next_poll_seconds`, the fragments' `every`, Retry-After); every request is one that a browser
sends; nothing is known that a page, a mail or the checkout does not tell. What fans saw is in
the book (drill/book.py).
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import quote, urlsplit

from app.domain.line import SAFE
from drill.book import Book, Story
from drill.browser import Browser, fragment, heading
from drill.buying import Buyer
from drill.habits import Habits
from drill.wire import Wire

# What happened to a place shows everywhere within so long (s).
LEAVING_SHOWS = 2.0


class Site:
    """One event of a running FairQueue with its stand-ins, as the fans of one process reach it.

    `run` is what run.json says; `most` bounds the connections of this process to the site;
    `patience` is how long a fan waits for one answer. A fan is `near` the turn with so many
    ahead: then those who prove early do. `pass_seconds` is how long sleepers stay away from
    their turn.
    """

    def __init__(
        self,
        run: Mapping[str, Any],
        slug: str,
        *,
        most: int = 64,
        patience: float = 30.0,
        near: int = 200,
        pass_seconds: float = 300.0,
    ) -> None:
        self.event_path = f"/events/{slug}"
        self.line_path = f"/events/{slug}/line"
        self.near, self.pass_seconds = near, pass_seconds
        self.host = urlsplit(run["url"]).netloc
        self.wire = _wire(run["url"], most, patience)
        self.mailbox = _wire(run["mailbox_url"], 16, patience)
        self.gateway = _wire(run["sandbox_url"], 16, patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in (self.wire, self.mailbox, self.gateway):
            wire.close()

    async def newest_mail(self, address: str) -> dict[str, Any] | None:
        """The newest mail to exactly this address, as the mailbox shows it. Raises Broken."""
        path = f"/messages.json?to={quote(address)}&limit=1"
        request = f"GET {path} HTTP/1.1\r\nHost: mailbox\r\n\r\n".encode()
        answer = await self.mailbox.ask(request)
        found = json.loads(answer.body) if answer.status == 200 else []
        return found[0] if found else None

    async def at_checkout(self, address: str, action: str, takes: float | None = None) -> str:
        """Press a button of the checkout page at this address: pay, decline, leave or transfer
        (which takes so many seconds). Returns where it leads: our own page, or the checkout
        again after a decline; empty when there was nothing left to do. Raises Broken."""
        query = "" if takes is None else f"?takes={takes:g}"
        path = f"{urlsplit(address).path}/{action}{query}"
        request = f"POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n"
        answer = await self.gateway.ask(request.encode())
        return answer.headers.get("location", "")


def _wire(url: str, most: int, patience: float) -> Wire:
    port = urlsplit(url).port
    assert port is not None
    return Wire("127.0.0.1", port, most, patience)


class Fan:
    """One fan, from the arrival to the end.

    The outcome in the story is one of: bought · refunded · sold out · closed · left · overslept ·
    turn ran out · gave back · did not pay (with intent) · hold ran out · still asking (stopped
    before the end) · and these, each with a line in `book.wrong`: place lost · paid and not told ·
    stumbled.
    """

    def __init__(self, site: Site, habits: Habits, chance: random.Random, book: Book) -> None:
        self.site, self.habits, self.chance, self.book = site, habits, chance, book
        self.name = f"fan-{secrets.token_hex(6)}"
        self.email = f"{self.name}@example.com"
        self.story = Story(self.name, time.time())
        book.stories.append(self.story)
        self.browser = Browser(site.wire, site.host, self.name, book, chance)
        self.buyer = Buyer(self)
        self._proof: asyncio.Task[bool] | None = None
        self._slept = False
        # How old what this browser knew may have been when it last heard (s).
        self._silence = 0.0

    async def live(self) -> None:
        """Come, wait, buy or not, go. Never raises but when it is cancelled."""
        try:
            self.story.outcome = await self._live()
        except Exception as exc:
            # A fan who stumbles has met an answer that nobody thought of.
            self.browser.went_wrong("fan", f"stumbled: {exc!r}")
            self.story.outcome = "stumbled"
        finally:
            self.story.ended_at = time.time()
            if self._proof is not None:
                self._proof.cancel()

    async def proven(self) -> bool:
        """Prove the address, or wait for the proof that is under way; whether it is proven."""
        if self._proof is None or (self._proof.done() and not self._proof.result()):
            self._proof = asyncio.create_task(self.buyer.prove())
        return await self._proof

    async def _live(self) -> str:
        if self.habits.looks_first:
            page = await self.browser.insist("event page", "GET", self.site.event_path)
            if page.status != 200:
                self.browser.unexpected("event page", page)
        if not await self._join():
            return "closed"
        asked_at = time.time()
        delay = await self._open_waiting_page()
        joined = time.time()
        while True:
            await asyncio.sleep(delay)
            leaves = self.habits.leaves_after
            if leaves is not None and time.time() - joined > leaves and not self.turn_heard:
                return await self._leave()
            # An answer that took its time tells of when it was asked for.
            knew_at, asked_at = asked_at, time.time()
            said = await self._poll()
            self._silence = time.time() - knew_at
            outcome = await self._react(said) if said else "place lost"
            if outcome is not None:
                return outcome
            delay = float(said["next_poll_seconds"]) if said else 0.0

    @property
    def turn_heard(self) -> bool:
        return self.story.turn_heard_at is not None

    async def _join(self) -> bool:
        """Press the button; False when the sale is over. A first visit is sent round once more,
        to learn the visitor's cookie."""
        path = self.site.line_path
        answer = await self.browser.insist("first visit", "POST", path)
        if answer.status == 307:
            path = answer.headers["location"]
            self.story.asked_at = time.time()
            if self.habits.hangs_up:
                await self.browser.hang_up("join", "POST", path)
            answer = await self.browser.insist("join", "POST", path)
        if answer.status == 409:
            return False
        token = next((v for n, v in self.browser.cookies.items() if "fq_place" in n), None)
        if answer.status != 303 or token is None:
            raise AssertionError(f"join: {answer.status} {heading(answer.text)}")
        self.story.joined_at = time.time()
        _, _, self.story.place_id, number, _ = token.split(".")
        self.story.number = int(number)
        return True

    async def _open_waiting_page(self) -> float:
        """The page that joining leads to; when it asks for the first time, in seconds."""
        page = await self.browser.insist("waiting page", "GET", self.site.line_path)
        if page.status != 200:
            self.browser.unexpected("waiting page", page)
        return fragment(page.text).delay or 2.0

    async def _poll(self) -> dict[str, Any] | None:
        """What the waiting page says now; None when it says that there is no such place."""
        path = f"{self.site.line_path}/status"
        answer = await self.browser.insist("poll", "GET", path, accept="application/json")
        if answer.status != 200:
            self.browser.unexpected("poll", answer)
            return None
        said: dict[str, Any] = json.loads(answer.body)
        if said["message"]:
            self.book.messages[said["message"]] += 1
        if said["number"] != self.story.number:
            self.browser.went_wrong("poll", f"number {said['number']}, was {self.story.number}")
            self.story.number = said["number"]
        state = said["state"]
        if not self.story.states or self.story.states[-1][0] != state:
            self.story.states.append((state, time.time()))
        return said

    async def _react(self, said: Mapping[str, Any]) -> str | None:
        """Do what the page asks for; the outcome when this is the end."""
        state, ahead = said["state"], said["ahead"]
        if state == "admitted":
            if not self.turn_heard and not self._slept:
                self.story.turn_heard_at = time.time()
            return await self.buyer.buy()
        if state in ("waiting", "none_free", "before"):
            if ahead is not None and ahead <= self.site.near:
                await self._near(said)
            return None
        if state in ("paused", "overdue"):
            return None
        return self._end(state)

    async def _near(self, said: Mapping[str, Any]) -> None:
        if self.habits.sleeps and not self._slept and said["state"] != "none_free":
            # Asleep until the turn has probably come and gone. Who wakes too early goes on
            # waiting, awake; a longer sleep would only keep the noon from ending.
            self._slept = True
            expected = min(said["eta_seconds"] or 0, self.site.pass_seconds)
            await asyncio.sleep(expected + self.site.pass_seconds + 5)
        elif self.habits.proves_early and self._proof is None:
            self._proof = asyncio.create_task(self.buyer.prove())

    def _end(self, state: str) -> str:
        """The outcome after a state that does not change any more."""
        if state == "expired" and (self._slept or self.turn_heard):
            return "overslept" if self._slept else "turn ran out"
        if state == "expired" and self._silence > self.site.pass_seconds:
            # All fans share some hundred connections here, and this one waited for one of them
            # through a whole pass: its browser asked nothing, so nobody could tell it.
            return "asked too late"
        if state in ("sold_out", "closed"):
            return state.replace("_", " ")
        self.browser.went_wrong("poll", f"the place is {state}, and the fan did nothing to it")
        return "place lost"

    async def _leave(self) -> str:
        answer = await self.browser.insist("leave", "POST", f"{self.site.line_path}/leave")
        if answer.status != 303:
            self.browser.unexpected("leave", answer)
        # Another process may show its picture of the line from a moment ago. And while Redis is
        # away a page says so, and shows the last that was known: that is no answer yet.
        await asyncio.sleep(LEAVING_SHOWS)
        while (said := await self._poll()) is not None and said["message"] == SAFE:
            await asyncio.sleep(LEAVING_SHOWS)
        # Who slept may have slept through the turn: then there was nothing left to give up.
        honest = ("left", "sold_out", "closed", *(("expired",) if self._slept else ()))
        if said is not None and said["state"] not in honest:
            self.browser.went_wrong("leave", f"left, and the page says {said['state']}")
        return "left"


async def crowd(
    site: Site,
    count: int,
    habits: Callable[[random.Random], Habits],
    chance: random.Random,
    book: Book,
    within: float = 10.0,
) -> None:
    """So many fans, arriving at random moments within so many seconds; ends with the last one.
    Cancelling it ends them all where they are, and the book keeps what they saw."""
    began = time.time()
    moments = sorted(began + chance.uniform(0, within) for _ in range(count))
    async with asyncio.TaskGroup() as fans:
        for moment in moments:
            await asyncio.sleep(max(0.0, moment - time.time()))
            fan = Fan(site, habits(chance), random.Random(chance.random()), book)
            # Who is let in late, because this process had much to do, came in time all the same.
            fan.story.came_at = moment
            fans.create_task(fan.live())
