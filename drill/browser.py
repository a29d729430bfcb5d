"""One fan's browser: its cookies, its patience, and what it tells the book."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from drill.book import Book
from drill.wire import Answer, Broken, Wire

# A refusal that asks for more patience than this is an answer, not a "not now".
LONGEST_PATIENCE = 60.0
AFTER_A_FAILURE = 1.0

_HEADING = re.compile(r"<h1[^>]*>\s*([^<]+?)\s*<")
_STATE = re.compile(r'data-state="(\w+)"')
_EVERY = re.compile(r'hx-trigger="every (\d+)s')
_ASKS = re.compile(r'hx-get="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a page's one live part says: its state, and where and when it asks again (None when
    it is finished). `delay` is in seconds."""

    state: str
    asks: str | None
    delay: float | None
    text: str


def fragment(text: str) -> Fragment:
    state, asks, every = _STATE.search(text), _ASKS.search(text), _EVERY.search(text)
    return Fragment(
        state[1] if state else "",
        asks[1].replace("&amp;", "&") if asks else None,
        float(every[1]) if every else None,
        text,
    )


def heading(text: str) -> str:
    found = _HEADING.search(text)
    return found[1] if found else ""


def path_of(address: str) -> str:
    """The path and query of an address, whole or relative."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Browser:
    """Asks, keeps cookies, and writes every answer into the book."""

    def __init__(self, wire: Wire, host: str, name: str, book: Book, chance: random.Random):
        self.name, self.book, self.chance = name, book, chance
        self.cookies: dict[str, str] = {}
        self._wire, self._host = wire, host

    async def insist(
        self,
        kind: str,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        accept: str = "text/html",
        htmx: bool = False,
    ) -> Answer:
        """Ask until there is an answer other than "not now", waiting as long as it says.

        Every request of a fan may be repeated: joins and claims carry keys, and the rest changes
        nothing the second time. Each refusal, failure and failed server is in the book.
        """
        while True:
            try:
                answer = await self.ask(kind, method, path, form, accept=accept, htmx=htmx)
            except Broken:
                await asyncio.sleep(AFTER_A_FAILURE)
                continue
            wait = self._not_now(kind, answer)
            if wait is None:
                return answer
            # Those who were refused together need not come back together.
            await asyncio.sleep(wait * self.chance.uniform(1.0, 1.4))

    async def ask(
        self,
        kind: str,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        accept: str = "text/html",
        htmx: bool = False,
    ) -> Answer:
        """Ask once. Raises Broken, which is in the book already."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            answer = await self._wire.ask(self._request(method, path, form, accept, htmx))
        except Broken as broken:
            self.book.failed(kind, str(broken), loop.time() - began)
            raise
        self.book.answered(kind, answer.status, answer.took, answer.repeated)
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def hang_up(
        self, kind: str, method: str, path: str, form: Mapping[str, str] | None = None
    ) -> None:
        """Send a request and be gone before its answer."""
        self.book.hung_up[kind] += 1
        request = self._request(method, path, form, "text/html", False)
        try:
            await self._wire.send_and_hang_up(request)
        except Broken:
            # It was to be lost anyhow.
            return

    def went_wrong(self, kind: str, what: str) -> None:
        self.book.went_wrong(self.name, kind, what)

    def unexpected(self, kind: str, answer: Answer) -> None:
        """Write down an answer that no honest fan should ever get."""
        self.went_wrong(kind, f"{answer.status} {what_it_says(answer)}")

    def _request(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None,
        accept: str,
        htmx: bool,
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Accept: {accept}"]
        if self.cookies:
            carried = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            lines.append(f"Cookie: {carried}")
        if htmx:
            lines.append("HX-Request: true")
        body = b""
        if method == "POST":
            body = urlencode(form or {}).encode()
            lines.append("Sec-Fetch-Site: same-origin")
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def _not_now(self, kind: str, answer: Answer) -> float | None:
        """How long to wait before asking again, None when this is an answer."""
        if answer.status < 500 and answer.status != 429:
            return None
        words = what_it_says(answer)
        wait = float(answer.headers.get("retry-after", AFTER_A_FAILURE))
        if answer.status not in (429, 503) or not words:
            self.unexpected(kind, answer)
            return AFTER_A_FAILURE
        self.book.refused(kind, answer.status, words, answer.took)
        return None if wait > LONGEST_PATIENCE else wait


def what_it_says(answer: Answer) -> str:
    """The name or the heading of a refusal in our own words; empty when they are not ours."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        body: Any = json.loads(answer.body)
        return str(body.get("error", "")) if isinstance(body, dict) else ""
    return heading(answer.text)
