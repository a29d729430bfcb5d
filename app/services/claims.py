"""Claims: take tickets, look at them, give them back, let them run out.

A claim goes Lua, then Postgres, then Lua (DESIGN 4). Redis hands out numbers that nobody else
is being offered; Postgres alone decides. Whatever dies in between, a number that Redis leased
comes back through reconciliation, and a claim that Postgres committed stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Any, NoReturn

from app import clock
from app.combining import Asked, Combiner
from app.domain import claims as rules
from app.domain import errors, events, payments
from app.domain.claims import ClaimForm
from app.domain.events import EventFacts
from app.domain.references import claim_reference
from app.domain.tokens import PassToken
from app.extensions import settings
from app.line import inventory
from app.line.client import line_client
from app.services import catalogue
from app.services.payment_views import PaymentView, moment_of, view_of
from app.services.slots import Slots
from app.store import claims as store
from app.store import tickets, timeline
from app.store.db import refuse_if_feared, transaction
from app.store.models import Claim

# After this many sets of numbers that Postgres did not know as free, Redis is too wrong to be
# worth asking, and Postgres picks the tickets itself.
_SETS_OF_NUMBERS = 3
_EXPIRE_AT_ONCE = 200
# Claims wait for two servers; when one of them is slow, polls must still find a thread.
_slots = Slots()


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a claim's timeline."""

    at: datetime
    actor: str
    verb: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TicketView:
    number: int
    code: str | None


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim as pages show it."""

    id: int
    reference: str
    event: EventFacts
    fan_id: int
    place_id: str
    state: str
    quantity: int
    tickets: list[TicketView]
    name: str
    email: str
    language: str
    phone: str
    unit_price: int
    amount: int
    currency: str
    created_at: datetime
    held_until: datetime
    extended: bool
    confirmed_at: datetime | None
    ended_at: datetime | None
    payments: list[PaymentView]
    timeline: list[Happening]

    @property
    def payment(self) -> PaymentView | None:
        """The latest payment."""
        return self.payments[-1] if self.payments else None


def claim(
    facts: EventFacts, pass_token: PassToken, fan_id: int, form: ClaimForm, form_key: str
) -> str:
    """Claim tickets and return the claim's reference.

    The same form key always returns the same claim. Raises AlreadyClaimed, NoPass, NotProven,
    AddressDiffers, ProofDue, NotOnSale, FewerLeft, NoneFreeNow, NoneLeft, SoldOut, or NotNow when
    the outcome is not known, Postgres is away, or too many others are claiming.
    """
    request = _Request(facts, pass_token, fan_id, form, form_key)
    with _slots.one_of(settings.claims_at_once):
        for attempt in range(_SETS_OF_NUMBERS):
            try:
                taken, outcome = _try(request, attempt)
            except errors.LineUnavailable:
                break
            except errors.OutcomeUnknown:
                return _find_out(request)
            if isinstance(taken, inventory.ClaimInProgress):
                return _claim_in_progress(request)
            if isinstance(taken, inventory.Fewer):
                # A form sent again after a lost answer finds its claim, even when all is sold.
                return _standing(request) or _refuse_too_few(facts.id, taken.left)
            reference = _put_in_postgres(request, attempt, taken.numbers, outcome)
            if reference is not None:
                return reference
        return _without_redis(request)


@dataclass(frozen=True, slots=True)
class _Request:
    facts: EventFacts
    pass_token: PassToken
    fan_id: int
    form: ClaimForm
    form_key: str

    def wanted(self, attempt: int) -> inventory.Wanted:
        # The quantity belongs to the question: the same form sent with another quantity must not
        # be given the numbers of the first.
        request_id = f"{self.form_key}.{self.form.quantity}.{attempt}"
        facts = self.facts
        return inventory.Wanted(facts.id, facts.epoch, self.fan_id, request_id, self.form.quantity)

    def parameters(self, numbers: list[int] | None) -> Mapping[str, Any]:
        return {
            "event_id": self.facts.id,
            "place_id": self.pass_token.place_id,
            "turn": self.pass_token.turn,
            "pass_until": self.pass_token.pass_until,
            "fan_id": self.fan_id,
            "email": self.form.email,
            "form_key": self.form_key,
            "reference": claim_reference(),
            "name": self.form.name,
            "phone": self.form.phone,
            "quantity": self.form.quantity,
            "numbers": numbers,
        }


_Taken = inventory.Taken | inventory.Fewer | inventory.ClaimInProgress


def _try(request: _Request, attempt: int) -> tuple[_Taken, store.Outcome | None]:
    """What Redis and Postgres say to it, asked together with all who claim at this moment; None
    where Postgres was not asked, or might as well not have been.

    Raises LineUnavailable when no numbers are to be had, OutcomeUnknown, StoreUnavailable, Busy.
    """
    if _combiner.is_asking:
        # Who looks whether a silent server is back looks for everybody, and may look for long.
        line_client.refuse_if_feared()
        refuse_if_feared()
    answer: tuple[_Taken, store.Outcome | None] = _combiner.ask((request, attempt))
    return answer


def _try_together(asked: list[Asked[tuple[_Request, int]]]) -> None:
    """One trip to Redis for the numbers of all, and one commit for those who got some."""
    # Everybody locks places in this order, so that two transactions wait for each other instead
    # of deadlocking.
    asked.sort(key=lambda each: each.question[0].pass_token.place_id)
    wanted = [request.wanted(attempt) for request, attempt in (each.question for each in asked)]
    offered = []
    for each, taken in zip(asked, inventory.take(wanted, int(settings.lease * 1000)), strict=True):
        each.answer = taken, None
        if isinstance(taken, inventory.Taken):
            offered.append((each, taken))
    parameters = [each.question[0].parameters(taken.numbers) for each, taken in offered]
    outcomes = store.claim_together(parameters) if offered else None
    if outcomes is not None:
        for (each, taken), outcome in zip(offered, outcomes, strict=True):
            each.answer = taken, outcome


def _settle_together(asked: list[Asked[tuple[_Request, int]]]) -> None:
    """One word to Redis of what was claimed. It says nothing that who claims next waits for."""
    answered = ((*each.question, each.answer[1]) for each in asked)
    _settle([(request, attempt, said) for request, attempt, said in answered if said is not None])


_combiner = Combiner(_try_together, afterwards=_settle_together)


def _settle(answered: list[tuple[_Request, int, store.Outcome]]) -> None:
    settled = [
        inventory.Settled(request.wanted(attempt), outcome.numbers, request.pass_token.place_id)
        for request, attempt, outcome in answered
        if outcome.outcome == "claimed"
    ]
    if settled:
        # Losing this call leaves leases that run out and passes that Postgres calls used.
        with suppress(errors.LineUnavailable):
            inventory.settle(settled)


def _put_in_postgres(
    request: _Request, attempt: int, numbers: list[int], answer: store.Outcome | None
) -> str | None:
    """The claim's reference, or None when these numbers were not all free after all. `answer` is
    what Postgres has said already.

    StoreUnavailable and OutcomeUnknown give nothing back: the claim may stand, so the leases
    run out instead and reconciliation asks Postgres.
    """
    try:
        if answer is None:
            answer = store.claim_tickets(request.parameters(numbers))
            _settle([(request, attempt, answer)])
    except errors.Conflict:
        _give_back(request, attempt, numbers)
        return None
    except errors.AlreadyClaimed:
        _give_back(request, attempt, numbers)
        return _find_out(request)
    except errors.OutcomeUnknown:
        return _find_out(request)
    if answer.outcome == "claimed":
        return answer.reference
    _give_back(request, attempt, numbers)
    if answer.outcome == "fewer":
        return None
    return _concluded(request.facts, answer)


def _without_redis(request: _Request) -> str:
    """Postgres picks the tickets itself: slower, and just as right."""
    try:
        answer = store.claim_tickets(request.parameters(None))
    except (errors.AlreadyClaimed, errors.OutcomeUnknown):
        return _find_out(request)
    if answer.outcome == "fewer":
        _refuse_too_few(request.facts.id, len(answer.numbers))
    if answer.outcome == "claimed":
        # Redis may be half alive; the next reconciliation drops what this call does not.
        with suppress(errors.LineUnavailable):
            inventory.drop_free(request.facts.id, request.facts.epoch, answer.numbers)
    return _concluded(request.facts, answer)


def _concluded(facts: EventFacts, answer: store.Outcome) -> str:
    """The reference of a claim that stands, or the refusal that Postgres decided on."""
    match answer.outcome:
        case "claimed" | "repeated":
            assert answer.reference is not None
            return answer.reference
        case "already":
            raise errors.AlreadyClaimed(answer.reference or "")
        case "not_on_sale":
            # Postgres knows better than the copy of a second ago that let the fan come here.
            catalogue.forget(facts.slug)
            fresh = catalogue.facts_by_id(facts.id)
            raise errors.NotOnSale(events.phase(fresh, clock.now()))
        case "no_pass":
            raise errors.NoPass
        case "suspended":
            raise errors.PlaceSuspended
        case "unproven":
            raise errors.NotProven
        case "other_address":
            raise rules.address_differs(answer.address or "")
        case "no_proof":
            raise errors.ProofDue
        case other:
            raise AssertionError(f"claim_tickets() answered {other!r}")


def _give_back(request: _Request, attempt: int, numbers: list[int]) -> None:
    """Give back exactly the numbers that are still free and forget the others."""
    facts, request_id = request.facts, request.wanted(attempt).request_id
    with suppress(errors.LineUnavailable, errors.NotNow):
        free = store.still_free(facts.id, numbers)
        taken = [number for number in numbers if number not in free]
        inventory.give_back(facts.id, facts.epoch, request.fan_id, request_id, free, taken)


def _standing(request: _Request) -> str | None:
    """The claim that this form made, or None. Raises AlreadyClaimed if another form made one."""
    found = store.standing(request.facts.id, request.fan_id, request.form_key)
    if found is None:
        return None
    reference, made_here = found
    if not made_here:
        raise errors.AlreadyClaimed(reference)
    return reference


def _refuse_too_few(event_id: int, offered: int) -> NoReturn:
    """Say why: only Postgres can say that none is left."""
    with transaction() as session:
        stock = tickets.stock(session, event_id)
    if stock.free == 0:
        raise errors.NoneLeft if stock.held else errors.SoldOut
    if offered:
        raise errors.FewerLeft(offered)
    raise errors.NoneFreeNow


def _claim_in_progress(request: _Request) -> str:
    """Another request of this fan holds the lock: wait for what it writes."""
    for _ in range(8):
        reference = _standing(request)
        if reference is not None:
            return reference
        sleep(0.1)
    raise errors.Busy


def _find_out(request: _Request) -> str:
    """The reply was lost: ask Postgres by the form key whether the claim stands."""
    reference = _standing(request)
    if reference is None:
        # It may still be under way in the server, so "no" would be a guess.
        raise errors.OutcomeUnknown
    return reference


def look(reference: str) -> ClaimView:
    """The claim with everything a page shows of it. Raises ClaimUnknown."""
    page = store.page(reference)
    if page is None:
        raise errors.ClaimUnknown
    return view_of_page(page)


def view_of_page(page: Mapping[str, Any]) -> ClaimView:
    """The claim of which sql/functions/claim_page.sql says this."""
    held_until = datetime.fromisoformat(page["held_until"])
    return ClaimView(
        id=page["id"],
        reference=page["reference"],
        event=catalogue.facts_by_id(page["event_id"]),
        fan_id=page["fan_id"],
        place_id=page["place_id"],
        state=page["state"],
        quantity=page["quantity"],
        tickets=[TicketView(number, code) for number, code in page["tickets"]],
        name=page["name"],
        email=page["email"],
        language=page["language"],
        phone=page["phone"],
        unit_price=page["unit_price"],
        amount=page["amount"],
        currency=page["currency"],
        created_at=datetime.fromisoformat(page["created_at"]),
        held_until=held_until,
        extended=page["extended_at"] is not None,
        confirmed_at=moment_of(page["confirmed_at"]),
        ended_at=moment_of(page["ended_at"]),
        payments=[view_of(payment, held_until) for payment in page["payments"]],
        timeline=[
            Happening(datetime.fromisoformat(row["at"]), row["actor"], row["verb"], row["detail"])
            for row in page["timeline"]
        ],
    )


def release(reference: str, actor: str, reason: str = "") -> None:
    """Give a held claim back; its tickets are free again.

    Raises ClaimUnknown, or StateGone if the claim is no longer held.
    """
    with transaction() as session:
        row = store.lock(session, reference)
        if row is None:
            raise errors.ClaimUnknown
        if row.state != rules.HELD:
            raise errors.StateGone
        freed = _end(session, [row], rules.RELEASED, actor, reason)
    back_on_sale(freed)


def expire_once() -> int:
    """End every hold that ran out and that no payment keeps; how many ended.

    It reads only what the payments beat has recorded and never asks the gateway.
    """
    ended = 0
    after: tuple[datetime, int] | None = None
    while True:
        with transaction() as session:
            overdue = store.lock_overdue(session, after, _EXPIRE_AT_ONCE)
            now = store.database_now(session)
            over = [row for row in overdue if not _is_kept(row, now)]
            if overdue:
                after = (overdue[-1].held_until, overdue[-1].id)
            freed = _end(session, over, rules.EXPIRED, "system", "") if over else {}
        back_on_sale(freed)
        ended += len(over)
        if len(overdue) < _EXPIRE_AT_ONCE:
            return ended


def _is_kept(row: Claim, now: datetime) -> bool:
    return payments.keeps_hold(
        row.payments,
        held_until=row.held_until,
        now=now,
        grace_s=settings.payment_grace,
        hard_limit_s=settings.hard_limit,
    )


def _end(
    session: store.Db, rows: list[Claim], state: str, actor: str, reason: str
) -> dict[int, list[int]]:
    now = store.database_now(session)
    for row in rows:
        before, row.state = row.state, state
        row.ended_at = now
        detail = {"state": [before, state], **({"reason": reason} if reason else {})}
        timeline.note(session, row.event_id, state.lower(), actor, claim_id=row.id, detail=detail)
    session.flush()
    return tickets.free(session, [row.id for row in rows])


def back_on_sale(freed: dict[int, list[int]]) -> None:
    """Tell Redis of tickets that are free again: {event id: numbers}. Called after the commit."""
    # Dying before this line leaves free tickets that Redis does not offer; reconciliation
    # finds them within 30 s.
    for event_id, numbers in freed.items():
        with suppress(errors.LineUnavailable, errors.Unknown):
            inventory.add_free(event_id, catalogue.facts_by_id(event_id).epoch, numbers)
