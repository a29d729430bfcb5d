"""The trail of staff, for admins."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from app.services import trail
from app.views.staff import me

blueprint = Blueprint("trail", __name__, url_prefix="/staff/actions")

FILTERS = ("who", "verb", "subject")


@blueprint.get("/", strict_slashes=False)
def actions() -> str:
    chosen = {name: request.args.get(name, "") for name in FILTERS}
    found = trail.page(me(), before=request.args.get("before", ""), **chosen)
    return render_template("staff/actions.html", page=found, chosen=chosen)
