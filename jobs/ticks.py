"""What the beats call. Each is safe to repeat, to run late, and to run side by side."""

from __future__ import annotations

from jobs.context import in_application
from jobs.wake import wake


@in_application
def calendar() -> int:
    """Open and close the events whose time has come."""
    from app.services import events

    return events.calendar_once()


@in_application
def admit() -> int:
    """Let the next people of every line in."""
    from app.services import admission

    return admission.admit_once()


@in_application
def journal() -> int:
    """Write what happened in the lines into Postgres; rebuild a line that was lost."""
    from app.services import journal

    return journal.journal_once()


@in_application
def outbox() -> int:
    """Wake the lanes that owe the outside world something."""
    from app.services import outbox

    lanes = outbox.due_lanes_once()
    for lane in lanes:
        wake(lane)
    return len(lanes)


@in_application
def expire() -> int:
    """End the holds that ran out."""
    from app.services import claims

    return claims.expire_once()


@in_application
def payments() -> int:
    """Owe a question to the gateway for each payment that is due for one."""
    from app.services import payments

    return payments.payments_once()


@in_application
def reconcile() -> int:
    """Heal differences between the tickets and the copy of their free numbers."""
    from app.services import reconciliation

    return reconciliation.reconcile_once()
