"""A fan's own data: handed out and erased on request, and erased when its time is over."""

from __future__ import annotations

from typing import Any

from app.domain.errors import AddressUnknown, FanIsBusy
from app.domain.said import Said, say
from app.extensions import settings
from app.store import personal as store

_UNDER_WAY: dict[str, Said] = {
    "hold": say("This fan holds tickets that are not paid for. Give them back first."),
    "money": say("A payment or a refund of this fan is not settled. Wait for it first."),
    "ticket": say("This fan has tickets for an event to come. Refund them first."),
    "place": say("This fan stands in a line. The place has to be given up first."),
}


def export(email: str) -> dict[str, Any]:
    """Everything that is held about an address, table by table. Raises AddressUnknown."""
    held = store.held(email.strip().lower())
    if held is None:
        raise AddressUnknown
    return held


def erase(email: str) -> None:
    """Erase an address and the name, the telephone number and what else belongs to it. The books
    of each sale stay. Twice is once.

    Raises AddressUnknown; FanIsBusy while anything is under way.
    """
    outcome = store.erase(email.strip().lower())
    if outcome == "unknown":
        raise AddressUnknown
    if outcome != "erased":
        raise FanIsBusy(_UNDER_WAY[outcome])


def forget_once() -> int:
    """Erase some of what has been kept for as long as the settings say: how much."""
    return store.forget_old(
        settings.keep_fans_days, settings.keep_inbox_days, settings.keep_outbox_days
    )
