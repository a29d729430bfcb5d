"""The door: what the text of a QR code says of the ticket that somebody holds.

Looking changes nothing. That somebody went in is written down nowhere, so a ticket that is shown
twice is valid twice: whoever is at the door keeps count.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.claims import CONFIRMED
from app.domain.errors import Invalid
from app.domain.references import as_ticket_code
from app.domain.said import say
from app.domain.tokens import TicketToken
from app.extensions import settings
from app.services.staff import StaffMember
from app.store import tickets as store
from app.store.db import autocommit_engine, translated
from app.store.tickets import Found

VALID = "valid"
# We signed it, and it counts no more: given back, or refunded.
VOID = "void"
# A code as people read it. Whoever saw one can write it down, so it proves nothing.
BARE = "bare"
# Forged, cut, of something else, or of another organisation.
NOT_OURS = "not ours"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of the four above; with the ticket if it is valid."""

    what: str
    ticket: Found | None = None


def check(staff: StaffMember, text: str) -> Verdict:
    """What this text is worth at the door of this organisation.

    Raises Invalid (field `ticket`) when there is none.
    """
    text = text.strip()
    if not text:
        raise Invalid({"ticket": say("Please scan the QR code of a ticket.")})
    token = TicketToken.read(text, settings.secret_key)
    if token is None:
        return Verdict(BARE if as_ticket_code(text) else NOT_OURS)
    with translated(), autocommit_engine().connect() as connection:
        found = store.with_code(connection, token.code)
    # A code goes when its ticket is given back, and with it whose it was.
    if found is None:
        return Verdict(VOID)
    if found.organisation_id != staff.organisation_id:
        return Verdict(NOT_OURS)
    return Verdict(VALID, found) if found.claim_state == CONFIRMED else Verdict(VOID)
