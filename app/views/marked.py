"""The marked places of an event: looked at, cleared, or asked to go."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain.errors import Invalid, Refusal
from app.domain.said import say_n
from app.extensions import settings
from app.services import events, marks, removals
from app.services.removals import Choice
from app.views.errors import answer_of
from app.views.language import said
from app.views.staff import me

blueprint = Blueprint("marked", __name__, url_prefix="/organiser/events/<slug>/marked")

# What no list has, so that the service refuses it.
NOTHING = Choice(number=0)
NEVER = datetime(2000, 1, 1, tzinfo=UTC)

Page = Response | str | tuple[str, int]


@blueprint.get("")
def show(slug: str) -> str:
    return render_template("organiser/marked.html", found=marks.look(me(), slug), shown=marks.SHOWN)


@blueprint.get("/decide")
def ask(slug: str) -> str:
    return _page(slug)


@blueprint.post("/decide")
def decide(slug: str) -> Page:
    remove = request.form.get("do") == "remove"
    try:
        counted = removals.decide(
            me(), slug, _choice(), _seen(), remove, request.form.get("reason", "")
        )
    except Invalid as refusal:
        return _page(slug, refusal), answer_of(refusal)[0]
    for outcome, number in counted.items():
        if outcome != "merged":
            flash(said(_done(outcome, number)))
    return redirect(url_for(".show", slug=slug), code=303)


def _page(slug: str, refusal: Refusal | None = None) -> str:
    event, choice = events.look(me(), slug), _choice()
    seen = _seen() if "seen" in request.values else event.as_of
    places = removals.chosen(event, choice, seen)
    return render_template(
        "organiser/decide.html",
        event=event,
        choice=choice,
        seen=seen.isoformat(),
        count=len(places),
        minutes=round(settings.appeal_time / 60),
        fields=getattr(refusal, "fields", {}),
        typed=request.form,
        longest=removals.LONGEST_REASON,
    )


def _choice() -> Choice:
    """What was chosen in the list: a number, or a group."""
    number = request.values.get("number", "")
    if number:
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            return NOTHING
        return Choice(number=int(number))
    return Choice(request.values.get("rule", ""), request.values.get("shared", ""))


def _seen() -> datetime:
    """As of when the list was that was looked at; of what is no time, nothing was seen."""
    try:
        seen = datetime.fromisoformat(request.values.get("seen", ""))
    except ValueError:
        return NEVER
    return seen if seen.tzinfo else NEVER


def _done(outcome: str, number: int) -> str:
    match outcome:
        case "suspended":
            return say_n(
                "One place is suspended; its fan may appeal.",
                "%(number)s places are suspended; their fans may appeal.",
                number,
            )
        case "removed":
            return say_n("One place is removed.", "%(number)s places are removed.", number)
        case "waits":
            return say_n(
                "One place is suspended already, and its fan has time to appeal.",
                "%(number)s places are suspended already, and their fans have time to appeal.",
                number,
            )
        case "ended":
            return say_n(
                "One place has a claim or has ended; it stays as it is.",
                "%(number)s places have a claim or have ended; they stay as they are.",
                number,
            )
    return say_n(
        "One place is cleared and stands in line.",
        "%(number)s places are cleared and stand in line.",
        number,
    )
