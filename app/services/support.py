"""Support: finding a fan's claim by what the fan can say, seeing its whole story, and fixing it.

Staff see the claims of their own organisation only; any other is ClaimUnknown to them. Every
action carries the state that was seen and is refused, StateGone, if that is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.domain import errors, search
from app.domain.claims import CONFIRMED, HELD
from app.domain.reasons import one_line
from app.domain.said import Said, say
from app.domain.search import Meant, Near
from app.extensions import settings
from app.services import claims, events, marks, outbox, payments, refunds
from app.services.claims import ClaimView
from app.services.staff import StaffMember
from app.services.support_money import Account, accounts
from app.store import staff as members
from app.store import support as store
from app.store import timeline
from app.store.db import transaction
from app.store.support import Flagged, FoundClaim, FoundPlace, Mail

SENT_AGAIN = "tickets sent again"

LONGEST_REASON = 200

_FORM_KEY = re.compile(r"[A-Za-z0-9_-]{8,40}")


@dataclass(frozen=True, slots=True)
class Results:
    """What a search found. `near` says that nothing is exactly what was typed, and that these come
    close to it. `stories` says more of places that were marked or suspended."""

    claims: list[FoundClaim]
    places: list[FoundPlace]
    near: bool = False
    stories: Mapping[str, list[Said]] = field(default_factory=dict)

    @property
    def one_claim(self) -> str | None:
        """The reference to go to at once, when there is nothing to choose from."""
        alone = len(self.claims) == 1 and not self.places and not self.near
        return self.claims[0].reference if alone else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a claim's whole timeline; `who` is a name in words."""

    at: datetime
    who: str
    verb: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A claim with everything support sees of it."""

    claim: ClaimView
    place: FoundPlace | None
    mails: list[Mail]
    accounts: list[Account]
    timeline: list[Entry]
    seen: str
    story: list[Said]

    @property
    def mailed(self) -> bool:
        """Whether the tickets have left by mail."""
        return any(mail.sent_at for mail in self.mails)

    @property
    def can_give_back(self) -> bool:
        return self.claim.state == HELD

    @property
    def can_send_tickets(self) -> bool:
        return self.claim.state == CONFIRMED

    @property
    def can_refund(self) -> bool:
        return self.claim.state == CONFIRMED

    @property
    def paid(self) -> bool:
        """Whether anything came in, ever."""
        return any(account.received_amount is not None for account in self.accounts)

    @property
    def can_ask(self) -> bool:
        return bool(self.claim.payments)


def find(staff: StaffMember, text: str) -> Results:
    """Search by e-mail address, reference of a claim, a payment or a place, or ticket code; where
    that finds nothing, by what comes close, by the beginning of an address, by name and phone."""
    found = _look_for(staff, search.read(text))
    if found.claims or found.places:
        return found
    return replace(_look_for(staff, search.near(text)), near=True)


def _look_for(staff: StaffMember, meant: Meant | Near) -> Results:
    if not meant.anything:
        return Results([], [])
    with transaction() as session:
        places = store.places(session, staff.organisation_id, meant)
        return Results(
            store.claims(session, staff.organisation_id, meant),
            places,
            stories=marks.stories(session, [(one.id, one.time_zone) for one in places]),
        )


def flagged(staff: StaffMember) -> list[Flagged]:
    """Refunds that wait for a person, and sums that came in wrong, the oldest first."""
    with transaction() as session:
        return store.flagged(session, staff.organisation_id)


def look(staff: StaffMember, reference: str) -> Case:
    """The claim with its payments, tickets, place, mails and whole timeline.

    Raises ClaimUnknown.
    """
    view = _own(staff, reference)
    again = [entry.detail["key"] for entry in view.timeline if entry.verb == SENT_AGAIN]
    with transaction() as session:
        place = store.place(session, view.place_id)
        mails = store.mails(session, [f"tickets:{view.id}", *again])
        names = members.names(session, staff.organisation_id)
        money = accounts(session, view)
        told = marks.stories(session, [(view.place_id, view.event.time_zone)])
    lines = _timeline(view, place, mails, names)
    return Case(view, place, mails, money, lines, _mark(view), told.get(view.place_id, []))


def give_back(staff: StaffMember, reference: str, seen: str, reason: str) -> None:
    """Give a hold back: its tickets are free again.

    Raises ClaimUnknown, StateGone, Invalid (field `reason`).
    """
    _as_seen(staff, reference, seen)
    claims.release(reference, staff.actor, _given("reason", reason))


def refund(staff: StaffMember, reference: str, seen: str, reason: str) -> None:
    """Give the money of the whole claim back; its tickets are void and on sale again.

    Raises ClaimUnknown, StateGone, Invalid (field `reason`).
    """
    _as_seen(staff, reference, seen)
    refunds.refund_claim(reference, staff.actor, one_line("reason", reason, LONGEST_REASON))


def settle(staff: StaffMember, reference: str, seen: str, payment: str, note: str) -> None:
    """Write down that a person gave a payment's money back by another way, and how.

    Only for a refund that the gateway cannot finish by itself. Raises ClaimUnknown, StateGone,
    Invalid (field `note`).
    """
    view = _as_seen(staff, reference, seen)
    with transaction() as session:
        found = [
            account.refund
            for account in accounts(session, view)
            if account.reference == payment and account.refund is not None
        ]
    # What was seen has a refund for this payment, or the form was not ours.
    if not found:
        raise errors.StateGone
    # A move between these two looks is refused by the verb itself, under the row's lock.
    seen_state = next(one.refund_state for one in view.payments if one.reference == payment)
    refunds.settle(
        found[0].id, staff.actor, one_line("note", note, LONGEST_REASON), seen_state or ""
    )


def send_tickets_again(
    staff: StaffMember, reference: str, seen: str, form_key: str, reason: str
) -> None:
    """Owe the fan the mail with the tickets once more; the same form owes it once.

    Raises ClaimUnknown, StateGone, Invalid (field `why`).
    """
    view = _as_seen(staff, reference, seen)
    if not _FORM_KEY.fullmatch(form_key):
        raise errors.StateGone
    detail = {"key": f"tickets:{view.id}:{form_key}", "reason": _given("why", reason)}
    with transaction() as session:
        # The row lock lets the second press of a button see what the first one wrote.
        found = store.lock_confirmed(session, reference)
        if found is None:
            raise errors.StateGone
        if store.is_owed(session, detail["key"]):
            return
        claim_id, event_id = found
        outbox.owe(session, outbox.MAIL, "send_tickets", {"claim_id": claim_id}, key=detail["key"])
        timeline.note(session, event_id, SENT_AGAIN, staff.actor, claim_id=claim_id, detail=detail)
    settings.wake(outbox.MAIL)


def ask_gateway(staff: StaffMember, reference: str, seen: str) -> None:
    """Ask the gateway what became of the claim's payments. Raises ClaimUnknown, StateGone."""
    _as_seen(staff, reference, seen)
    payments.ask(reference, staff.actor)


