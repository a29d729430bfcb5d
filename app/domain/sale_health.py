"""Whether a sale is well, from what was seen of it lately."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.events import EventFacts, guarded_number, phase

# Samples come every ten seconds. A beat that stutters is no standstill.
BEATS_ARE_LATE = timedelta(seconds=45)
STANDS_AFTER = timedelta(seconds=60)


def beats_stand(event: EventFacts, sampled_at: datetime | None) -> bool:
    """Whether the beats have not looked at an event that is not over for too long.

    Before the first sample nothing can be said: the event may have been published this moment.
    """
    if sampled_at is None or phase(event, event.as_of) not in ("before", "on_sale", "paused"):
        return False
    return event.as_of - sampled_at > BEATS_ARE_LATE


def line_stands(
    event: EventFacts,
    waiting: int,
    inside: int,
    sampled_at: datetime | None,
    standing_since: datetime | None,
) -> bool:
    """Whether people wait who should have been let in by now.

    A line that waits for room inside, for tickets that others hold, or for the browsers of a lost
    second (the guard) stands for a reason. `standing_since` is when the number of admissions was
    as it still is for the first time.
    """
    if phase(event, event.as_of) != "on_sale" or waiting == 0 or beats_stand(event, sampled_at):
        return False
    guarded = guarded_number(event, event.as_of) is not None
    if inside >= min(event.pass_capacity, event.free) or guarded:
        return False
    if standing_since is None:
        return False
    began = max(standing_since, event.sale_starts_at)
    # A slow rate lets nobody in for a while, and that is as it was wished.
    one_admission = timedelta(seconds=60 / event.admit_per_minute)
    return event.as_of - began > STANDS_AFTER + one_admission
