"""Made-up facts for every page that a fan may meet, so that staff can look before fans do.

Nothing here asks or changes anything: an event of the organiser's own, with counts, places and
claims that are made up around it. The pages are rendered from them by the fans' own templates
(app/views/previews.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain import claims as claim_rules
from app.domain import refunds
from app.domain.events import CLOSED, DRAFT, ON_SALE, PAUSED, PUBLISHED, EventFacts, sale_time_ms
from app.domain.line import LineStatus, Snapshot
from app.domain.payments import Reason
from app.domain.places import ADMITTED, EXPIRED, LEFT, REMOVED, SUSPENDED, USED, WAITING, Removal
from app.domain.said import say
from app.domain.tokens import PlaceToken
from app.services import carrying, catalogue, telling, tickets
from app.services.carrying import Offer
from app.services.claims import ClaimView, TicketView
from app.services.payment_views import PaymentView
from app.services.pictures import Picture
from app.services.qr import drawing
from app.services.tickets import Ticket

PLACE_ID = "made-up-place-00"
NUMBER = 1_204
CLAIM = "FQ-MADEUP0000"
EMAIL = "ada@example.com"
_NAME = "Ada Obi"
_REASON = say("Forty places were taken from this network within ten seconds.")

# Phases of a sale, as pages tell them apart.
BEFORE, SELLING, STOPPED, NONE_FREE, SOLD_OUT, OVER = (
    "before",
    "selling",
    "stopped",
    "none_free",
    "sold_out",
    "over",
)


def event_in(event: EventFacts, phase: str) -> EventFacts:
    """The event as it would be in this phase of its sale."""
    now = catalogue.moment(event)
    made = replace(
        event,
        state={BEFORE: PUBLISHED, STOPPED: PAUSED, OVER: CLOSED}.get(phase, ON_SALE),
        sale_starts_at=now + timedelta(hours=2) if phase == BEFORE else now - timedelta(hours=1),
        sale_ends_at=max(event.sale_ends_at, now + timedelta(days=1)),
        paused_at=now - timedelta(minutes=4) if phase == STOPPED else None,
        pause_reason=event.pause_reason or say("We are checking the seating plan with the venue."),
        pause_next_word_at=now + timedelta(minutes=20) if phase == STOPPED else None,
        message=event.message or say("Doors open at 18:00. Bring the code, on paper or a screen."),
        message_at=event.message_at or now - timedelta(minutes=12),
        epoch=max(1, event.epoch),
        guard_number=None,
        guard_until=None,
    )
    held = 0 if phase in (BEFORE, SOLD_OUT) else max(1, event.capacity // 20)
    free = event.capacity if phase == BEFORE else 0
    if phase in (SELLING, STOPPED):
        free = max(1, event.capacity * 2 // 5) if event.capacity > 1 else 1
    held = min(held, event.capacity - free)
    ends = (now + timedelta(minutes=2), now + timedelta(seconds=event.hold_seconds))
    first, last = ends if held else (None, None)
    return replace(
        made,
        free=free,
        held=held,
        sold=event.capacity - free - held,
        first_hold_ends_at=first,
        last_hold_ends_at=last,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a made-up place stands. `pace` is admissions per minute as observed: None as planned."""

    phase: str
    state: str = WAITING
    ahead: int | None = None
    about: bool = False
    turn: bool = False
    claim: str | None = None
    claim_live: bool = False
    away: bool = False
    pace: float | None = None
    removal: Callable[[datetime], Removal] | None = None


def _suspended(now: datetime) -> Removal:
    return Removal(_REASON, now + timedelta(minutes=25))


def _appealed(now: datetime) -> Removal:
    return _suspended(now)._replace(appealed_at=now - timedelta(minutes=2))


def _removed(now: datetime) -> Removal:
    answer = say("We know nobody of these names.")
    return _appealed(now)._replace(decided_at=now, answer=answer)


LINE: dict[str, Standing] = {
    "before": Standing(BEFORE, ahead=1_180, about=True),
    "waiting": Standing(SELLING, ahead=1_180, about=True),
    "slow": Standing(SELLING, ahead=1_180, about=True, pace=12.0),
    "still": Standing(SELLING, ahead=640, about=True, pace=0.0),
    "almost": Standing(SELLING, ahead=18),
    "next": Standing(SELLING, ahead=0),
    "away": Standing(SELLING, ahead=1_180, about=True, away=True),
    "paused": Standing(STOPPED, ahead=1_180, about=True),
    "paused-at-the-turn": Standing(STOPPED, ADMITTED, turn=True),
    "turn": Standing(SELLING, ADMITTED, turn=True),
    "turn-none-free": Standing(NONE_FREE, ADMITTED, turn=True),
    "turn-over": Standing(SELLING, ADMITTED),
    "none-free": Standing(NONE_FREE, ahead=240),
    "sold-out": Standing(SOLD_OUT, ahead=240),
    "closed": Standing(OVER, ahead=240),
    "left": Standing(SELLING, LEFT),
    "missed": Standing(SELLING, EXPIRED),
    "suspended": Standing(SELLING, SUSPENDED, removal=_suspended),
    "appealed": Standing(SELLING, SUSPENDED, removal=_appealed),
    "removed": Standing(SELLING, REMOVED, removal=_removed),
    "claimed": Standing(SELLING, USED, claim=CLAIM, claim_live=True),
    "claim-ended": Standing(SELLING, USED, claim=CLAIM),
}


def place_in(event: EventFacts) -> PlaceToken:
    return PlaceToken(event.id, event.epoch, PLACE_ID, NUMBER)


