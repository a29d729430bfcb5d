"""The outbox: what we owe the outside world, delivered at least once, one hand at a time.

An entry is written in the transaction that made us owe it. A deliverer takes it (committed), acts
outside any transaction, then writes down what came of it together with that it is done. If the
deliverer dies in between, the entry comes back when its `taken_until` has passed, so every handler
is safe to repeat.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.domain.errors import Conflict, NotNow
from app.extensions import settings
from app.store import outbox as store

log = logging.getLogger(__name__)

MONEY = "money"
MAIL = "mail"

# So long an entry stays taken by a deliverer that has died (s); one that lives says so in time.
HOLD = 8.0
# Our own statements and a mail server's patience, beside two calls to the gateway.
_LONGEST_HANDLING = 10.0
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0

# A handler is given the entry's payload, and in it under ENTRY the entry itself, with the facts
# that were read when it was taken.
ENTRY = "entry"
Taken = store.Taken


@dataclass(frozen=True, slots=True)
class Ending:
    """How an entry came to its end: what is to be written down, together with that it is done.

    `end` and `values` are those of sql/functions/exchange_outbox.sql. Where that refuses, because
    the case is not ordinary, `otherwise` does what there is to do, and may answer with another
    ending. `wakes` is the lane for which something is owed by then.
    """

    end: str
    values: Mapping[str, Any] = field(default_factory=dict)
    otherwise: Callable[[], Ending | None] | None = None
    wakes: str | None = None

    @property
    def is_done(self) -> bool:
        return self.end not in ("again", "back")


DONE = Ending("done")
# Not begun: as if it had not been taken.
BACK = Ending("back")
Handler = Callable[[Mapping[str, Any]], Ending | None]


@dataclass(frozen=True, slots=True)
class Ended:
    """An entry in hand, and how it ended."""

    entry: Taken
    ending: Ending


class Later(Exception):
    """What a handler raises when the outside world wants to be asked again.

    `after` is the least number of seconds to wait, when the other side named one.
    """

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


@cache
def handlers() -> dict[str, Handler]:
    """Which function delivers which kind."""
    # Imported here, because the services in this table owe entries themselves.
    from app.services import (
        inbox,
        log_in_news,
        mail,
        payments,
        readiness,
        refund_news,
        refunds,
        removals,
        staff_links,
        turn_mail,
    )

    return {
        "initialize_payment": payments.deliver_initialize,
        "verify_payment": payments.deliver_verify,
        "handle_inbox": inbox.deliver,
        "send_refund": lambda payload: refunds.advance(payload["refund_id"]),
        "send_code": mail.send_code,
        "send_tickets": mail.send_tickets,
        "send_refund_news": refund_news.send,
        "check_mail": readiness.check_mail,
        "check_gateway": readiness.check_gateway,
        "send_soon": turn_mail.send_soon,
        "send_turn": turn_mail.send_turn,
        "send_removal": removals.send_news,
        "send_reset": staff_links.send_reset,
        "send_invitation": staff_links.send_invitation,
        "send_log_in_news": log_in_news.send,
    }


def facts_of(kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the deliverer of an entry has to know (sql/functions/outbox_facts.sql)."""
    entry: Taken | None = payload.get(ENTRY)
    return entry.facts if entry is not None else store.facts(kind, payload)


def owe(
    session: store.AnySession,
    lane: str,
    kind: str,
    payload: Mapping[str, Any],
    key: str | None = None,
    delay: float = 0.0,
) -> None:
    """Write a debt into the caller's transaction; after the commit call `settings.wake(lane)`.

    Two debts with the same key are one, for ever. `delay` is in seconds.
    """
    store.add(session, lane, kind, payload, key, delay)


def due_lanes_once() -> list[str]:
    """The lanes that have something to deliver now."""
    return store.due_lanes()


def deliver_once(lane: str, go_on: Callable[[], bool] = lambda: True) -> int:
    """Deliver what is due in a lane, entry by entry; says how many were delivered.

    It stops before the next entry when `go_on()` is false: its process is to end.
    Safe side by side: run it from several threads, each with an application context of its
    own, to have several calls to the gateway under way at once.
    Raises StoreUnavailable when Postgres is away.
    """
    delivered = 0
    longest = _LONGEST_HANDLING + 2 * float(settings.gateway_timeout)
    while go_on() and (taken := store.exchange(lane, [], longest, 1)[0]):
        delivered += deliver(taken[0])
    return delivered


def take(lane: str, most: int) -> list[Taken]:
    """Take up to `most` entries for HOLD seconds: who delivers them holds on to them meanwhile.

    Raises StoreUnavailable when Postgres is away.
    """
    return exchange(lane, [], most).taken


