"""Admission: once a second, the first of each line are let in as far as time and room allow.

The script is driven by time, so any number of workers may run this at once.
"""

from __future__ import annotations

import structlog

from app.domain.errors import LineLost, LineUnavailable
from app.domain.events import EventFacts, guarded_number, phase, to_ms
from app.line import verbs
from app.line.verbs import Rules
from app.services import catalogue
from app.services.rebuild import rebuild_once

log = structlog.get_logger(__name__)


def admit_once() -> int:
    """Admit what may be admitted at every event, and rebuild copies that are not valid; how
    many places were admitted. Raises StoreUnavailable: nobody is admitted without Postgres."""
    admitted = 0
    for event in catalogue.live():
        try:
            admitted += verbs.admit(event.id, event.epoch, rules(event)).admitted
        except LineLost:
            # The next beat admits; the bucket of a new copy is empty anyhow.
            rebuild_once(event.id)
        except LineUnavailable as exc:
            log.info("admission waits", event_id=event.id, reason=exc.message)
    return admitted


def rules(event: EventFacts) -> Rules:
    """What the script goes by, from facts that Postgres gave this moment."""
    return Rules(
        open=phase(event, event.as_of) == "on_sale",
        rate=event.admit_per_minute,
        pass_capacity=event.pass_capacity,
        free=event.free,
        pass_ms=event.pass_seconds * 1000,
        paused_ms=event.paused_ms,
        paused_at_ms=to_ms(event.paused_at) if event.paused_at else 0,
        guard_number=guarded_number(event, event.as_of),
    )