def _given(field: str, text: str) -> str:
    """The reason for what leaves no other trace of why."""
    return one_line(field, text, LONGEST_REASON, say("Please say why, for our records."))


def _own(staff: StaffMember, reference: str) -> ClaimView:
    view = claims.look(reference)
    if view.event.organisation_id != staff.organisation_id:
        raise errors.ClaimUnknown
    return view


def _as_seen(staff: StaffMember, reference: str, seen: str) -> ClaimView:
    view = _own(staff, reference)
    if _mark(view) != seen:
        raise errors.StateGone
    return view


def _mark(view: ClaimView) -> str:
    """The state of the claim, of its payments and their refunds, as a form carries it."""
    money = (
        f"{payment.state}/{payment.refund_state}" if payment.refund_state else payment.state
        for payment in view.payments
    )
    return " ".join([view.state, *money])


def _timeline(
    view: ClaimView, place: FoundPlace | None, mails: list[Mail], names: Mapping[int, str]
) -> list[Entry]:
    """What was written down about the claim, and what the other rows say about when."""
    entries = [
        Entry(line.at, events.who(line.actor, names), line.verb, line.detail)
        for line in view.timeline
    ]
    if place is not None:
        entries.append(Entry(place.joined_at, "the fan", "joined", {"number": place.number}))
        if place.proven_at:
            entries.append(
                Entry(place.proven_at, "the fan", "proved the address", {"email": place.email})
            )
        if place.admitted_at:
            entries.append(Entry(place.admitted_at, "the system", "admitted", {}))
    entries += [
        Entry(mail.sent_at, "the system", "mailed the tickets", {})
        for mail in mails
        if mail.sent_at
    ]
    return sorted(entries, key=lambda entry: entry.at)
