"""The expectations of `make attack`'s odd requests can fail: a server that does all wrong."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from drill.attack.leaks import wrong_with
from drill.attack.probes import Probe, tried
from drill.attack.raw import Line
from drill.attack.site import Site

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@dataclass
class Settings:
    secret_key: str = "a secret key of this test"
    paystack_secret_key: str = "sk_a_secret_of_this_test"
    database_url: str = "postgresql://app:a-long-password@localhost/db"
    redis_url: str = "redis://localhost:1/0"
    jobs_redis_url: str = "redis://localhost:1/1"


@dataclass
class Stage:
    """As much of a Site as the probes know."""

    run: dict[str, str]
    answer: bytes = OK
    event_path: str = "/events/a"
    host: str = "localhost"
    settings: Any = None


@pytest.fixture
def stage() -> Iterator[Stage]:
    found = Stage({}, settings=Settings())

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            odd = False
            while line := self.rfile.readline():
                if b"HTTP/1.1" in line:
                    odd = b"/odd" in line
                elif line == b"\r\n":
                    self.wfile.write(found.answer if odd else OK)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found.run["url"] = f"http://localhost:{server.server_address[1]}"
        yield found
        server.shutdown()


def told(stage: Stage, probe: Probe) -> tuple[bool, str]:
    row = tried(cast(Site, stage), "odd requests", [probe])
    assert row.times == 1
    return row.held, row.found


def odd(**changes: Any) -> Probe:
    return Probe("odd", b"GET /odd HTTP/1.1\r\n\r\n", **{"right": frozenset({200}), **changes})


def test_the_right_answer_holds(stage: Stage) -> None:
    assert told(stage, odd()) == (True, "200 1 times")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 303 No\r\nContent-Length: 0\r\n\r\n", "answered 303"),
        (b"HTTP/1.1 200 OK\r\nX-Fqxss: 1\r\nContent-Length: 0\r\n\r\n", "a header"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<fqxss>", "a tag"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\na-long-password", "a setting"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\npsycopg.errors.X", "'psycopg' of the"),
    ],
)
def test_what_must_not_be_said_is_found(stage: Stage, answer: bytes, fault: str) -> None:
    stage.answer = answer
    held, found = told(stage, odd())
    assert not held
    assert found.startswith(f"odd: {fault}")


def test_what_was_hidden_in_a_request_must_have_no_answer(stage: Stage) -> None:
    stage.answer = OK + OK
    assert told(stage, odd()) == (True, "200 1 times")
    held, found = told(stage, odd(hides=True))
    assert (held, found) == (False, "odd: what was hidden in it was answered")


def test_a_word_that_an_answer_must_not_have_is_found(stage: Stage) -> None:
    held, found = told(stage, odd(absent="hi"))
    assert (held, found) == (False, "odd: says hi")


def test_a_request_may_hear_its_own_words_again_but_not_as_a_tag() -> None:
    words = "SELECT 1 FROM fans"
    assert wrong_with(422, (), f"You typed {words}", sent=words) is None
    assert wrong_with(422, (), f"You typed {words}") == "'SELECT 1 FROM' of the inside"
    assert wrong_with(422, (), "<fqxss>", sent="<fqxss>") is not None


def test_answers_in_chunks_and_without_a_length_are_read_to_their_end(stage: Stage) -> None:
    line = Line(int(stage.run["url"].rpartition(":")[2]))
    stage.answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
    )
    assert line.ask(b"GET /odd HTTP/1.1\r\n\r\n").text == "abc"
    # The next one on the same connection begins where it ended.
    assert line.ask(b"GET / HTTP/1.1\r\n\r\n").text == "hi"
    line.close()
