"""The outbox: what we owe the outside world, delivered at least once, one hand at a time.

An entry is written in the transaction that made us owe it. A deliverer takes it (committed),
acts outside any transaction, then marks it done, in the same statement as what came of it where
that is one statement. If the deliverer dies in between, the entry comes back when its
`taken_until` has passed, so every handler is safe to repeat.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from app import clock
from app.domain.errors import Conflict, NotNow
from app.extensions import settings
from app.store import outbox as store
from app.store.db import transaction

log = logging.getLogger(__name__)

MONEY = "money"
MAIL = "mail"

# One call delivers for about this long, then lets its worker look up: a worker that is asked to
# end finishes the job in hand, and all is to be over within seconds. The next call follows at once.
LONGEST_RUN = 3.0
# So long an entry stays taken by a deliverer that has died (s); one that lives says so in time.
HOLD = 8.0
# Our own statements and a mail server's patience, beside two calls to the gateway.
_LONGEST_HANDLING = 10.0
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0

# What a handler answers that has marked its entry done together with what came of it.
DONE = object()

# A handler is given the entry's payload, and in it under ENTRY the entry itself: its number and the
# facts that were read when it was taken.
ENTRY = "entry"
Handler = Callable[[Mapping[str, Any]], object]
Taken = store.Taken


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
    from app.services import inbox, mail, payments, readiness, refund_news, refunds, turn_mail

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
    }


def facts_of(kind: str, payload: Mapping[str, Any]) -> tuple[int | None, Mapping[str, Any] | None]:
    """The number of the entry in hand, None when there is none, and what its deliverer has to
    know (sql/functions/outbox_facts.sql)."""
    entry: store.Taken | None = payload.get(ENTRY)
    if entry is not None:
        return entry.id, entry.facts
    return None, store.facts(kind, payload)


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
    with transaction() as session:
        return store.due_lanes(session)


def deliver_once(lane: str, go_on: Callable[[], bool] = lambda: True) -> int:
    """Deliver what is due in a lane, entry by entry; says how many were delivered.

    It stops before the next entry when `go_on()` is false: its process is to end.
    Safe side by side: run it from several threads, each with an application context of its
    own, to have several calls to the gateway under way at once.
    Raises StoreUnavailable when Postgres is away.
    """
    delivered = 0
    started = clock.monotonic()
    while go_on() and clock.monotonic() - started < LONGEST_RUN:
        taken = store.take(lane, _LONGEST_HANDLING + 2 * float(settings.gateway_timeout))
        if not taken:
            break
        delivered += deliver(taken[0])
    return delivered


def take(lane: str, most: int) -> list[Taken]:
    """Take up to `most` entries for HOLD seconds: who delivers them holds on to them meanwhile.

    Raises StoreUnavailable when Postgres is away.
    """
    return store.take(lane, HOLD, most)


def hold(entries: Sequence[Taken]) -> None:
    """These are still in hand: for HOLD seconds more nobody else takes them. When Postgres is
    away they may come back early, which their handlers bear."""
    with suppress(NotNow):
        store.hold(entries, HOLD)


def deliver(taken: Taken) -> bool:
    """Deliver an entry that was taken; whether it is done. Raises StoreUnavailable when Postgres
    cannot be told."""
    handler = handlers().get(taken.kind)
    try:
        if handler is None:
            raise LookupError(f"no handler for {taken.kind}")
        result = handler({**taken.payload, ENTRY: taken})
    except Later as later:
        store.again(taken, max(later.after, wait(taken.attempts)), str(later))
        return False
    except (NotNow, Conflict) as refusal:
        # Ordinary on a bad day: a server is away, or two of us met at one row.
        log.warning("outbox %s %s has to wait: %r", taken.kind, taken.id, refusal)
        store.again(taken, wait(taken.attempts), f"{type(refusal).__name__}: {refusal}")
        return False
    except Exception as exc:
        # Whatever went wrong, we still owe it: the entry goes back with the reason in it.
        log.exception("outbox %s %s failed", taken.kind, taken.id)
        store.again(taken, wait(taken.attempts), f"{type(exc).__name__}: {exc}")
        return False
    if result is not DONE:
        store.done(taken)
    return True


def wait(attempts: int) -> float:
    """Seconds before the next try: doubling, with jitter so that a crowd does not come back
    in step."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311  (no secret)
