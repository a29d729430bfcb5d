"""Support's pages: one search box, and a claim with its whole story."""

from __future__ import annotations

import secrets

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock
from app.domain.errors import Conflict
from app.services import support
from app.views.errors import answer_of
from app.views.staff import me

blueprint = Blueprint("support", __name__, url_prefix="/support")

Page = Response | str | tuple[str, int]


@blueprint.get("/", strict_slashes=False)
def search() -> Page:
    text = request.args.get("q", "").strip()
    results = support.find(me(), text) if text else None
    if results and results.one_claim:
        return redirect(url_for(".claim", reference=results.one_claim), code=303)
    return render_template("support/search.html", text=text, results=results)


@blueprint.get("/claims/<reference>")
def claim(reference: str) -> str:
    return _claim(reference)


@blueprint.post("/claims/<reference>/give-back")
def give_back(reference: str) -> Page:
    try:
        support.give_back(me(), reference, _seen(), request.form.get("reason", ""))
    except Conflict as refusal:
        return _claim(reference, refusal), answer_of(refusal)[0]
    return _done(reference, "The hold is given back; its tickets are on sale again.")


@blueprint.post("/claims/<reference>/send-tickets")
def send_tickets(reference: str) -> Page:
    try:
        key = request.form.get("form_key", "")
        support.send_tickets_again(me(), reference, _seen(), key)
    except Conflict as refusal:
        return _claim(reference, refusal), answer_of(refusal)[0]
    return _done(reference, "The tickets are on their way by e-mail.")


@blueprint.post("/claims/<reference>/ask")
def ask(reference: str) -> Page:
    try:
        support.ask_gateway(me(), reference, _seen())
    except Conflict as refusal:
        return _claim(reference, refusal), answer_of(refusal)[0]
    return _done(reference, "We are asking the gateway; its answer appears here in a moment.")


def _claim(reference: str, refusal: Conflict | None = None) -> str:
    return render_template(
        "support/claim.html",
        case=support.look(me(), reference),
        refusal=refusal,
        form_key=secrets.token_urlsafe(12),
        now=clock.now(),
    )


def _done(reference: str, words: str) -> Response:
    flash(words)
    return redirect(url_for(".claim", reference=reference), code=303)


def _seen() -> str:
    return request.form.get("seen", "")
