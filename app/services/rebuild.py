"""Writing the Redis copy of an event anew from Postgres, after it was lost or came back old.

What an old copy's journal may still hold is not read: it may carry numbers that were given
again to others after its snapshot was taken. Browsers bring their signed places themselves.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from app.domain.errors import LineUnavailable
from app.extensions import settings
from app.line import copy
from app.store import lines, places

log = structlog.get_logger(__name__)

# Each chunk is one script, and no script may hold Redis for long.
CHUNK = 1000


def rebuild_once(event_id: int) -> bool:
    """Write the copy if there is no valid one; whether this call did.

    False as well when someone else is doing it, or Redis is away: the next beat tries again.
    Raises StoreUnavailable. Dying at any line leaves a copy without an epoch key, which is no
    copy, and the next call begins again with an epoch and a floor of its own.
    """
    with lines.writer(event_id) as connection:
        if connection is None:
            return False
        line = lines.look(connection, event_id)
        if line is None:
            return False
        try:
            # Asked before the epoch moves: a Redis that is away for an hour costs no epochs.
            if copy.is_valid(event_id, line.epoch):
                return False
            _write(connection, event_id)
        except LineUnavailable as exc:
            log.warning("rebuild put off", event_id=event_id, reason=exc.message)
            return False
    return True


def _write(connection: Connection, event_id: int) -> None:
    new = lines.next_epoch(connection, event_id, settings.rebuild_guard)
    epoch = new.epoch
    copy.begin(event_id, epoch)
    # Leases are not written: a claim in flight is decided by Postgres alone.
    for numbers in places.free_numbers(connection, event_id, CHUNK):
        copy.add_free(event_id, epoch, numbers)
    count = 0
    for chunk, size in places.live_lines(connection, event_id, CHUNK):
        copy.add_places(event_id, epoch, chunk)
        count += size
    greatest, top, first_waiting = places.extremes(connection, event_id)
    if first_waiting:
        for ids in places.gone(connection, event_id, first_waiting, CHUNK):
            copy.add_gone(event_id, epoch, ids)
    copy.end(event_id, epoch, max(new.number_floor, greatest), top)
    log.info("line rebuilt", event_id=event_id, epoch=epoch, places=count)
