"""What somebody who works here sees of the own log-in: the sessions, and the password."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import Invalid, Refusal, TooManyTries
from app.domain.said import say
from app.services import sessions, staff
from app.views.errors import answer_of
from app.views.language import said
from app.views.staff import forget_browser, me

blueprint = Blueprint("account", __name__, url_prefix="/staff/account")

Page = Response | str | tuple[str, int]


@blueprint.get("/", strict_slashes=False)
def account() -> str:
    return _page()


@blueprint.post("/password")
def password() -> Page:
    try:
        staff.change_password(me(), _sent("present"), _sent("wanted"))
    except (Invalid, TooManyTries) as refusal:
        return _page(refusal), answer_of(refusal)[0]
    return _done(say("The password is changed. Everywhere else you are logged out."))


@blueprint.post("/sessions/<int:session_id>/end")
def end(session_id: int) -> Response:
    sessions.end(me(), session_id)
    return _done(say("That browser is logged out."))


@blueprint.post("/log-out-everywhere")
def log_out_everywhere() -> Response:
    sessions.log_out_everywhere(me())
    return forget_browser()


def _page(refusal: Refusal | None = None) -> str:
    fields: Mapping[str, str] = getattr(refusal, "fields", {})
    return render_template(
        "staff/account.html",
        sessions=sessions.living(me()),
        refusal=refusal,
        fields=fields,
        shortest=staff.SHORTEST_PASSWORD,
    )


def _done(sentence: str) -> Response:
    flash(said(sentence))
    return redirect(url_for(".account"), code=303)


def _sent(name: str) -> str:
    return request.form.get(name, "")
