"""The running product as strangers reach it: visitors with cookies and a network of their own."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from app import config
from drill.stage import Stage
from drill.till import Till

SECRET_KEY = "the secret key of the attack only"
# One proxy is believed, so that a visitor may come from any network; limits as in production.
ENVIRONMENT = {
    "SECRET_KEY": SECRET_KEY,
    "TRUSTED_PROXIES": "1",
    "FORMS_PER_MINUTE": "3000",
    "JOINS_PER_MINUTE": "3000",
}
Item = TypeVar("Item")
AT_ONCE = 8
PATIENCE = 30
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
_FIELD = re.compile(r'name="form_token" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was tried, how often, what was found, and whether we held."""

    what: str
    times: int
    found: str
    held: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is 0 when the connection was closed without an answer; names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


class Site:
    """One running FairQueue. `slug` is its event on sale; `seed` is that of all chance."""

    seed = 7

    def __init__(self, run: Mapping[str, Any], data_dir: Path) -> None:
        self.run, self.data_dir = run, data_dir
        self.till = Till(run, SECRET_KEY)
        self.host = urlsplit(run["url"]).netloc
        self.slug: str = run["events"][0]
        self.event_path = f"/events/{self.slug}"
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self.till.close()

    @cached_property
    def settings(self) -> config.Settings:
        """Those of the running programs."""
        stage = Stage(self.run, self.data_dir)
        try:
            return config.load(stage.environment())
        finally:
            stage.close()

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        return self.till.rows(query, parameters)

    @property
    def connection(self) -> http.client.HTTPConnection:
        """This thread's own; http.client opens it again after it was closed."""
        if not hasattr(self._own, "connection"):
            port = urlsplit(self.run["url"]).port
            self._own.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            self._connections.append(self._own.connection)
        found: http.client.HTTPConnection = self._own.connection
        return found


@dataclass
class Visitor:
    """One browser, from one network."""

    site: Site
    network: str = "198.51.100.1"
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] = SAME_SITE,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request and keep the cookies of its answer."""
        sent = {"Host": self.site.host, "X-Forwarded-For": self.network, "Accept": "text/html"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is None and method != "GET":
            body = urlencode(form or {}).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._send(method, path, body, {**sent, **headers})
        return answer or self._send(method, path, body, {**sent, **headers}) or Answer(0, {}, "")

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer | None:
        connection = self.site.connection
        try:
            connection.request(method, path, body, dict(headers))
            found = connection.getresponse()
            text = found.read().decode(errors="replace")
        except (http.client.HTTPException, OSError):
            connection.close()
            return None
        for cookie in found.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, text)

    def join(self, event_path: str = "") -> Answer:
        """Take a place at this event, or at the site's."""
        answer = self.ask("POST", f"{event_path or self.site.event_path}/line")
        return self.ask("POST", answer.location) if answer.status == 307 else answer

    def log_in(self, email: str, password: str) -> Answer:
        """Send the log-in form, opened before if this browser has not seen it."""
        if "form" not in self.cookies:
            page = self.ask("GET", "/staff/login")
            found = _FIELD.search(page.text)
            assert found, page.text[:300]
            # Not a cookie of the site's: where the token of the session's forms is kept here.
            self.cookies["form"] = found[1]
        form = {"email": email, "password": password, "form_token": self.cookies["form"]}
        return self.ask("POST", "/staff/login", form)


def at_once(work: Any, over: Sequence[Any]) -> list[Any]:
    """`work` for each, by a few threads."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, over))


def thinned(items: Iterable[Item], scale: float) -> Iterator[Item]:
    """All of them, or at a small scale one in seven: where there is a list to try, and not a number
    of times."""
    return islice(items, 0, None, 1 if scale >= 0.1 else 7)


def in_words(counts: Mapping[Any, int]) -> str:
    """How often each answer came: "422 5 times, 429 995 times"."""
    return ", ".join(f"{what} {count:,} times" for what, count in sorted(counts.items()))


def saved(rows: Mapping[str, Sequence[Row]]) -> str:
    """The table for programs."""
    found = {
        name: [{key: getattr(row, key) for key in ("what", "times", "found", "held")} for row in of]
        for name, of in rows.items()
    }
    return json.dumps(found, indent=2) + "\n"
