"""The line's client: never repeats, never waits long, knows its server."""

from __future__ import annotations

import os
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.errors import LineLost, LineUnavailable
from app.line import client, copy, verbs
from app.line.client import Call, LineClient, line_client
from app.line.keys import keys_of
from tests.factories import an_event, an_id


def post(name: str, epoch: int, keys: tuple[str, ...], *args: int) -> None:
    line_client.post_all([Call(name, epoch, keys, args)])


def test_scripts_survive_a_flush_of_scripts(app: Any, line_redis: Any) -> None:
    event = an_event()
    first = verbs.join(event.id, 1, "ada", an_id())
    line_redis.script_flush()
    assert verbs.join(event.id, 1, "ada", an_id()) == first


def test_a_child_has_a_connection_of_its_own(app: Any, line_redis: Any) -> None:
    mine = str(line_client._connection().ask("CLIENT", "ID"))
    read, written = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(written, str(line_client._connection().ask("CLIENT", "ID")).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(read, 100).decode() not in ("", mine)
    os.close(read)
    os.close(written)
    assert str(line_client._connection().ask("CLIENT", "ID")) == mine


def test_a_wrong_epoch_changes_nothing(app: Any, line_redis: Any) -> None:
    event = an_event()
    with pytest.raises(LineLost):
        verbs.join(event.id, 2, "ada", an_id())
    assert line_redis.zcard(keys_of(event.id).line) == 0


def test_the_same_epoch_on_another_server_is_not_a_valid_copy(app: Any, mortal_redis: Any) -> None:
    event = an_event()
    plain = plain_client(mortal_redis)
    plain.save()
    mortal_redis.kill()
    mortal_redis.start()
    assert plain.get(keys_of(event.id).epoch) is not None, "it came back with its data"
    with pytest.raises(LineUnavailable):
        verbs.join(event.id, 1, "ada", an_id())
    sleep(client._PAUSE_AFTER_FAILURE)
    with pytest.raises(LineLost):
        verbs.join(event.id, 1, "ada", an_id())


def test_a_silent_redis_costs_one_timeout_and_then_nothing(
    app: Any, mortal_redis: Any, settings: Any
) -> None:
    event = an_event()
    mortal_redis.freeze()
    try:
        started = monotonic()
        with pytest.raises(LineUnavailable):
            verbs.join(event.id, 1, "ada", an_id())
        assert monotonic() - started < settings.redis_timeout + 1
        started = monotonic()
        with pytest.raises(LineUnavailable):
            verbs.join(event.id, 1, "ada", an_id())
        assert monotonic() - started < settings.redis_timeout / 2
    finally:
        mortal_redis.thaw()
    sleep(0.3)
    assert verbs.join(event.id, 1, "ada", an_id())[1] == 1, (
        "the join whose answer was lost was not repeated with another place"
    )
    assert plain_client(mortal_redis).zcard(keys_of(event.id).line) == 1


def test_nobody_listening_is_unavailable(app: Any, settings: Any) -> None:
    own = LineClient()
    own.bind(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    with pytest.raises(LineUnavailable):
        own.run("check", 1, (keys_of(1).epoch,))
    assert not own.alive()


def test_an_interrupted_call_does_not_leave_its_answer_to_the_next(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = an_event()
    verbs.join(event.id, 1, "ada", an_id())
    kind = client._TcpConnection
    whole = kind.send

    def interrupted(self: Any, commands: bytes, count: int) -> Any:
        self._sock.sendall(commands)
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, "send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verbs.join(event.id, 1, "bayo", an_id())
    monkeypatch.setattr(kind, "send", whole)
    assert verbs.join(event.id, 1, "ada", an_id())[1] == 1


def test_a_refusing_redis_is_unavailable(app: Any, line_redis: Any) -> None:
    event = an_event()
    line_redis.set(keys_of(event.id).line, "of the wrong type")
    with pytest.raises(LineUnavailable):
        verbs.join(event.id, 1, "ada", an_id())


def test_what_is_posted_is_done_before_what_is_asked_next(app: Any, line_redis: Any) -> None:
    event = an_event()
    keys = keys_of(event.id)
    post("drop_free", 1, (keys.epoch, keys.free), 1)
    for number in (2, 3):
        post("drop_free", 1, (keys.epoch, keys.free), number)
        post("drop_free", 7, (keys.epoch, keys.free), 4)
    assert line_client._connection().unheard == 4
    assert line_client.run("drop_free", 1, (keys.epoch, keys.free), 3, 5) == 1
    assert line_client._connection().unheard == 0
    assert line_redis.zcard(keys.free) == 96


def test_who_posts_does_not_wait_for_a_silent_redis(
    app: Any, mortal_redis: Any, settings: Any
) -> None:
    event = an_event()
    keys = keys_of(event.id)
    post("drop_free", 1, (keys.epoch, keys.free), 1)
    mortal_redis.freeze()
    try:
        started = monotonic()
        post("drop_free", 1, (keys.epoch, keys.free), 2)
        assert monotonic() - started < settings.redis_timeout / 2
        with pytest.raises(LineUnavailable):
            line_client.run("drop_free", 1, (keys.epoch, keys.free), 3)
        with pytest.raises(LineUnavailable):
            post("drop_free", 1, (keys.epoch, keys.free), 4)
    finally:
        mortal_redis.thaw()
    sleep(client._PAUSE_AFTER_FAILURE)
    # Whoever looks whether it is back waits, also for what is posted.
    post("drop_free", 1, (keys.epoch, keys.free), 5)
    assert line_client._connection().unheard == 0
    assert plain_client(mortal_redis).zscore(keys.free, 5) is None


def test_what_was_posted_and_refused_is_in_the_log(app: Any, line_redis: Any) -> None:
    event = an_event()
    keys = keys_of(event.id)
    post("drop_free", 1, (keys.epoch, keys.free), 1)
    line_redis.script_flush()
    post("drop_free", 1, (keys.epoch, keys.free), 2)
    with capture_logs() as logged:
        assert line_client.run("drop_free", 1, (keys.epoch, keys.free), 3) == 1
    assert [line["event"] for line in logged] == ["redis refused a script"]
    assert line_redis.zcard(keys.free) == 98


def test_a_server_that_went_after_a_post_is_known_to_be_gone(app: Any, mortal_redis: Any) -> None:
    event = an_event()
    keys = keys_of(event.id)
    post("drop_free", 1, (keys.epoch, keys.free), 1)
    before = line_client._connection()
    post("drop_free", 1, (keys.epoch, keys.free), 2)
    mortal_redis.kill()
    mortal_redis.start()
    sleep(client._BETWEEN_LOOKS)
    line_client.alive()
    assert line_client._connection() is not before


def test_checking_a_copy(app: Any, line_redis: Any) -> None:
    event = an_event()
    assert copy.is_valid(event.id, 1)
    assert not copy.is_valid(event.id, 2)
    line_redis.flushall()
    assert not copy.is_valid(event.id, 1)
    assert line_client.alive()


def plain_client(server: Any) -> Any:
    import redis

    return redis.Redis.from_url(server.url, decode_responses=True)
