"""The domains of addresses that no code is sent to, for the organiser."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from app.domain.errors import Invalid
from app.domain.said import say
from app.services import addresses
from app.views.staff import go_on, me

blueprint = Blueprint("addresses", __name__, url_prefix="/organiser/addresses")


@blueprint.get("/", strict_slashes=False)
def show() -> str:
    domains = addresses.refused(me())
    return _page("\n".join(domains), addresses.mark(domains))


@blueprint.post("/")
def change() -> Response | tuple[str, int]:
    typed, seen = request.form.get("domains", ""), request.form.get("seen", "")
    try:
        addresses.change(me(), seen, typed)
    except Invalid as refusal:
        return _page(typed, seen, refusal), 422
    return go_on(say("The list is changed."), ".show")


def _page(typed: str, seen: str, refusal: Invalid | None = None) -> str:
    fields = refusal.fields if refusal else {}
    return render_template("organiser/addresses.html", typed=typed, seen=seen, fields=fields)
