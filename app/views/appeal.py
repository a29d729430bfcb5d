"""A fan whose place staff want to go says why it should stay."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import Invalid
from app.domain.events import EventFacts
from app.domain.line import LineStatus
from app.domain.places import SUSPENDED
from app.services import catalogue, line, removals
from app.views import cookies

blueprint = Blueprint("appeal", __name__, url_prefix="/events/<slug>/line/appeal")


@blueprint.get("")
def ask(slug: str) -> Response:
    facts = catalogue.facts(slug)
    status = line.status(slug, cookies.held_place(facts))
    if status.state != SUSPENDED:
        return _back(slug)
    return _page(facts, status)


@blueprint.post("")
def send(slug: str) -> Response:
    facts = catalogue.facts(slug)
    place = cookies.held_place(facts)
    try:
        removals.appeal(facts, place, request.form.get("appeal", ""))
    except Invalid as wrong:
        return _page(facts, line.status(slug, place), wrong)
    # Whether it was in time, the waiting page says.
    return _back(slug)


def _back(slug: str) -> Response:
    return redirect(url_for("line.wait", slug=slug), 303)


def _page(facts: EventFacts, status: LineStatus, wrong: Invalid | None = None) -> Response:
    html = render_template(
        "line/appeal.html",
        event=facts,
        number=status.number,
        removal=status.removal,
        fields=wrong.fields if wrong else {},
        typed=request.form,
        longest=removals.LONGEST_APPEAL,
    )
    return make_response(html, 422 if wrong else 200)
