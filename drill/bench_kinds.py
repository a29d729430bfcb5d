"""The kinds of request that are measured: what is sent, what must come back, and the bars.

A bar is a ratio to the bare view (drill/bare.py) measured right beside it. `floor` must be met;
`goal` is what prototypes without form and pass checks reached on two cores.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from drill.load import THREADS, NotAMeasurement, Site, request
from drill.stock import PRICE, Event, Stock, new_id
from sandbox.paystack import shapes
from sandbox.paystack.ledger import Charge

# So many wait in the line that polls are measured in; its second half is far back.
LINE = 20_000
NEAR = range(5, 101)
BROWSER = ("Sec-Fetch-Site: same-origin",)
# As every browser asks.
GZIP = "Accept-Encoding: gzip, deflate, br, zstd"
HTMX = (*BROWSER, "HX-Request: true")
FORM = (*BROWSER, "Content-Type: application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request. `trips` are the most round trips to Postgres and Redis, None for no
    bar. `once`: each request changes something and may be sent one time only."""

    name: str
    title: str
    expected: int
    floor: float | None
    goal: str
    trips: tuple[int, int] | None
    once: bool = False
    write: bool = False


KINDS = (
    Kind("event", "event page", 200, 2.3, "2.8-3.6", (0, 0)),
    Kind("far", "poll, far back", 200, 1.8, "2.1-2.7", (0, 0)),
    Kind("packed", "poll, far back, gzipped", 200, None, "", (0, 0)),
    Kind("near", "poll, first 100", 200, 1.2, "1.6-2.2", (0, 1)),
    Kind("join", "join", 303, 0.7, "1.0-1.3", (0, 1), once=True, write=True),
    Kind("page", "waiting page, gzipped", 200, None, "", (0, 0)),
    Kind("claim", "claim of 2 tickets", 303, 0.10, "0.17-0.18", (2, 2), once=True, write=True),
    Kind("pay", "pay", 200, 0.18, "0.20-0.23", (2, 2), once=True, write=True),
    Kind("webhook", "webhook", 200, 0.18, "0.22-0.27", (1, 2), once=True, write=True),
    Kind("organiser", "organiser's live numbers", 200, None, "", None),
)
# A claim is also measured beside a view that does one INSERT.
FLOOR_OF_INSERT = 0.4
# p99 at most so many times p50, or at most so many milliseconds.
TAIL, TAIL_READ_MS, TAIL_WRITE_MS = 10, 25, 60
LONGEST_PROBE_S = 1.0


class Supply:
    """Prepared requests. Those of a kind that is sent `once` are used up; `make` makes more."""

    def __init__(self, once: bool, make: Callable[[int], list[bytes]], first: int) -> None:
        self.once, self._make = once, make
        self._ready = make(first)

    def at_least(self, count: int) -> None:
        """Make so many more as are missing."""
        if self.once and len(self._ready) < count:
            self._ready += self._make(count - len(self._ready))

    def take(self, count: int) -> list[bytes]:
        """So many requests, or all of them if they can be sent again. Raises NotAMeasurement."""
        if not self.once:
            return self._ready
        if len(self._ready) < count:
            raise NotAMeasurement(f"{len(self._ready)} requests are left of {count}.")
        taken, self._ready = self._ready[:count], self._ready[count:]
        return taken

    def give_back(self, taken: Sequence[bytes], used: Sequence[int]) -> None:
        """Those that did not go out are as good as new."""
        if self.once:
            for thread in range(THREADS):
                self._ready += taken[thread::THREADS][used[thread] :]


