"""Tries that strangers make as well: counted before anything is looked at, whoever they name.

Postgres counts them, so that they are counted with Redis away, and once for all processes.
"""

from __future__ import annotations

import hashlib

from app.domain.errors import TooManyTries
from app.domain.networks import network
from app.domain.staff import Origin
from app.domain.tries import LIMITS
from app.store import tries as store


def count(kind: str, email: str, origin: Origin) -> None:
    """Count a try, until forget() says that it succeeded. Raises TooManyTries.

    The answer does not depend on whether anybody has this address.
    """
    place = network(origin.address)
    waits = store.count(kind, _account(email), place, email, LIMITS[kind])
    if waits:
        raise TooManyTries(waits)


def forget(session: store.Db, kind: str, email: str, origin: Origin) -> None:
    """The tries of this account from this network led to the goal."""
    store.forget(session, kind, _account(email), network(origin.address))


def refused(session: store.Db, kind: str, email: str, origin: Origin) -> None:
    """The tries of this account from this network end no earlier than now."""
    store.touch(session, kind, _account(email), network(origin.address))


def _account(email: str) -> str:
    # People type passwords into the field for the address, so it is not kept as it is.
    return hashlib.sha256(email.encode()).hexdigest()