def in_line(event: EventFacts, name: str) -> tuple[EventFacts, LineStatus]:
    """The event, and what the waiting page would say of a place of LINE."""
    standing = LINE[name]
    made = event_in(event, standing.phase)
    now = catalogue.moment(made)
    snapshot = Snapshot(made.epoch, 4_000, 20, made.free, 5_200, 900, 20, (0, 4_000), (21, 5_200))
    seen = Picture(snapshot, frozenset(), standing.away, now, standing.pace)
    pass_until = sale_time_ms(made, now) + made.pass_seconds * 900 if standing.turn else None
    status = telling.imagined(
        made,
        seen,
        place_in(made),
        standing.state,
        ahead=standing.ahead,
        about=standing.about,
        pass_until=pass_until,
        claim_reference=standing.claim,
        claim_live=standing.claim_live,
        removal=standing.removal(now) if standing.removal else None,
    )
    return made, status


def deadline_in(event: EventFacts, part: float = 0.8) -> datetime:
    """When the pass of somebody would end who is at the claim form."""
    return catalogue.moment(event) + timedelta(seconds=event.pass_seconds * part)


def offer_in(event: EventFacts, language: str) -> Offer:
    """A link that opens nothing."""
    address = carrying.link(event.slug, PLACE_ID, language)
    return Offer(address, drawing(address), catalogue.moment(event) + timedelta(minutes=9))


Change = Callable[[ClaimView, datetime], ClaimView]


def _paid(state: str, gateway: str | None = None, reason: str | None = None) -> Change:
    """A change that gives the claim a payment in this state; with a reason, money goes back."""

    def change(claim: ClaimView, now: datetime) -> ClaimView:
        success = state == "SUCCEEDED"
        payment = PaymentView(
            reference=f"{CLAIM}-1",
            state=state,
            gateway_status=gateway,
            authorization_url="#" if state == "PENDING" else None,
            amount=claim.amount,
            currency=claim.currency,
            received_amount=claim.amount if success else None,
            paid_at=now - timedelta(minutes=1) if success else None,
            created_at=now - timedelta(minutes=2),
            checked_at=now,
            counts=success and reason is None,
            refund_state="pending" if reason else None,
            refund_amount=claim.amount if reason else None,
            refund_currency=claim.currency if reason else None,
            refund_why=refunds.why(reason, in_time=True) if reason else None,
            gateway_log=None,
        )
        return replace(claim, payments=[payment])

    return change


def _ended(state: str, *others: Change) -> Change:
    def change(claim: ClaimView, now: datetime) -> ClaimView:
        confirmed = state == claim_rules.CONFIRMED
        ended = replace(
            claim,
            state=state,
            ended_at=None if confirmed else now - timedelta(seconds=30),
            confirmed_at=now if confirmed else None,
            held_until=now + timedelta(minutes=5) if confirmed else now - timedelta(minutes=1),
        )
        for other in others:
            ended = other(ended, now)
        return ended

    return change


def _last_minute(claim: ClaimView, now: datetime) -> ClaimView:
    return replace(claim, held_until=now + timedelta(seconds=50))


# By name: (how the claim stands, whether the fan has just come back from the gateway).
CLAIMS: dict[str, tuple[Change, bool]] = {
    "held": (lambda claim, now: claim, False),
    "held-last-minute": (_last_minute, False),
    "being-opened": (_paid("INITIALIZING"), False),
    "to-be-paid": (_paid("PENDING"), False),
    "back-from-gateway": (_paid("PENDING", "ongoing"), True),
    "back-not-finished": (_paid("PENDING", "abandoned"), True),
    "declined": (_paid("FAILED", "failed"), False),
    "not-finished": (_paid("ABANDONED", "abandoned"), False),
    "paid": (_ended(claim_rules.CONFIRMED, _paid("SUCCEEDED", "success")), False),
    "ran-out": (_ended(claim_rules.EXPIRED), False),
    "ran-out-payment-unknown": (_ended(claim_rules.EXPIRED, _paid("PENDING", "ongoing")), False),
    "paid-too-late": (
        _ended(claim_rules.EXPIRED, _paid("SUCCEEDED", "success", Reason.NONE_LEFT)),
        False,
    ),
    "given-back": (_ended(claim_rules.RELEASED), False),
    "refunded": (_ended(claim_rules.REFUNDED, _paid("SUCCEEDED", "success", "support")), False),
}


def claim_in(event: EventFacts, name: str) -> tuple[ClaimView, bool]:
    """A claim of CLAIMS, and whether its fan has just come back from the gateway."""
    made = event_in(event, SELLING)
    now = catalogue.moment(made)
    change, returned = CLAIMS[name]
    quantity = min(2, made.max_per_fan)
    held = ClaimView(
        id=0,
        reference=CLAIM,
        event=made,
        fan_id=0,
        place_id=PLACE_ID,
        state=claim_rules.HELD,
        quantity=quantity,
        tickets=[TicketView(number + 1, f"MADE-UP{number + 1}") for number in range(quantity)],
        name=_NAME,
        email=EMAIL,
        language="en",
        phone="",
        unit_price=made.price,
        amount=quantity * made.price,
        currency=made.currency,
        created_at=now - timedelta(minutes=2),
        held_until=now + timedelta(seconds=made.hold_seconds) - timedelta(minutes=2),
        extended=False,
        confirmed_at=None,
        ended_at=None,
        payments=[],
        timeline=[],
    )
    return change(held, now), returned


def tickets_in(claim: ClaimView) -> list[Ticket]:
    """Tickets that open no door: their codes are of no event, and no key of ours signs them."""
    return [tickets.ticket(one.number, one.code, "") for one in claim.tickets if one.code]


def base(event: EventFacts) -> EventFacts:
    """The event that previews are made from: as this process shows it to fans, if it does."""
    return event if event.state == DRAFT else catalogue.facts(event.slug)
