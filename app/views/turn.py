"""More time to choose, once."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.domain import events
from app.domain.errors import NoPass
from app.domain.events import EventFacts
from app.domain.tokens import PassToken
from app.services import catalogue, line, more_time
from app.views import cookies

blueprint = Blueprint("turn", __name__, url_prefix="/events/<slug>/line/more")


@blueprint.get("")
def ask(slug: str) -> Response:
    facts = catalogue.facts(slug)
    turn = _turn(facts)
    now = catalogue.moment(facts)
    html = render_template(
        "line/more.html",
        event=facts,
        deadline=events.real_deadline(facts, turn.pass_until, now),
        now=now,
        more=events.more_time(facts.pass_seconds),
        used=more_time.used(facts, turn),
    )
    return make_response(html)


@blueprint.post("")
def give(slug: str) -> Response:
    facts = catalogue.facts(slug)
    longer = more_time.for_pass(facts, _turn(facts))
    return cookies.keep_pass(redirect(url_for("line.wait", slug=slug), 303), longer)


def _turn(facts: EventFacts) -> PassToken:
    """The pass of this browser's place, as the line knows it. Raises NoPlace, NoPass."""
    found = line.current_pass(facts.slug, cookies.held_place(facts))
    if found is None:
        raise NoPass
    return found
