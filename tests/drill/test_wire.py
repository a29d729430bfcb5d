"""The fans' own HTTP: what counts as an answer, and what is asked for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from drill.wire import Answer, Broken, Wire

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\n\r\nhi"


class Server:
    """Answers the n-th request of all with the n-th of `answers`, and closes the connection when
    that says so; counts requests and connections."""

    def __init__(self, *answers: tuple[bytes, bool]) -> None:
        self.answers, self.requests, self.connections = list(answers), 0, 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                answer, closes = self.answers.pop(0)
                writer.write(answer)
                if closes:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def ask(server: Server, fan: Callable[[Wire], Awaitable[object]], patience: float = 5) -> object:
    """What the fan gets on a wire to this server."""

    async def meet() -> object:
        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        wire = Wire("127.0.0.1", listening.sockets[0].getsockname()[1], most=4, patience=patience)
        try:
            return await fan(wire)
        finally:
            wire.close()
            listening.close()

    # In a thread of its own: after a test in a browser, this one's loop runs already.
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, meet()).result()


async def once(wire: Wire) -> Answer:
    return await wire.ask(REQUEST)


async def twice(wire: Wire) -> list[Answer]:
    return [await wire.ask(REQUEST), await wire.ask(REQUEST)]


def test_an_answer_has_its_cookies_and_the_connection_is_kept() -> None:
    server = Server((OK, False), (OK, False))
    first, _ = ask(server, twice)  # type: ignore[misc]
    assert (first.status, first.text, first.cookies) == (200, "hi", ["a=1; Path=/", "b=2"])
    assert (server.requests, server.connections) == (2, 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_a_body_may_end_by_chunks_by_length_or_with_the_connection(raw: bytes) -> None:
    answer = ask(Server((raw, True)), once)
    assert isinstance(answer, Answer)
    assert answer.text == "hello"


def test_what_closes_before_any_byte_is_asked_for_once_more() -> None:
    server = Server((b"", True), (OK, False))
    answer = ask(server, once)
    assert isinstance(answer, Answer)
    assert answer.repeated
    assert (server.requests, server.connections) == (2, 2)


def test_what_closes_before_any_byte_twice_is_broken() -> None:
    with pytest.raises(Broken) as caught:
        ask(Server((b"", True), (b"", True), (OK, False)), once)
    assert caught.value.before_any_byte


def test_what_breaks_in_the_middle_is_not_asked_for_again() -> None:
    server = Server((OK[:-1], True), (OK, False))
    with pytest.raises(Broken) as caught:
        ask(server, once)
    assert not caught.value.before_any_byte
    assert server.requests == 1


def test_a_silent_server_is_given_up_after_a_while() -> None:
    with pytest.raises(Broken, match=r"no answer within 0\.2 s"):
        ask(Server((b"", False)), once, patience=0.2)


def test_who_hangs_up_has_sent_the_request() -> None:
    server = Server((OK, False), (OK, False))

    async def hang_up(wire: Wire) -> Answer:
        await wire.send_and_hang_up(REQUEST)
        return await wire.ask(REQUEST)

    answer = ask(server, hang_up)
    assert isinstance(answer, Answer)
    assert not answer.repeated
    assert (server.requests, server.connections) == (2, 2)