class Supplies:
    """Makes the supply of every kind for one running product."""

    def __init__(self, stock: Stock, site: Site, gateway_secret: str, line: int = LINE) -> None:
        self.stock, self.site, self._secret = stock, site, gateway_secret
        self.line = stock.line(line)
        self._charges = 0

    def of(self, kind: Kind, first: int) -> Supply:
        """The supply of a kind, `first` requests of it if they are used up."""
        make: Callable[[int], list[bytes]] = getattr(self, f"_{kind.name}")
        return Supply(kind.once, make, first)

    def _get(self, path: str, *headers: str) -> bytes:
        return request("GET", path, self.site.host, headers)

    def _event(self, _: int) -> list[bytes]:
        return [self._get(f"/events/{self.line.slug}")] * THREADS

    def polls(self, event: Event, numbers: Sequence[int], *more: str) -> list[bytes]:
        """Those who hold these numbers ask where they stand."""
        return self._waiting(event, numbers, "/status", *HTMX, *more)

    def _waiting(
        self, event: Event, numbers: Sequence[int], what: str, *headers: str
    ) -> list[bytes]:
        path = f"/events/{event.slug}/line{what}"
        return [
            self._get(path, *headers, f"Cookie: {self.stock.waiting(event, number)}")
            for number in numbers
        ]

    def _those_far_back(self) -> range:
        first = self.line.people // 2
        return range(first, self.line.people, max(1, first // 2000))

    def _far(self, _: int) -> list[bytes]:
        return self.polls(self.line, self._those_far_back())

    def _packed(self, _: int) -> list[bytes]:
        return self.polls(self.line, self._those_far_back(), GZIP)

    def _page(self, _: int) -> list[bytes]:
        return self._waiting(self.line, self._those_far_back(), "", *BROWSER, GZIP)

    def _near(self, _: int) -> list[bytes]:
        return self.polls(self.line, NEAR)

    def _join(self, count: int) -> list[bytes]:
        return self.joins(self.stock.line(0), count)

    def joins(self, event: Event, count: int) -> list[bytes]:
        """So many strangers at the end of this line."""
        path = f"/events/{event.slug}/line"
        return [
            request("POST", path, self.site.host, (*FORM, f"Cookie: {self.stock.visitor()}"))
            for _ in range(count)
        ]

    def _claim(self, count: int) -> list[bytes]:
        event, until, fans = self.stock.admitted(count, 2)
        path, made = f"/events/{event.slug}/claim", []
        for number, fan in enumerate(fans, 1):
            form = {
                "name": "Ada Obi",
                "email": f"fan-{event.id}-{number}@example.com",
                "phone": "",
                "quantity": "2",
                "form_key": new_id(),
            }
            cookies = self.stock.at_the_till(event, number, until, fan)
            headers = (*FORM, f"Cookie: {cookies}")
            made.append(request("POST", path, self.site.host, headers, urlencode(form).encode()))
        return made

    def _pay(self, count: int) -> list[bytes]:
        _, references, fans = self.stock.held(count)
        return [
            request(
                "POST",
                f"/claims/{reference}/pay",
                self.site.host,
                (*FORM, "HX-Request: true", f"Cookie: {self.stock.known(fan)}"),
            )
            for reference, fan in zip(references, fans, strict=True)
        ]

    def _webhook(self, count: int) -> list[bytes]:
        _, references, _ = self.stock.held(count, pending=True)
        made = []
        for reference in references:
            self._charges += 1
            body = json.dumps(shapes.charge_event(_charge(self._charges, reference))).encode()
            signature = hmac.new(self._secret.encode(), body, hashlib.sha512).hexdigest()
            headers = ("Content-Type: application/json", f"X-Paystack-Signature: {signature}")
            made.append(request("POST", "/webhooks/paystack", self.site.host, headers, body))
        return made

    def _organiser(self, _: int) -> list[bytes]:
        cookie = f"Cookie: {self._session()}"
        return [self._get(f"/organiser/events/{self.line.slug}/live", *HTMX, cookie)] * THREADS

    def _session(self) -> str:
        """Log the demo's organiser in; the session's cookie."""
        login: dict[str, Any] = self.stock.run["staff"]["organiser"]
        with httpx.Client(base_url=self.stock.run["url"], timeout=30) as browser:
            page = browser.get("/staff/login").text
            token = re.search(r'name="form_token" value="([^"]+)"', page)
            form = {"email": login["email"], "password": login["password"]}
            answer = browser.post(
                "/staff/login", data={**form, "form_token": token[1] if token else ""}
            )
            assert answer.status_code == 303, answer.status_code
            return f"fq_staff={browser.cookies['fq_staff']}"


def _charge(number: int, reference: str) -> Charge:
    return Charge(
        id=5_000_000_000 + number,
        reference=f"{reference}-1",
        access_code=f"bench{number:010d}",
        email="ada@example.com",
        amount=PRICE,
        currency="NGN",
        callback_url="",
        channels=["card"],
        metadata={"claim": reference},
        created_at=1_750_000_000.0,
        requested_amount=PRICE,
        status="success",
        gateway_response="Successful",
        paid_at=1_750_000_060.0,
    )
