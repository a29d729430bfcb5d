"""What somebody who works here sees of the own log-in: sessions, password, second factor."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import Invalid, Refusal, StateGone, TooManyTries
from app.domain.said import say
from app.services import second_factor, sessions, staff
from app.views.errors import answer_of
from app.views.staff import forget_browser, go_on, me

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
def end(session_id: int) -> Page:
    if unsure := _asks_again():
        return unsure
    sessions.end(me(), session_id)
    return _done(say("That browser is logged out."))


@blueprint.post("/log-out-everywhere")
def log_out_everywhere() -> Page:
    if unsure := _asks_again():
        return unsure
    sessions.log_out_everywhere(me())
    return forget_browser()


def _asks_again() -> Page | None:
    """The page again, unless the password that is asked before sessions end is right."""
    try:
        staff.make_sure(me(), _sent("password"))
    except (Invalid, TooManyTries) as refusal:
        return _page(refusal), answer_of(refusal)[0]
    return None


@blueprint.get("/code")
def code() -> Page:
    return redirect(url_for(".account"), code=303) if me().has_code else _offer()


@blueprint.post("/code")
def turn_code_on() -> Page:
    try:
        codes = second_factor.turn_on(me(), _sent("code"))
    except (Invalid, TooManyTries) as refusal:
        return _offer(refusal), answer_of(refusal)[0]
    return render_template("staff/recovery_codes.html", codes=codes)


@blueprint.post("/code/off")
def turn_code_off() -> Page:
    try:
        second_factor.turn_off(me(), _sent("code"))
    except (Invalid, TooManyTries, StateGone) as refusal:
        return _page(refusal), answer_of(refusal)[0]
    return _done(say("Your log-in does not ask for a code any more."))


@blueprint.post("/code/recovery-codes")
def recovery_codes() -> Page:
    try:
        codes = second_factor.new_recovery_codes(me(), _sent("code"))
    except (Invalid, TooManyTries) as refusal:
        return _page(refusal), answer_of(refusal)[0]
    return render_template("staff/recovery_codes.html", codes=codes)


def _offer(refusal: Refusal | None = None) -> str:
    offer = second_factor.offer(me())
    return render_template("staff/code_on.html", offer=offer, refusal=refusal)


def _page(refusal: Refusal | None = None) -> str:
    fields: Mapping[str, str] = getattr(refusal, "fields", {})
    return render_template(
        "staff/account.html",
        sessions=sessions.living(me()),
        refusal=refusal,
        fields=fields,
        shortest=staff.SHORTEST_PASSWORD,
        codes_left=second_factor.recovery_codes_left(me()) if me().has_code else 0,
    )


def _done(sentence: str) -> Response:
    return go_on(sentence, ".account")


def _sent(name: str) -> str:
    return request.form.get(name, "")
