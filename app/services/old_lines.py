"""Lines that are long over: Redis drops its copies, and Postgres alone answers for them."""

from __future__ import annotations

from app.domain.errors import LineLost
from app.extensions import settings
from app.line import copy
from app.services import journal
from app.store import lines
from app.store.db import autocommit_engine, translated


def drop_once() -> int:
    """Drop the copies of lines that were over for as long as the setting says; how many.

    Asked of all of them each time, for a Redis that comes back with an old snapshot brings dropped
    copies along. Nobody writes them anew: beats look after lines that may move only. Raises NotNow.
    """
    if not settings.keep_lines_days:
        return 0
    with translated(), autocommit_engine().connect() as connection:
        over = lines.long_over(connection, settings.keep_lines_days)
    dropped = 0
    for event_id, line in over.items():
        try:
            done = copy.drop(event_id, line.epoch, line.journal_id)
        except LineLost:
            # Of a life that began after our look: a restore is under way.
            continue
        if done is None:
            # The journal's beat leaves old sales alone. The next beat drops the copy.
            with lines.writer(event_id) as writer:
                if writer is not None:
                    journal.drain(writer, event_id)
        dropped += bool(done)
    return dropped
