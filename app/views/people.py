"""The people of an organisation, for its admins."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from app.domain.errors import Invalid
from app.domain.said import say
from app.services import colleagues, second_factor, staff_links
from app.views.staff import go_on, me

blueprint = Blueprint("people", __name__, url_prefix="/staff/people")

Page = Response | str | tuple[str, int]


@blueprint.get("/", strict_slashes=False)
def everybody() -> str:
    return _page()


@blueprint.post("/invite")
def invite() -> Page:
    email = request.form.get("email", "")
    try:
        staff_links.invite(me(), email, request.form.get("role", ""))
    except Invalid as refusal:
        return _page(refusal), 422
    return _done(say("The invitation to %(email)s is on its way.", email=email.strip()))


@blueprint.post("/invitations/<link_id>/withdraw")
def withdraw(link_id: str) -> Response:
    staff_links.withdraw(me(), link_id)
    return _done(say("The invitation is withdrawn."))


@blueprint.post("/<int:staff_id>/disable")
def disable(staff_id: int) -> Response:
    colleagues.disable(me(), staff_id)
    return _done(say("This person is logged out and cannot log in any more."))


@blueprint.post("/<int:staff_id>/enable")
def enable(staff_id: int) -> Response:
    colleagues.enable(me(), staff_id)
    return _done(say("This person may log in again."))


@blueprint.post("/<int:staff_id>/role")
def role(staff_id: int) -> Response:
    seen, wanted = request.form.get("seen", ""), request.form.get("role", "")
    colleagues.change_role(me(), staff_id, seen, wanted)
    return _done(say("The role is changed."))


@blueprint.post("/<int:staff_id>/log-out")
def log_out(staff_id: int) -> Response:
    colleagues.log_out(me(), staff_id)
    return _done(say("This person is logged out everywhere."))


@blueprint.post("/<int:staff_id>/take-code-away")
def take_code_away(staff_id: int) -> Response:
    colleagues.take_code_away(me(), staff_id)
    return _done(say("This person logs in without a code again, and should turn it on anew."))


@blueprint.post("/second-factor")
def require() -> Response:
    required = request.form.get("required") == "yes"
    second_factor.require(me(), required)
    if required:
        return _done(say("From now on nobody works here without a code."))
    return _done(say("From now on everybody decides about the code."))


def _page(refusal: Invalid | None = None) -> str:
    people, invitations = colleagues.everybody(me())
    return render_template(
        "staff/people.html",
        people=people,
        invitations=invitations,
        fields=refusal.fields if refusal else {},
        typed=request.form if refusal else {},
        days=staff_links.INVITATION_DAYS,
    )


def _done(sentence: str) -> Response:
    return go_on(sentence, ".everybody")
