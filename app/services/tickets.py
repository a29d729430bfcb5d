"""Tickets as a fan sees them: one code each, in words and, signed, as a QR code."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.calendars import calendar
from app.domain.claims import CONFIRMED
from app.domain.errors import TicketsNotYet
from app.domain.tokens import TicketToken
from app.extensions import settings
from app.services.claims import ClaimView
from app.services.links import link
from app.services.qr import drawing


@dataclass(frozen=True, slots=True)
class Ticket:
    """`code` is for people. `qr` is an SVG drawing of the signed code (a TicketToken), without
    style attributes, safe to put in a page."""

    number: int
    code: str
    qr: str


def of(claim: ClaimView) -> list[Ticket]:
    """The tickets of a paid claim. Raises TicketsNotYet."""
    if claim.state != CONFIRMED:
        raise TicketsNotYet
    return [
        ticket(one.number, one.code, settings.secret_key)
        for one in claim.tickets
        if one.code is not None
    ]


def ticket(number: int, code: str, key: str) -> Ticket:
    """A ticket whose QR code is signed with this key."""
    return Ticket(number, code, drawing(TicketToken(code).sign(key)))


def calendar_of(claim: ClaimView) -> str:
    """The event of a paid claim as a file for calendars. Raises TicketsNotYet."""
    if claim.state != CONFIRMED:
        raise TicketsNotYet
    event = claim.event
    address = link(f"/claims/{claim.reference}/tickets", claim.language)
    return calendar(
        uid=f"{claim.reference}@{urlsplit(settings.public_url).hostname}",
        made_at=claim.confirmed_at or claim.created_at,
        starts_at=event.starts_at,
        title=event.title,
        venue=event.venue,
        description=f"{claim.reference}\n{address}",
        link=address,
    )
