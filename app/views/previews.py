"""Every page a fan may meet, in every state, rendered from made-up facts: for staff, no effects.

A preview is the fans' own template. It lives in a sandbox of the browser: no script runs, no form
is sent, nothing refreshes by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint, make_response, render_template
from werkzeug.wrappers import Response

from app.domain import errors, events, histories
from app.domain.events import EventFacts
from app.domain.references import place_reference
from app.domain.said import say
from app.services import carrying, catalogue, previews, proofs, readiness, removals, verification
from app.services import events as event_service
from app.services.previews import BEFORE, NONE_FREE, OVER, SELLING, SOLD_OUT, STOPPED
from app.views import headers, waiting
from app.views.claims import shown
from app.views.errors import answer_of
from app.views.errors import page as error_page
from app.views.language import language
from app.views.staff import go_on, me

blueprint = Blueprint("previews", __name__, url_prefix="/organiser/events/<slug>/preview")

SANDBOX = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'self'; img-src 'self' data:;"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


class Preview(NamedTuple):
    """One page in one state: in words, and how it is drawn for an event."""

    words: str
    draw: Callable[[EventFacts], str]


@blueprint.get("")
def index(slug: str) -> Response:
    event = event_service.look(me(), slug)
    html = render_template(
        "organiser/previews.html",
        event=event,
        groups=GROUPS,
        looked_at=readiness.previewed_at(event.id),
    )
    answer = make_response(html)
    policy = headers.page_policy(headers.checkout_origin())
    answer.headers["Content-Security-Policy"] = f"{policy}; frame-src 'self'"
    return answer


@blueprint.post("")
def looked(slug: str) -> Response:
    readiness.note_preview(me(), slug)
    return go_on(say("Noted: you have looked at the pages."), "organiser.readiness", slug=slug)


@blueprint.get("/<name>")
def preview(slug: str, name: str) -> Response:
    event = previews.base(event_service.look(me(), slug))
    if name not in PREVIEWS:
        raise errors.Unknown
    answer = make_response(PREVIEWS[name].draw(event))
    answer.headers["Content-Security-Policy"] = SANDBOX
    return answer


def _event_page(phase: str) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        made = previews.event_in(event, phase)
        return render_template(
            "public/event.html",
            event=made,
            phase=events.phase(made, catalogue.moment(made)),
            availability=events.availability(made),
        )

    return draw


def _index(event: EventFacts) -> str:
    made = [previews.event_in(event, phase) for phase in (SELLING, BEFORE, OVER)]
    shown_events = [(one, events.phase(one, catalogue.moment(one))) for one in made]
    return render_template("public/index.html", events=shown_events)


def _line(name: str) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        made, status = previews.in_line(event, name)
        return waiting.lone_page(made, status, name in ("before", "turn"), False, language())

    return draw


def _appeal(event: EventFacts) -> str:
    made, status = previews.in_line(event, "suspended")
    return render_template(
        "line/appeal.html",
        event=made,
        number=status.number,
        removal=status.removal,
        fields={},
        typed={},
        longest=removals.LONGEST_APPEAL,
    )


def _history(event: EventFacts) -> str:
    made = previews.event_in(event, SELLING)
    now = catalogue.moment(made)
    place = previews.place_in(made)

    def ago(minutes: int) -> timedelta:
        return timedelta(minutes=minutes)

    steps = [
        histories.Step(now - ago(70), "joined", {"number": place.number}),
        histories.Step(now - ago(66), "proven"),
        histories.Step(now - ago(60), "started"),
        histories.Step(now - ago(30), "moved", {"top": 600}),
        histories.Step(now - ago(25), "paused", {"reason": made.pause_reason}),
        histories.Step(now - ago(21), "resumed"),
        histories.Step(now - ago(20), "slow", {"until": now - ago(9)}),
        histories.Step(now - ago(1), "turn"),
    ]
    return render_template(
        "line/history.html",
        event=made,
        place=place,
        reference=place_reference(made.id, place.number),
        steps=steps,
        now=now,
    )


def _carry(offered: bool) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        made = previews.event_in(event, SELLING)
        return render_template(
            "line/carry.html",
            event=made,
            place=previews.place_in(made),
            offer=previews.offer_in(made, language()) if offered else None,
            minutes=carrying.MINUTES,
        )

    return draw


def _carried(event: EventFacts) -> str:
    made = previews.event_in(event, SELLING)
    until = previews.offer_in(made, language()).until
    carried = carrying.Carried(previews.place_in(made), None, until, alive=True, used=False)
    return render_template("line/carried.html", event=made, carried=carried, held=None)


def _more(used: bool) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        made = previews.event_in(event, SELLING)
        return render_template(
            "line/more.html",
            event=made,
            deadline=previews.deadline_in(made, 0.2),
            now=catalogue.moment(made),
            more=events.more_time(made.pass_seconds),
            used=used,
        )

    return draw


def _proof(due: bool, wrong: bool = False) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        # No number is below 0, so that the browser gives up at once and sends nothing.
        nothing = proofs.Challenge("0", "0" * 64, 0, "")
        said = {"number": errors.own_words(errors.ProofWrong)}
        return render_template(
            "line/proof.html",
            event=previews.event_in(event, SELLING),
            standing=proofs.Standing(None if due else "work", due, "ada@example.com"),
            challenge=nothing if due else None,
            then=None,
            wrong=said if wrong else {},
        )

    return draw


def _verify(standing: verification.Standing, **wrong: str) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        return render_template(
            "verify/verify.html",
            event=previews.event_in(event, SELLING),
            standing=standing,
            again=False,
            then=None,
            values={},
            wrong=wrong,
        )

    return draw


def _already(event: EventFacts) -> str:
    made = previews.event_in(event, SELLING)
    return render_template(
        "verify/already.html", event=made, email=previews.EMAIL, reference=previews.CLAIM
    )


def _claim_form(
    refusal: errors.Refusal | None = None, offered: int | None = None, **wrong: str
) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        made = previews.event_in(event, SELLING)
        return render_template(
            "claims/form.html",
            event=made,
            values={"email": previews.EMAIL},
            form_key="",
            deadline=previews.deadline_in(made),
            now=catalogue.moment(made),
            more=events.more_time(made.pass_seconds),
            wrong=wrong,
            refusal=refusal,
            offered=offered,
        )

    return draw


def _claim(name: str) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        claim, returned = previews.claim_in(event, name)
        return render_template("claims/claim.html", **shown(claim, returned=returned))

    return draw


def _tickets(event: EventFacts) -> str:
    claim, _ = previews.claim_in(event, "paid")
    return render_template(
        "claims/tickets.html", claim=claim, event=claim.event, tickets=previews.tickets_in(claim)
    )


def _refusal(refusal: errors.Refusal) -> Callable[[EventFacts], str]:
    def draw(event: EventFacts) -> str:
        status, heading = answer_of(refusal)
        return error_page(status, heading, refusal.message, refusal).get_data(as_text=True)

    return draw


_UNPROVEN = verification.Standing(None, None, None, code_alive=False, tries_left=5)
_CODE = verification.Standing(None, previews.EMAIL, None, code_alive=True, tries_left=5)
_PROVEN = verification.Standing(previews.EMAIL, None, None, code_alive=False, tries_left=5)

GROUPS: dict[str, dict[str, Preview]] = {
    say("The event"): {
        "list": Preview(say("What is on sale"), _index),
        "event-before": Preview(say("Before the sale"), _event_page(BEFORE)),
        "event-selling": Preview(say("On sale"), _event_page(SELLING)),
        "event-paused": Preview(say("Paused"), _event_page(STOPPED)),
        "event-none-free": Preview(say("Every ticket held"), _event_page(NONE_FREE)),
        "event-sold-out": Preview(say("Sold out"), _event_page(SOLD_OUT)),
        "event-over": Preview(say("The sale is over"), _event_page(OVER)),
    },
    say("In the line"): {
        "line-before": Preview(say("Before the sale"), _line("before")),
        "line-waiting": Preview(say("Waiting"), _line("waiting")),
        "line-slow": Preview(say("Waiting, slower than planned"), _line("slow")),
        "line-still": Preview(say("Waiting, nobody is let in"), _line("still")),
        "line-almost": Preview(say("Almost there"), _line("almost")),
        "line-next": Preview(say("The next one"), _line("next")),
        "line-away": Preview(say("The line cannot be reached"), _line("away")),
        "line-paused": Preview(say("Paused"), _line("paused")),
        "line-paused-at-the-turn": Preview(say("Paused at the turn"), _line("paused-at-the-turn")),
        "line-turn": Preview(say("Your turn"), _line("turn")),
        "line-turn-none-free": Preview(say("Your turn, none free"), _line("turn-none-free")),
        "line-turn-over": Preview(say("The turn is over"), _line("turn-over")),
        "line-none-free": Preview(say("None left for now"), _line("none-free")),
        "line-sold-out": Preview(say("Sold out"), _line("sold-out")),
        "line-closed": Preview(say("Closed"), _line("closed")),
        "line-left": Preview(say("Left"), _line("left")),
        "line-missed": Preview(say("Turn missed"), _line("missed")),
        "line-suspended": Preview(say("Place to be removed"), _line("suspended")),
        "appeal": Preview(say("The appeal"), _appeal),
        "line-appealed": Preview(say("Appealed"), _line("appealed")),
        "line-removed": Preview(say("Place removed"), _line("removed")),
        "line-claimed": Preview(say("Claimed"), _line("claimed")),
        "line-claim-ended": Preview(say("The claim has ended"), _line("claim-ended")),
    },
    say("The place"): {
        "history": Preview(say("History of the place"), _history),
        "carry": Preview(say("Carry my place"), _carry(offered=False)),
        "carry-link": Preview(say("The link to carry it"), _carry(offered=True)),
        "carried": Preview(say("On the other device"), _carried),
        "more-time": Preview(say("More time to choose"), _more(used=False)),
        "more-time-used": Preview(say("More time was used"), _more(used=True)),
        "proof": Preview(say("A sum for the browser"), _proof(due=True)),
        "proof-wrong": Preview(say("A wrong answer to the sum"), _proof(due=True, wrong=True)),
        "proof-done": Preview(say("The sum is done"), _proof(due=False)),
        "address": Preview(say("Prove the address"), _verify(_UNPROVEN)),
        "address-code": Preview(say("Type the code"), _verify(_CODE)),
        "address-wrong-code": Preview(
            say("A wrong code"), _verify(_CODE, code=errors.own_words(errors.CodeWrong))
        ),
        "address-proven": Preview(say("The address is proven"), _verify(_PROVEN)),
        "address-has-claim": Preview(say("The address has a claim"), _already),
    },
    say("Buying"): {
        "claim-form": Preview(say("Choose tickets"), _claim_form()),
        "claim-form-wrong": Preview(
            say("A field is wrong"), _claim_form(name=say("Please give your name."))
        ),
        "claim-form-fewer": Preview(
            say("Fewer are left"), _claim_form(errors.FewerLeft(1), offered=1)
        ),
        "claim-held": Preview(say("Held"), _claim("held")),
        "claim-last-minute": Preview(say("Held, the last minute"), _claim("held-last-minute")),
        "claim-being-opened": Preview(say("On the way to the gateway"), _claim("being-opened")),
        "claim-to-be-paid": Preview(say("To be paid"), _claim("to-be-paid")),
        "claim-back": Preview(say("Back from the gateway"), _claim("back-from-gateway")),
        "claim-back-not-finished": Preview(
            say("Back without having paid"), _claim("back-not-finished")
        ),
        "claim-declined": Preview(say("Declined"), _claim("declined")),
        "claim-not-finished": Preview(say("Not finished"), _claim("not-finished")),
        "claim-paid": Preview(say("Paid"), _claim("paid")),
        "tickets": Preview(say("The tickets"), _tickets),
        "claim-ran-out": Preview(say("The hold ran out"), _claim("ran-out")),
        "claim-ran-out-payment-unknown": Preview(
            say("Ran out, payment unknown"), _claim("ran-out-payment-unknown")
        ),
        "claim-paid-too-late": Preview(say("Paid too late"), _claim("paid-too-late")),
        "claim-given-back": Preview(say("Given back"), _claim("given-back")),
        "claim-refunded": Preview(say("Refunded"), _claim("refunded")),
    },
    say("When something is in the way"): {
        "refused-no-place": Preview(say("Not in this line"), _refusal(errors.NoPlace())),
        "refused-no-pass": Preview(say("Not your turn"), _refusal(errors.NoPass())),
        "refused-not-proven": Preview(say("Address not proven"), _refusal(errors.NotProven())),
        "refused-sum-first": Preview(say("The sum not done"), _refusal(errors.ProofDue())),
        "refused-suspended": Preview(say("Place to be removed"), _refusal(errors.PlaceSuspended())),
        "refused-sold-out": Preview(say("Sold out"), _refusal(errors.SoldOut())),
        "refused-none-left": Preview(say("None left for now"), _refusal(errors.NoneLeft())),
        "refused-none-free": Preview(say("None free this second"), _refusal(errors.NoneFreeNow())),
        "refused-paused": Preview(say("Paused"), _refusal(errors.NotOnSale("paused"))),
        "refused-before": Preview(say("Not begun"), _refusal(errors.NotOnSale("before"))),
        "refused-over": Preview(say("Over"), _refusal(errors.NotOnSale("closed"))),
        "refused-claimed": Preview(
            say("Claimed already"), _refusal(errors.AlreadyClaimed(previews.CLAIM))
        ),
        "refused-not-yours": Preview(say("Somebody else’s claim"), _refusal(errors.NotYours())),
        "refused-cookies": Preview(say("No cookies"), _refusal(errors.NoCookies())),
        "refused-joins": Preview(say("Too many at once"), _refusal(errors.TooManyJoins(20))),
        "refused-codes": Preview(say("Too many codes"), _refusal(errors.TooManyCodes())),
        "refused-join": Preview(
            say("The line cannot be joined now"), _refusal(errors.JoinUnavailable())
        ),
        "refused-line": Preview(say("The line is away"), _refusal(errors.LineUnavailable())),
        "refused-unknown": Preview(say("Outcome not known yet"), _refusal(errors.OutcomeUnknown())),
        "refused-link": Preview(say("The link is over"), _refusal(errors.LinkOver())),
        "refused-page": Preview(say("Nothing here"), _refusal(errors.Unknown())),
    },
}
PREVIEWS: dict[str, Preview] = {
    name: one for group in GROUPS.values() for name, one in group.items()
}
