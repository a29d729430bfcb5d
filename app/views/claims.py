"""Claims: take tickets, pay for them, give them back, show them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from flask import Blueprint, make_response, redirect, render_template, url_for
from htmx_flask import make_response as make_htmx_response
from htmx_flask import request
from werkzeug.wrappers import Response

from app.domain import events
from app.domain.claims import HELD, ClaimForm, check_form
from app.domain.errors import (
    ClaimUnknown,
    FewerLeft,
    Invalid,
    NoneFreeNow,
    NoPass,
    NotNow,
    NotOnSale,
    NotProven,
    NotYours,
    Refusal,
)
from app.domain.events import EventFacts
from app.domain.references import as_claim_reference
from app.domain.tokens import ClaimLink, PassToken, PlaceToken
from app.extensions import settings
from app.services import catalogue, claims, line, more_time, payments, proofs, tickets, verification
from app.services.claims import ClaimView
from app.views import cookies, guard, paying
from app.views.errors import answer_of
from app.views.language import language

blueprint = Blueprint("claims", __name__)

# What a form key may look like; anything else is replaced, never stored.
FORM_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@blueprint.get("/events/<slug>/claim")
def form(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    fan = cookies.fan()
    reference, email = verification.at_the_till(facts, place, fan) if fan else (None, None)
    if reference is not None:
        return redirect(url_for("claims.claim", reference=reference), 303)
    _open_for_claims(facts)
    turn = _living_pass(facts, place)
    if email is None:
        return redirect(url_for("verify.verify", slug=slug, then="claim"), 303)
    if proofs.is_due(facts, place):
        return redirect(url_for("proof.show", slug=slug, then="claim"), 303)
    return _form(facts, turn, {"email": email})


@blueprint.post("/events/<slug>/claim")
def make(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    turn = _pass(facts, place)
    try:
        reference = _claim(facts, place, turn)
    except (Invalid, FewerLeft, NoneFreeNow, NotNow) as refusal:
        return _form(facts, turn, request.form, refusal)
    return _see_other(made(reference))


@blueprint.post("/events/<slug>/claim/more")
def more_for_form(slug: str) -> Response:
    """More time to choose, from within the form: what was typed is kept."""
    facts = catalogue.facts(slug)
    turn = more_time.for_pass(facts, _pass(facts, cookies.held_place(facts)))
    return cookies.keep_pass(_form(facts, turn, request.form, longer=True), turn)


@blueprint.before_request
def open_by_link() -> Response | None:
    """The link in a mail is good for this browser from now on; then its key leaves the address
    bar, so that it is not passed on by mistake."""
    key = request.args.get("key")
    link = ClaimLink.read(key, settings.secret_key)
    if link is None or request.method != "GET" or not request.endpoint:
        return None
    values = request.view_args or {}
    if link.reference != as_claim_reference(values.get("reference", "")):
        return None
    return cookies.keep_claim(redirect(url_for(request.endpoint, **values), 303), link)


@blueprint.get("/claims/<reference>")
def claim(reference: str) -> Response:
    return _page(_mine(reference))


@blueprint.get("/claims/<reference>/status")
def status(reference: str) -> Response:
    found = _mine(reference)
    # Only who has just pressed Pay is taken to the gateway; anybody else is shown the way.
    if "go" in request.args and request.htmx and (address := _gateway_address(found)):
        return make_htmx_response("", redirect=address)
    return make_response(render_template("claims/_claim.html", **shown(found)))


@blueprint.post("/claims/<reference>/pay")
def pay(reference: str) -> Response:
    canonical = _canonical(reference)
    guard.not_again()
    if not request.htmx:
        address = payments.pay(canonical, fan_id(canonical))
        return redirect(address, 303) if address else _see_other(shown_at(canonical))
    found = payments.pay_and_look(canonical, fan_id(canonical))
    if address := _gateway_address(found):
        return make_htmx_response("", redirect=address)
    values = shown(found, going=True)
    if paying.wanted(found, language()):
        claim, own = paying.marked(found)
        frame = render_template("claims/_claim.html", **values | {"claim": claim, "own": own})
        paying.keep(found, language(), frame)
    return make_response(render_template("claims/_claim.html", **values))


@blueprint.post("/claims/<reference>/release")
def release(reference: str) -> Response:
    found = _mine(reference)
    claims.release(found.reference, "fan")
    return redirect(url_for("claims.claim", reference=found.reference), 303)


@blueprint.post("/claims/<reference>/more")
def more(reference: str) -> Response:
    found = _mine(reference)
    more_time.for_hold(found.reference)
    return redirect(url_for("claims.claim", reference=found.reference), 303)


@blueprint.get("/claims/<reference>/return")
def back(reference: str) -> Response:
    """Back from the gateway. What its address bar says proves nothing, so we ask it ourselves."""
    canonical = _canonical(reference)
    return _page(payments.ask_and_look(canonical, fan_id(canonical)), returned=True)


@blueprint.get("/claims/<reference>/tickets")
def show_tickets(reference: str) -> Response:
    found = _mine(reference)
    html = render_template(
        "claims/tickets.html", claim=found, event=found.event, tickets=tickets.of(found)
    )
    return make_response(html)


@blueprint.get("/claims/<reference>/calendar.ics")
def calendar(reference: str) -> Response:
    found = _mine(reference)
    answer = make_response(tickets.calendar_of(found))
    answer.mimetype = "text/calendar"
    answer.headers["Content-Disposition"] = f'attachment; filename="{found.reference}.ics"'
    return answer


def made(reference: str) -> list[tuple[str, str]]:
    """The headers that give a browser its claim and lead it there."""
    return [*shown_at(reference), ("Set-Cookie", cookies.of_claim(ClaimLink(reference)))]


def shown_at(reference: str) -> list[tuple[str, str]]:
    return [("Location", f"/claims/{reference}")]


def _see_other(found: list[tuple[str, str]]) -> Response:
    answer = make_response("", 303)
    answer.headers.extend(found)
    return answer


def _mine(reference: str) -> ClaimView:
    """The claim, for the fan who made it or who came by the link in the mail.

    Raises ClaimUnknown, NotYours.
    """
    canonical = _canonical(reference)
    found = claims.look(canonical)
    if fan_id(canonical) not in (None, found.fan_id):
        raise NotYours
    return found


def _canonical(reference: str) -> str:
    """The reference as we write it. Raises ClaimUnknown."""
    canonical = as_claim_reference(reference)
    if canonical is None:
        raise ClaimUnknown
    return canonical


def fan_id(reference: str, jar: Mapping[str, str] | None = None) -> int | None:
    """The fan who asks, who must be the claim's; None for who came by the claim's link. Nobody's
    number is 0."""
    if cookies.opens_claim(reference, jar):
        return None
    fan = cookies.fan(jar)
    return fan.fan_id if fan else 0


def _phase(facts: EventFacts) -> events.Phase:
    return events.phase(facts, catalogue.moment(facts))


def _open_for_claims(facts: EventFacts) -> None:
    phase = _phase(facts)
    if phase != "on_sale":
        raise NotOnSale(phase)


def _pass(facts: EventFacts, place: PlaceToken) -> PassToken:
    """The pass that this browser carries for its place, or that the line knows of. A forged one
    is refused; the waiting page puts the true one in its place.

    Whether it still lives is for Postgres to say: a form that was counted before its pass ran
    out is answered with its claim. Raises NoPass.
    """
    carried = cookies.turn(facts.id)
    if carried is None and cookies.shows_pass(facts.id):
        raise NoPass
    if carried is None or carried.place_id != place.place_id:
        carried = line.current_pass(facts.slug, place)
    if carried is None:
        raise NoPass
    return carried


def _living_pass(facts: EventFacts, place: PlaceToken) -> PassToken:
    """As _pass, but not over. Raises NoPass."""
    turn = _pass(facts, place)
    if turn.pass_until > events.sale_time_ms(facts, catalogue.moment(facts)):
        return turn
    later = line.current_pass(facts.slug, place)
    if later is None:
        raise NoPass
    return later


def _claim(facts: EventFacts, place: PlaceToken, turn: PassToken) -> str:
    try:
        checked, fan = _checked(facts, place), cookies.fan()
        if fan is None:
            raise NotProven
        guard.not_again()
        return claims.claim(facts, turn, fan.fan_id, checked, _form_key())
    except NotOnSale:
        raise NotOnSale(_phase(catalogue.facts(facts.slug))) from None
    except NotProven:
        # Whose turn is over hears of that, not of the proof.
        _open_for_claims(facts)
        _living_pass(facts, place)
        raise


def _checked(facts: EventFacts, place: PlaceToken) -> ClaimForm:
    """The form as far as it can be judged without asking Postgres, which compares the address
    while it claims. When anything is wrong, everything that is wrong is said at once, but only
    to who has proven an address. Raises Invalid, NotProven."""
    try:
        return check_form(request.form, facts.max_per_fan)
    except Invalid:
        email = verification.proven_address(facts, place, cookies.fan())
        return check_form(request.form, facts.max_per_fan, email)


def _form_key() -> str:
    """The key that makes a form count once; a form without one counts by itself."""
    given = request.form.get("form_key", "")
    return given if FORM_KEY.fullmatch(given) else secrets.token_urlsafe(16)


def _form(
    facts: EventFacts,
    turn: PassToken,
    values: Mapping[str, str],
    refusal: Refusal | None = None,
    *,
    longer: bool = False,
) -> Response:
    """The claim form, with what was typed and what was wrong with it; `longer` says that its time
    has just been made longer."""
    now = catalogue.moment(facts)
    html = render_template(
        "claims/form.html",
        event=facts,
        values=values,
        form_key=_form_key(),
        deadline=events.real_deadline(facts, turn.pass_until, now),
        now=now,
        longer=longer,
        more=events.more_time(facts.pass_seconds),
        wrong=refusal.fields if isinstance(refusal, Invalid) else {},
        refusal=refusal,
        offered=refusal.left if isinstance(refusal, FewerLeft) else None,
    )
    answer = make_response(html, answer_of(refusal)[0] if refusal else 200)
    if wait := getattr(refusal, "retry_after", None):
        answer.headers["Retry-After"] = str(wait)
    return answer


def _page(found: ClaimView, returned: bool = False) -> Response:
    return make_response(render_template("claims/claim.html", **shown(found, returned=returned)))


def shown(found: ClaimView, *, going: bool = False, returned: bool = False) -> dict[str, object]:
    """What the templates of a claim know."""
    # What has been decided meanwhile needs no more waiting: the fan may try again at once.
    waiting = found.payment is not None and found.payment.open
    now = catalogue.moment(found.event)
    return {
        "claim": found,
        "event": found.event,
        "now": now,
        "own": paying.own_of(found.held_until, now, found.event.time_zone),
        "more": events.more_time(found.event.hold_seconds),
        "going": going or "go" in request.args,
        "returned": waiting and (returned or "back" in request.args),
        "gateway": _gateway_address(found),
    }


def _gateway_address(found: ClaimView) -> str | None:
    """Where to pay, if the claim is held and the gateway has named the address."""
    payment = found.payment
    if found.state != HELD or payment is None or payment.state != "PENDING":
        return None
    return payment.authorization_url
