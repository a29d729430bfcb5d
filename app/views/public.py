"""What is on sale, and the event: the same bytes for everyone, so that a cache can carry them."""

from __future__ import annotations

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from app.domain import events
from app.services import catalogue

blueprint = Blueprint("public", __name__)

# Short enough that "sold out" and "on sale" are never far behind.
SECONDS = 3


@blueprint.get("/")
def index() -> Response:
    shown = [(facts, events.phase(facts, catalogue.moment(facts))) for facts in catalogue.on_show()]
    return _for_everyone(render_template("public/index.html", events=shown))


@blueprint.get("/events/<slug>")
def event(slug: str) -> Response:
    facts = catalogue.facts(slug)
    return _for_everyone(
        render_template(
            "public/event.html",
            event=facts,
            phase=events.phase(facts, catalogue.moment(facts)),
            availability=events.availability(facts),
        )
    )


def _for_everyone(html: str) -> Response:
    response = make_response(html)
    response.headers["Cache-Control"] = f"public, max-age={SECONDS}"
    response.add_etag()
    return response.make_conditional(request)
