"""What makes a place look as if somebody took many, and the words for it."""

from __future__ import annotations

from app.domain.said import Said, say

NETWORK = "network"
MAILBOX = "mailbox"

# So many joins of one network count together as come within this time. How many are suspicious,
# the organiser says (events.mark_joins).
SECONDS = 60
# So many places of one mailbox, written in variants, are suspicious: a couple may share one.
ADDRESSES = 3


def reason(rule: str, together: int) -> Said:
    """Why a place is marked, in words, with the figures."""
    if rule == NETWORK:
        return say(
            "%(count)s places joined from one network within %(seconds)s seconds.",
            count=together,
            seconds=SECONDS,
        )
    return say("%(count)s places have proven addresses of one mailbox.", count=together)
