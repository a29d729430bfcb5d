"""Support's pages: one search box, a claim with its whole story, and the check of a ticket."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import wraps

from flask import Blueprint, redirect, render_template, url_for
from htmx_flask import request
from werkzeug.wrappers import Response

from app import clock
from app.domain.errors import Conflict, Invalid, Refusal
from app.domain.said import say
from app.services import door, gateway_watch, support, support_words
from app.views.errors import answer_of
from app.views.language import language
from app.views.staff import go_on, me

blueprint = Blueprint("support", __name__, url_prefix="/support")

Page = Response | str | tuple[str, int]

_STATUS = {door.VALID: 200, door.VOID: 409, door.BARE: 422, door.NOT_OURS: 422}


@blueprint.get("/", strict_slashes=False)
def search() -> Page:
    text = request.args.get("q", "").strip()
    results = support.find(me(), text) if text else None
    if results and results.one_claim and not request.htmx:
        return redirect(url_for(".claim", reference=results.one_claim), code=303)
    if request.htmx:
        return render_template("support/_results.html", text=text, results=results)
    return render_template(
        "support/search.html",
        text=text,
        results=results,
        flagged=support.flagged(me()) if results is None else [],
        away_since=gateway_watch.away_since(),
    )


@blueprint.get("/ticket")
def ticket() -> str:
    return _ticket()


@blueprint.post("/ticket")
def check_ticket() -> Page:
    """Says what a QR code is worth; nobody's entry is recorded (app/services/door.py).

    What was scanned is in no address, and not in the box again: the next scan would be typed
    behind it.
    """
    try:
        verdict = door.check(me(), _sent("ticket"))
    except Invalid as refusal:
        return _ticket(fields=refusal.fields), answer_of(refusal)[0]
    return _ticket(verdict), _STATUS[verdict.what]


def _ticket(verdict: door.Verdict | None = None, fields: Mapping[str, str] | None = None) -> str:
    return render_template("support/ticket.html", verdict=verdict, fields=fields or {})


@blueprint.get("/claims/<reference>")
def claim(reference: str) -> str:
    return _claim(reference)


def button(done: str) -> Callable[[Callable[[str], None]], Callable[[str], Page]]:
    """A button of the claim's page: says `done` and shows the page, or the page with why not."""

    def decorate(view: Callable[[str], None]) -> Callable[[str], Page]:
        @wraps(view)
        def answer(reference: str) -> Page:
            try:
                view(reference)
            except (Conflict, Invalid) as refusal:
                return _claim(reference, refusal), answer_of(refusal)[0]
            return go_on(done, ".claim", reference=reference)

        return answer

    return decorate


@blueprint.post("/claims/<reference>/give-back")
@button(say("The hold is given back; its tickets are on sale again."))
def give_back(reference: str) -> None:
    support.give_back(me(), reference, _sent("seen"), _sent("reason"))


@blueprint.post("/claims/<reference>/send-tickets")
@button(say("The tickets are on their way by e-mail."))
def send_tickets(reference: str) -> None:
    support.send_tickets_again(me(), reference, _sent("seen"), _sent("form_key"), _sent("why"))


@blueprint.post("/claims/<reference>/ask")
@button(say("We are asking the gateway; its answer appears here in a moment."))
def ask(reference: str) -> None:
    support.ask_gateway(me(), reference, _sent("seen"))


@blueprint.post("/claims/<reference>/refund")
@button(say("The money goes back to the fan; the tickets are void and on sale again."))
def refund(reference: str) -> None:
    support.refund(me(), reference, _sent("seen"), _sent("reason"))


@blueprint.post("/claims/<reference>/settle")
@button(say("The refund is settled; the fan is told by e-mail."))
def settle(reference: str) -> None:
    support.settle(me(), reference, _sent("seen"), _sent("payment"), _sent("note"))


def _claim(reference: str, refusal: Refusal | None = None) -> str:
    """The claim's page; after a refusal with the reason and what was typed."""
    case, now = support.look(me(), reference), clock.now()
    return render_template(
        "support/claim.html",
        case=case,
        tell={
            name: support_words.tell(case.claim, case.accounts, case.mailed, now, name)
            for name in dict.fromkeys((language(), case.claim.language))
        },
        refusal=refusal,
        fields=getattr(refusal, "fields", {}),
        typed=request.form if refusal else {},
        longest=support.LONGEST_REASON,
        away_since=gateway_watch.away_since(),
        form_key=secrets.token_urlsafe(12),
        now=now,
    )


def _sent(name: str) -> str:
    return request.form.get(name, "")
