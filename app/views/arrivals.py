"""Ways in for staff who have no password: it was forgotten, or there was none yet."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from app.domain.errors import Invalid, TooManyTries
from app.domain.said import say
from app.services import staff, staff_links
from app.views.staff import go_on, origin

blueprint = Blueprint("arrivals", __name__, url_prefix="/staff")

Page = Response | str | tuple[str, int]


@blueprint.get("/forgotten")
def forgotten() -> str:
    return render_template("staff/forgotten.html", email="", refusal=None, asked=False)


@blueprint.post("/forgotten")
def ask() -> Page:
    email = request.form.get("email", "")
    try:
        staff_links.ask_for_reset(email, origin())
    except TooManyTries as refusal:
        page = render_template("staff/forgotten.html", email=email, refusal=refusal, asked=False)
        return page, 429
    return render_template("staff/forgotten.html", email=email, refusal=None, asked=True)


@blueprint.get("/reset/<token>")
def look_at_reset(token: str) -> str:
    return _choose(token, staff_links.look_at_reset(token))


@blueprint.post("/reset/<token>")
def reset(token: str) -> Page:
    try:
        staff_links.reset(token, request.form.get("password", ""), origin())
    except Invalid as refusal:
        return _choose(token, staff_links.look_at_reset(token), refusal), 422
    return _to_log_in(say("Your password is changed. Please log in with it."))


@blueprint.get("/invitation/<token>")
def look_at_invitation(token: str) -> str:
    return _choose(token, staff_links.look_at_invitation(token))


@blueprint.post("/invitation/<token>")
def accept(token: str) -> Page:
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        staff_links.accept(token, name, password, origin())
    except Invalid as refusal:
        return _choose(token, staff_links.look_at_invitation(token), refusal), 422
    return _to_log_in(say("Your log-in is made. Please log in with it."))


def _choose(token: str, link: staff_links.Link, refusal: Invalid | None = None) -> str:
    return render_template(
        "staff/choose_password.html",
        token=token,
        link=link,
        name=request.form.get("name", ""),
        fields=refusal.fields if refusal else {},
        shortest=staff.SHORTEST_PASSWORD,
    )


def _to_log_in(sentence: str) -> Response:
    return go_on(sentence, "staff.log_in_form")