def hold(entries: Sequence[Taken]) -> None:
    """These are still in hand: for HOLD seconds more nobody else takes them. When Postgres is
    away they may come back early, which their handlers bear."""
    with suppress(NotNow):
        store.hold(entries, HOLD)


def handle(entry: Taken) -> Ending:
    """Do what an entry that was taken asks for; how it ended. Writes nothing of the entry itself,
    and raises nothing: whatever went wrong, we still owe it."""

    def work() -> Ending | None:
        handler = handlers().get(entry.kind)
        if handler is None:
            raise LookupError(f"no handler for {entry.kind}")
        return handler({**entry.payload, ENTRY: entry})

    return _ending_of(entry, work)


def resort(one: Ended) -> Ending:
    """As handle(), after what exchange() refused."""
    assert one.ending.otherwise is not None
    return _ending_of(one.entry, one.ending.otherwise)


def _ending_of(entry: Taken, work: Callable[[], Ending | None]) -> Ending:
    try:
        return work() or DONE
    except Later as later:
        return _again(max(later.after, wait(entry.attempts)), str(later))
    except (NotNow, Conflict) as refusal:
        # Ordinary on a bad day: a server is away, or two of us met at one row.
        log.warning("outbox %s %s has to wait: %r", entry.kind, entry.id, refusal)
        return _again(wait(entry.attempts), f"{type(refusal).__name__}: {refusal}")
    except Exception as exc:
        log.exception("outbox %s %s failed", entry.kind, entry.id)
        return _again(wait(entry.attempts), f"{type(exc).__name__}: {exc}")


def _again(seconds: float, error: str) -> Ending:
    # Postgres keeps neither NUL nor half of a surrogate pair.
    shown = "".join(letter if letter.isprintable() else "?" for letter in error[:500])
    return Ending("again", {"seconds": seconds, "error": shown})


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange brought: the entries taken, those of which nothing was written because
    their case is not ordinary, and how many are done."""

    taken: list[Taken]
    unusual: list[Ended]
    done: int


def exchange(lane: str, ended: Sequence[Ended], most: int) -> Exchanged:
    """Write down how entries ended, and take up to `most` others of the lane, in one statement.

    Raises NotNow when Postgres is away; then every entry comes back by itself.
    """
    if not ended and not most:
        return Exchanged([], [], 0)
    try:
        taken, refused = store.exchange(lane, _written(ended), HOLD, most)
    except Exception:
        if not ended:
            raise
        # One that cannot be written now must not keep the others from it.
        log.warning("%s outbox entries are written one by one", len(ended), exc_info=True)
        one_by_one = [_write_alone(one) for one in ended]
        return Exchanged([], [], sum(one_by_one))
    unusual = [one for one in ended if one.entry.id in refused]
    _wake([one.ending for one in ended if one not in unusual])
    done = sum(one.ending.is_done for one in ended) - len(unusual)
    return Exchanged(taken, unusual, done)


def _write_alone(one: Ended) -> bool:
    """Write down how one entry ended; whether it is done."""
    ending: Ending = one.ending
    try:
        while store.exchange("", _written([Ended(one.entry, ending)]), HOLD, 0)[1]:
            ending = resort(Ended(one.entry, ending))
        _wake([ending])
        return ending.is_done
    except Exception as exc:
        log.warning("outbox %s %s has to wait: %r", one.entry.kind, one.entry.id, exc)
        again = _again(wait(one.entry.attempts), f"{type(exc).__name__}: {exc}")
        with suppress(NotNow):
            store.exchange("", _written([Ended(one.entry, again)]), HOLD, 0)
        return False


def _written(ended: Sequence[Ended]) -> list[tuple[Taken, str, Mapping[str, Any]]]:
    return [(one.entry, one.ending.end, one.ending.values) for one in ended]


def _wake(endings: Iterable[Ending]) -> None:
    for lane in {ending.wakes for ending in endings if ending.wakes}:
        settings.wake(lane)


def deliver(entry: Taken) -> bool:
    """Deliver one entry that was taken; whether it is done."""
    found = exchange("", [Ended(entry, handle(entry))], 0)
    for one in found.unusual:
        found = exchange("", [Ended(entry, resort(one))], 0)
    return found.done == 1


def at_once(ending: Ending | None) -> None:
    """Write down what came of something that is no entry in hand. Raises as a statement does."""
    while (
        ending is not None and store.exchange("", [(None, ending.end, ending.values)], HOLD, 0)[1]
    ):
        assert ending.otherwise is not None
        ending = ending.otherwise()
    if ending is not None:
        _wake([ending])


def wait(attempts: int) -> float:
    """Seconds before the next try: doubling, with jitter so that a crowd does not come back
    in step."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311  # nosec B311 # no secret
