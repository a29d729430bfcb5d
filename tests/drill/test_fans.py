"""Fans tell an honest "not now" from a wrong answer. The site here is a script, so that it can
answer what the real one never should."""

from __future__ import annotations

import asyncio
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from drill.book import Book
from drill.fans import Fan, Site
from drill.habits import Habits

Reply = tuple[int, dict[str, str], str]

AWAY = (503, {"Retry-After": "1"}, '<h1>Your place is safe</h1><p class="lead">Try again.</p>')
WAITING_PAGE = (200, {}, '<section data-state="waiting" hx-trigger="every 0s, x">')


def says(state: str, number: int = 7) -> Reply:
    said = {"state": state, "number": number, "ahead": 900, "eta_seconds": 60}
    said |= {"next_poll_seconds": 0, "message": ""}
    return 200, {"Content-Type": "application/json"}, json.dumps(said)


def refuses(status: int, error: str) -> Reply:
    body = json.dumps({"error": error, "message": "In words."})
    return status, {"Content-Type": "application/json", "Retry-After": "1"}, body


def a_day(
    *polls: Reply, page: Reply = WAITING_PAGE, pass_seconds: float = 300, takes: float = 0
) -> tuple[Book, str]:
    """What a fan who joins as number 7 writes down when the polls are answered so, each after
    `takes` seconds."""
    left, served = list(polls), asyncio.Event()

    def reply(method: str, path: str) -> Reply:
        if method == "POST" and "c=1" not in path:
            return 307, {"Location": "/events/x/line?c=1", "Set-Cookie": "fq_visitor=v"}, ""
        if method == "POST":
            return 303, {"Location": "/", "Set-Cookie": "fq_place_1=1.1.place.7.signed"}, ""
        return left.pop(0) if path.endswith("/status") else page

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while request := (await reader.read(65_536)).decode():
                method, path, _ = request.split(" ", 2)
                if path.endswith("/status"):
                    await asyncio.sleep(takes)
                status, headers, body = reply(method, path)
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        writer.close()
        served.set()

    async def live() -> tuple[Book, str]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        run: dict[str, Any] = dict.fromkeys(("url", "mailbox_url", "sandbox_url"), url)
        book = Book()
        async with Site(run, "x") as site:
            site.pass_seconds = pass_seconds
            fan = Fan(site, Habits(), random.Random(1), book)
            await fan.live()
        # The fan's one connection is closed; its other end has to notice.
        await served.wait()
        server.close()
        return book, fan.story.outcome

    # In a thread of its own: after a test in a browser, this one's loop runs already.
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, live()).result()


def wrong(book: Book) -> list[str]:
    return [found.what for found in book.wrong]


def test_a_fan_who_hears_sold_out_goes_home_content() -> None:
    book, outcome = a_day(says("waiting"), says("waiting"), says("sold_out"))
    assert (outcome, wrong(book), book.refusals) == ("sold out", [], [])
    story = book.stories[0]
    assert (story.number, story.place_id) == (7, "place")
    assert [state for state, _ in story.states] == ["waiting", "sold_out"]
    assert book.answers["poll", 200] == 3


def test_not_now_is_a_refusal_and_its_wait_is_kept() -> None:
    began = time.monotonic()
    book, outcome = a_day(refuses(503, "LineUnavailable"), says("sold_out"))
    assert time.monotonic() - began >= 1
    assert (outcome, wrong(book)) == ("sold out", [])
    [refusal] = book.refusals
    assert (refusal.kind, refusal.status, refusal.error) == ("poll", 503, "LineUnavailable")


def test_a_failed_server_is_wrong_even_in_our_own_words() -> None:
    book, outcome = a_day(refuses(500, "Something went wrong"), says("sold_out"))
    assert (outcome, wrong(book)) == ("sold out", ["500 Something went wrong"])
    assert book.refusals == []


def test_not_now_without_our_words_is_wrong() -> None:
    book, _ = a_day((503, {}, "upstream connect error"), says("sold_out"))
    assert wrong(book) == ["503 "]


def test_a_changed_number_is_wrong() -> None:
    book, _ = a_day(says("waiting"), says("waiting", number=8), says("sold_out", number=8))
    assert wrong(book) == ["number 8, was 7"]


def test_a_lost_place_is_wrong() -> None:
    for poll in (says("left"), says("expired"), refuses(403, "NoPlace")):
        book, outcome = a_day(poll)
        assert outcome == "place lost"
        assert len(book.wrong) == 1


def test_whose_browser_asked_nothing_for_a_whole_pass_missed_it() -> None:
    book, outcome = a_day(says("waiting"), says("expired"), pass_seconds=0)
    assert (outcome, wrong(book)) == ("asked too late", [])
    for poll in (says("left"), refuses(403, "NoPlace")):
        assert wrong(a_day(poll, pass_seconds=0)[0])


def test_an_answer_that_took_its_time_tells_of_when_it_was_asked_for() -> None:
    day = says("waiting"), says("expired")
    assert a_day(*day, takes=0.3, pass_seconds=0.5)[1] == "asked too late"
