"""One row per refusal: its status and its heading. Pages, fragments and JSON follow from it."""

from __future__ import annotations

import logging

from flask import Flask, Response, g, jsonify, make_response, render_template
from htmx_flask import request
from werkzeug.exceptions import HTTPException

from app import metrics
from app.domain import errors
from app.domain.errors import Refusal
from app.domain.said import say
from app.views.headers import to_be_logged
from app.views.language import own_path, said

log = logging.getLogger("fairqueue.errors")

# The first class found among a refusal's own and its parents' counts.
ANSWERS: dict[type[Refusal], tuple[int, str]] = {
    # Who is joining may have no place yet that could be safe.
    errors.JoinUnavailable: (503, say("One moment, please")),
    errors.LineUnavailable: (503, say("Your place is safe")),
    errors.OutcomeUnknown: (503, say("One moment, please")),
    errors.NotNow: (503, say("One moment, please")),
    errors.TooManyCodes: (429, say("Please wait a little")),
    errors.TooManyRequests: (429, say("Please wait a little")),
    errors.TooManyJoins: (429, say("Please wait a little")),
    errors.StaffLinkOver: (410, say("This link is over")),
    errors.TooManyTries: (429, say("Please wait a little")),
    errors.StateGone: (409, say("This has changed")),
    errors.Conflict: (409, say("Please try again")),
    errors.SaleOver: (409, say("The sale is over")),
    errors.CapacityTaken: (409, say("Too few tickets")),
    errors.EventUnknown: (404, say("No such event")),
    errors.ClaimUnknown: (404, say("No such claim")),
    errors.LinkUnknown: (404, say("This link opens nothing")),
    errors.LinkOver: (410, say("This link is over")),
    errors.TooManyLinks: (429, say("Please wait a little")),
    errors.Unknown: (404, say("Nothing here")),
    errors.TicketsNotYet: (409, say("Not yet")),
    errors.LogInRequired: (401, say("Please log in")),
    errors.NotYours: (403, say("This page is private")),
    errors.NotAllowed: (403, say("Not allowed")),
    errors.CrossSite: (403, say("Nothing was done")),
    errors.HostUnknown: (400, say("Not our name")),
    errors.NoCookies: (400, say("Your browser keeps no cookies")),
    errors.NotOnSale: (409, say("Tickets are not on sale now")),
    errors.NoPlace: (403, say("You are not in this line")),
    errors.NoPass: (403, say("It is not your turn")),
    errors.PlaceSuspended: (403, say("Your place is being looked at")),
    errors.NotProven: (403, say("Prove your address first")),
    errors.ProofDue: (403, say("A sum comes first")),
    errors.AlreadyClaimed: (409, say("You already have a claim")),
    errors.FewerLeft: (409, say("Fewer tickets are left")),
    errors.NoneFreeNow: (409, say("None free this second")),
    errors.SoldOut: (410, say("Sold out")),
    errors.NoneLeft: (410, say("None left")),
    errors.NotTheGateway: (403, say("Not the gateway")),
    errors.SignatureWrong: (401, say("Not signed")),
    errors.LogInRequired: (401, say("Please log in")),
    errors.StaffExists: (409, say("Already there")),
    errors.SaleOver: (409, say("The sale would be over")),
    errors.CapacityTaken: (409, say("Too few")),
    errors.Invalid: (422, say("Please check the form")),
    Refusal: (400, say("That is not possible")),
}

HTTP_WORDS = {
    400: (say("That request makes no sense"), say("Please go back and try again.")),
    404: (say("Nothing here"), say("There is no page at this address.")),
    405: (say("Not this way"), say("This address cannot be opened like this.")),
    413: (say("Too much"), say("That is more than a form here can hold.")),
}
FAILED = say(
    "Something went wrong on our side. Your place and your claims are kept; please try again."
)
FAILED_SHORT = say("Something went wrong")
REFUSED = (say("That is not possible"), say("Please go back."))


def register(app: Flask) -> None:
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, failed)


def answer_of(refusal: Refusal) -> tuple[int, str]:
    """Status and heading of a refusal."""
    return next(ANSWERS[kind] for kind in type(refusal).__mro__ if kind in ANSWERS)


def refused(refusal: Refusal) -> Response:
    status, heading = answer_of(refusal)
    metrics.REFUSALS.labels(type(refusal).__name__).inc()
    response = page(status, heading, refusal.message, refusal)
    wait = getattr(refusal, "retry_after", None)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        # Werkzeug's own redirect, not a mistake.
        return make_response(error.get_response())
    heading, message = HTTP_WORDS.get(status, REFUSED)
    response = page(status, heading, message)
    response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def failed(error: Exception) -> Response:
    log.exception("request %s failed", request_id(), exc_info=error)
    return page(500, FAILED_SHORT, FAILED)


def page(status: int, heading: str, message: str, refusal: Refusal | None = None) -> Response:
    """The same answer as a page, a fragment for htmx, or JSON."""
    wait = getattr(refusal, "retry_after", None)
    if wants_json():
        body = {
            "error": type(refusal).__name__ if refusal else heading,
            "message": said(message),
            "request_id": request_id(),
        }
        return make_response(jsonify(body), status)
    template = "errors/_error.html" if request.htmx else "errors/error.html"
    html = render_template(
        template,
        heading=heading,
        message=message,
        kind=type(refusal).__name__ if refusal else "",
        refusal=refusal,
        status=status,
        wait=wait,
        repeat=wait is not None and request.method == "GET",
        again=own_path(request.full_path.rstrip("?")),
        slug=(request.view_args or {}).get("slug"),
        reference=getattr(refusal, "reference", None) or (request.view_args or {}).get("reference"),
        request_id=request_id() if to_be_logged(status) else None,
    )
    response = make_response(html, status)
    if request.htmx and 400 <= status < 500 and request.method == "GET":
        # A poll that will never succeed ends on the whole page, which says why.
        response.headers["HX-Refresh"] = "true"
    return response


def request_id() -> str:
    return str(g.get("request_id", "-"))


def wants_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and not request.accept_mimetypes.accept_html
