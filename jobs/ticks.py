"""What the beats call. Each is safe to repeat, to run late, and to run side by side."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps

from app.domain.errors import NotNow
from jobs.context import in_application
from jobs.wake import wake

log = logging.getLogger(__name__)


def tick(work: Callable[[], int]) -> Callable[[], int]:
    """Make a function what a beat calls: in an application context, and patient.

    A server that is away for a minute is one line a second, not a traceback: the next tick is
    the retry. Anything else is raised, and RQ writes it down.
    """

    @wraps(work)
    def patient() -> int:
        try:
            return work()
        except NotNow as refusal:
            log.warning("%s has to wait: %r", work.__name__, refusal)
            return 0

    return in_application(patient)


@tick
def calendar() -> int:
    """Open and close the events whose time has come."""
    from app.services import events

    return events.calendar_once()


@tick
def admit() -> int:
    """Let the next people of every line in."""
    from app.services import admission

    return admission.admit_once()


@tick
def journal() -> int:
    """Write what happened in the lines into Postgres; rebuild a line that was lost."""
    from app.services import journal

    return journal.journal_once()


@tick
def outbox() -> int:
    """Wake the lanes that owe the outside world something."""
    from app.services import outbox

    lanes = outbox.due_lanes_once()
    for lane in lanes:
        wake(lane)
    return len(lanes)


@tick
def expire() -> int:
    """End the holds that ran out."""
    from app.services import claims

    return claims.expire_once()


@tick
def turns() -> int:
    """Owe mails to those whose turn it is, and to those whose turn is near."""
    from app.services import turn_mail

    return turn_mail.owe_once()


@tick
def payments() -> int:
    """Owe a question to the gateway for each payment that is due for one."""
    from app.services import payments

    return payments.payments_once()


@tick
def reconcile() -> int:
    """Heal differences between the tickets and the copy of their free numbers."""
    from app.services import reconciliation

    return reconciliation.reconcile_once()


@tick
def samples() -> int:
    """Write down how every sale stands, for its chart."""
    from app.services import samples

    return samples.samples_once()


@tick
def analyze() -> int:
    """Tell the planner of Postgres which tables have grown."""
    from app.services import plans

    return plans.analyze_once()


@tick
def thin() -> int:
    """Keep the charts of long sales small."""
    from app.services import samples

    return samples.thin_once()


@tick
def marks() -> int:
    """Mark the places that look as if somebody took many; remove those whose time is over."""
    from app.services import marks, removals

    return marks.mark_once() + removals.lapse_once()


@tick
def forget() -> int:
    """Erase what has been kept for as long as it may be."""
    from app.services import personal

    return personal.forget_once()


@tick
def drop() -> int:
    """Delete from Redis the lines that are long over."""
    from app.services import old_lines

    return old_lines.drop_once()
