"""deploy/nginx.conf as it is shipped, run before the product (drill/front.py says what little is
exchanged in it)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest

from drill.front import OURS, SHIPPED, Front, NoNginx, front, nginx
from drill.stage import Stage, wait_until
from tests import test_logs
from tests.product import product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_NUMBERS = count()
AWAY = "If you are in line, your place is kept"
# What only links have: of a carried place, a new password, an invitation, a claim.
LINKS = (
    "/events/{slug}/line/carry/SeCreT-carry.123",
    "/staff/reset/SeCreT-reset.123",
    "/staff/invitation/SeCreT-invitation.123",
    "/claims/FQ-0000-0000-00?key=SeCreT-claim.123",
    "/staff//reset/SeCreT-slashes.123",
    "/staff/r%65set/SeCreT-letters.123",
    "/staff/reset/%0aSeCreT-line.123",
    "/nobody/SeCreT@example.com",
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    try:
        nginx()
    except NoNginx as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def site() -> Iterator[SimpleNamespace]:
    """The product and nginx before it: its `run`, `stage`, `before` (the nginx), `url`, `event`."""
    with (
        tempfile.TemporaryDirectory(prefix="fq-", ignore_cleanup_errors=True) as folder,
        product(Path(folder) / "var", TRUSTED_PROXIES="1") as run,
        front(run["url"]) as before,
    ):
        stage = Stage(run, Path(folder) / "var")
        event = f"/events/{run['events'][0]}"
        yield SimpleNamespace(run=run, stage=stage, before=before, url=before.url, event=event)
        stage.close()


@pytest.fixture
def alone() -> Iterator[Front]:
    """nginx before a site that is away."""
    with front("http://localhost:1") as before:
        yield before


def line_of(before: Front, answer: httpx.Response) -> str:
    """What was logged of this answer, which may be a moment after it came."""
    mark = f'"{answer.request.headers["User-Agent"]}"'
    found: list[str] = []

    def logged() -> bool:
        lines = (before.folder / "access.log").read_text().splitlines()
        found.extend(line for line in lines if mark in line)
        return bool(found)

    assert wait_until(logged, 5), "nothing was logged"
    return found[0]


def get(url: str, **told: Any) -> httpx.Response:
    """Ask with a name of its own, by which the log is read."""
    headers = {"User-Agent": f"test {next(_NUMBERS)}", **told.pop("headers", {})}
    address = told.pop("address", "127.0.0.1")
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address)) as browser:
        return browser.get(url, headers=headers, **told)


def test_a_whole_journey_works_and_its_log_holds_no_secret(site: SimpleNamespace) -> None:
    run = {**site.run, "url": site.url}
    fan, staff = test_logs.Fan(run), test_logs.Fan(run)
    with fan.http, staff.http:
        staff.http.headers["X-Forwarded-For"] = "203.0.113.99"
        reference = test_logs.buy(fan)
        test_logs.help_out(staff, reference)
        test_logs.go_wrong(fan)
        for link in LINKS:
            path = link.format(slug=run["events"][0])
            answer = fan.ask("GET", path, follow_redirects=False)
            assert answer.status_code in (308, 403, 404, 410), path
    log = site.before.log
    secrets = fan.secrets | staff.secrets | {"SeCreT"}
    told = [line for line in log.splitlines() if any(secret in line for secret in secrets)]
    assert told == []
    # It was read where it is written, and tells enough.
    assert f'"GET /claims/{reference}/tickets" 200' in log
    assert f'"GET {site.event}/line/carry/..." 404' in log
    assert re.search(
        r'"POST /events/[\w-]+/line" 303 .* up=303/0\.\d+s cache=- id=[0-9a-f]{16}', log
    )
    with psycopg.connect(site.run["database_url"]) as database:
        rows = database.execute("SELECT DISTINCT address FROM staff_actions").fetchall()
    # What the demo did came from nowhere.
    assert {row[0] for row in rows} == {"", "127.0.0.1"}, "a browser was believed where it is"


def test_what_is_the_same_for_everyone_is_kept_as_long_as_the_site_says(
    site: SimpleNamespace,
) -> None:
    with httpx.Client(base_url=site.url) as browser:

        def ask(path: str, **headers: str) -> tuple[httpx.Response, str]:
            named = {"User-Agent": f"test {next(_NUMBERS)}"}
            answer = browser.get(path, headers=named | headers)
            return answer, re.search(r"cache=(\S+)", line_of(site.before, answer))[1]

        page = f"{site.event}?lang=fr"
        packed, how = ask(page)
        assert (how, packed.headers["Content-Encoding"]) == ("MISS", "gzip")
        again, how = ask(page, **{"Accept-Encoding": "br, gzip;q=0.5"})
        assert (how, again.text) == ("HIT", packed.text)
        plain, how = ask(page, **{"Accept-Encoding": "gzip;q=0"})
        assert how == "MISS"
        assert "Content-Encoding" not in plain.headers
        assert plain.text == packed.text
        assert "Rejoindre" in plain.text
        assert ask(page, **{"If-None-Match": packed.headers["ETag"]})[0].status_code == 304
        english, how = ask(site.event)
        # The journey before this one may have looked at it a moment ago.
        assert how != "-"
        assert english.text != plain.text
        assert "Set-Cookie" not in english.headers

        def renewed() -> bool:
            how = ask(page)[1]
            assert how in ("HIT", "REVALIDATED", "EXPIRED")
            return how != "HIT"

        assert wait_until(renewed, 8, every=0.5), "the page was kept longer than three seconds"
        style = re.search(r'href="(/static/style\.css\?v=\w+)"', english.text)[1]
        assert "immutable" in ask(style)[0].headers["Cache-Control"]
        assert ask(style)[1] == "HIT"
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        browser.post(f"{site.event}/line", follow_redirects=True)
        assert [ask(f"{site.event}/line")[1], ask(f"{site.event}/line/status")[1]] == ["-", "-"]


def test_while_the_site_is_away_the_event_is_shown_and_a_fan_is_told(site: SimpleNamespace) -> None:
    assert httpx.get(site.url + site.event).status_code == 200
    with site.stage.away("web"):
        assert wait_until(lambda: httpx.get(site.url + "/no-such-page").status_code == 503, 10)

        def stale() -> bool:
            answer = get(site.url + site.event)
            assert answer.status_code == 200
            return "cache=STALE" in line_of(site.before, answer)

        assert wait_until(stale, 10, every=0.3)
        assert AWAY in httpx.get(f"{site.url}{site.event}/line").text
    back = f"{site.url}{site.event}/line"
    assert wait_until(lambda: httpx.get(back).status_code == 403, 30)


def test_a_fan_is_told_that_the_place_is_kept_and_when_to_try_again(alone: Front) -> None:
    opened = httpx.get(f"{alone.url}/events/x/line")
    assert opened.status_code == 503
    assert opened.headers["Retry-After"] == opened.headers["Refresh"] == "5"
    assert AWAY in opened.text
    assert "votre place est gardée" in opened.text
    assert "in 5 seconds" in opened.text
    assert opened.text.startswith("<!doctype html>")
    pressed = httpx.post(f"{alone.url}/claims/FQ-1/pay")
    assert pressed.status_code == 503
    assert "Refresh" not in pressed.headers
    part = httpx.post(f"{alone.url}/claims/FQ-1/pay", headers={"HX-Request": "true"})
    assert part.status_code == 503
    assert part.text.startswith("<h1>")
    assert AWAY in part.text
    poll = httpx.get(f"{alone.url}/events/x/line/status", headers={"HX-Request": "true"})
    assert poll.status_code == 503
    assert "Refresh" not in poll.headers


def test_a_site_that_takes_no_connection_is_given_up_after_two_seconds() -> None:
    with ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # What nobody accepts fills the queue, and then nobody else comes in.
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        before = held.enter_context(front(f"http://localhost:{full.getsockname()[1]}"))
        answer = get(f"{before.url}/", timeout=5)
        assert answer.status_code == 503
        assert AWAY in answer.text
        assert "up=504/2." in line_of(before, answer)


@pytest.mark.parametrize(
    ("path", "most"),
    [("/events/x/claim", 8), ("/staff/login", 32), ("/organiser/new", 32), ("/webhooks/x", 64)],
)
def test_a_body_that_no_form_of_ours_has_is_refused(alone: Front, path: str, most: int) -> None:
    for size, status in ((most * 1024, 503), (most * 1024 + 1, 413)):
        whole = httpx.post(alone.url + path, content=b"x" * size)
        chunks = httpx.post(alone.url + path, content=iter([b"x" * size]))
        assert (whole.status_code, chunks.status_code) == (status, status)
    assert "say it shorter" in whole.text


def test_a_network_with_too_much_under_way_is_refused_and_no_other(alone: Front) -> None:
    half = b"POST /events/x/line HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1234"
    with ExitStack() as held:
        for _ in range(1000):
            one = held.enter_context(socket.create_connection(("127.0.0.1", alone.port)))
            one.sendall(half)

        def refused(address: str) -> bool:
            # The site itself is away, which shows who was let through to it.
            answer = get(alone.url, address=address)
            assert answer.status_code == 503
            return "up=-" in line_of(alone, answer)

        assert wait_until(lambda: refused("127.0.0.1"), 10)
        assert not refused("127.0.0.2")


def test_only_the_machine_itself_may_ask_for_figures(alone: Front) -> None:
    for address, status in (("127.0.0.1", 503), ("127.0.0.2", 403)):
        for path in ("/metrics", "/health/ready"):
            assert get(alone.url + path, address=address).status_code == status


@contextmanager
def certified(name: str) -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory(prefix="fq-tls-") as folder:
        own = Path(folder) / "own.pem", Path(folder) / "own.key"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        done = subprocess.run([*command, "-out", own[0], "-keyout", own[1]], capture_output=True)
        assert done.returncode == 0, done.stderr
        for path in (Path(folder), *own):
            path.chmod(0o755)
        yield own


def test_it_speaks_https_and_to_our_own_name_only() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    with certified("localhost") as own, front("http://localhost:1", own) as before:
        trusted = ssl.create_default_context(cafile=str(own[0]))
        answer = httpx.get(before.url, verify=trusted)
        assert answer.status_code == 503
        assert AWAY in answer.text
        with socket.create_connection(("127.0.0.1", before.port)) as raw:
            trusted.set_alpn_protocols(["h2", "http/1.1"])
            with trusted.wrap_socket(raw, server_hostname="localhost") as https:
                assert (https.selected_alpn_protocol(), https.version()) == ("h2", "TLSv1.3")
        with (
            socket.create_connection(("127.0.0.1", before.port)) as raw,
            pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"),
        ):
            trusted.wrap_socket(raw, server_hostname="evil.example")


def test_another_name_gets_no_answer(alone: Front) -> None:
    assert httpx.get(alone.url, headers={"Host": ""}).status_code == 400
    for name in ("evil.example", "localhost.evil.example", "-"):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            httpx.get(alone.url, headers={"Host": name})


def test_every_line_that_is_exchanged_is_said_to_be_so() -> None:
    marked = [line for line in SHIPPED.read_text().splitlines() if line.endswith("# HERE")]
    assert len(marked) == len(OURS)
    # What is marked are addresses and places, and nothing that protects anybody.
    kinds = {line.split()[0] for line in marked}
    assert not [kind for kind in kinds if re.search("timeout|limit|size|buffer|host|header", kind)]
