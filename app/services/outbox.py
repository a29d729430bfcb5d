"""The outbox: what we owe the outside world, delivered at least once, one hand at a time.

An entry is written in the transaction that made us owe it. A deliverer takes it (committed),
acts outside any transaction, then marks it done. If the deliverer dies in between, the entry
comes back when its `taken_until` has passed, so every handler is safe to repeat.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
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
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0

Handler = Callable[[Mapping[str, Any]], None]


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
    from app.services import inbox, mail, payments, refund_news, refunds

    return {
        "initialize_payment": lambda payload: payments.initialize(payload["payment_id"]),
        "verify_payment": lambda payload: payments.verify(payload["payment_id"]),
        "handle_inbox": lambda payload: inbox.handle(payload["inbox_id"]),
        "send_refund": lambda payload: refunds.advance(payload["refund_id"]),
        "send_code": mail.send_code,
        "send_tickets": mail.send_tickets,
        "send_refund_news": refund_news.send,
    }


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


def deliver_once(lane: str) -> int:
    """Deliver what is due in a lane, entry by entry; says how many were delivered.

    Safe side by side: run it from several threads, each with an application context of its
    own, to have several calls to the gateway under way at once.
    Raises StoreUnavailable when Postgres is away.
    """
    delivered = 0
    started = clock.monotonic()
    while clock.monotonic() - started < LONGEST_RUN:
        taken = store.take(lane, _hold_seconds())
        if taken is None:
            break
        delivered += _deliver(taken)
    return delivered


def _deliver(taken: store.Taken) -> bool:
    handler = handlers().get(taken.kind)
    try:
        if handler is None:
            raise LookupError(f"no handler for {taken.kind}")
        handler(taken.payload)
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
    store.done(taken)
    return True


def wait(attempts: int) -> float:
    """Seconds before the next try: doubling, with jitter so that a crowd does not come back
    in step."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311  (no secret)


def _hold_seconds() -> float:
    # The client gives up after two gateway timeouts at the latest, and our own statements
    # after a few seconds; only a dead deliverer needs longer.
    return 2 * float(settings.gateway_timeout) + 10
