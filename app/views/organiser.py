"""The organiser's pages: the events, one event live with its controls, and its form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import IO, Any, NamedTuple

from flask import Blueprint, flash, redirect, render_template, url_for
from htmx_flask import request
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from app import clock
from app.domain import event_forms as forms
from app.domain import event_summary, proofs, words
from app.domain import events as rules
from app.domain.errors import CapacityTaken, Conflict, Invalid, Refusal, SaleOver
from app.domain.said import say
from app.services import dashboard, events, gateway_watch, marks, samples, sheets
from app.services import readiness as preparation
from app.services import report as reports
from app.views.errors import answer_of
from app.views.language import language, said
from app.views.staff import go_on, me

blueprint = Blueprint("organiser", __name__, url_prefix="/organiser")

LONGEST_UNDO = 1500
PROOF_WORDS = {
    proofs.OFF: say("None"),
    proofs.LIGHT: say("Light: seconds of a phone"),
    proofs.HEAVY: say("Heavy: half a minute of a phone"),
}

Page = Response | str | tuple[str, int]


@blueprint.get("/", strict_slashes=False, endpoint="events")
def list_events() -> str:
    away = gateway_watch.away_since()
    own = events.own(me())
    return render_template("organiser/events.html", events=own, away_since=away, **_now())


@blueprint.get("/new")
def new() -> str:
    return _form(forms.EMPTY)


@blueprint.post("/new")
def create() -> Page:
    try:
        slug = events.create(me(), request.form)
    except Invalid as refusal:
        return _form(request.form, refusal), 422
    saved = say("The draft is saved. Fans cannot see it until you publish it.")
    return go_on(saved, ".event", slug=slug)


@blueprint.post("/check")
def check() -> str:
    """The form in words, without saving anything."""
    slug = request.args.get("slug", "")
    found = events.look(me(), slug) if slug else None
    values = (forms.form_values(found) if found else {}) | request.form.to_dict()
    if request.htmx:
        return render_template("organiser/_summary.html", **_in_words(values, found))
    return _form(values, event=found, seen=request.form.get("seen", ""))


@blueprint.get("/events/<slug>")
def event(slug: str) -> str:
    return _event(slug)


@blueprint.get("/events/<slug>/live")
def live(slug: str) -> str:
    numbers = dashboard.live(me(), slug)
    seen = request.args.get("seen", numbers.event.state)
    return render_template("organiser/_live.html", live=numbers, seen=seen, **_now())


@blueprint.get("/events/<slug>/story")
def story(slug: str) -> str:
    found = events.look(me(), slug)
    told = samples.story(found, request.args.get("span", ""))
    return render_template("organiser/_story.html", event=found, story=told, **_now())


@blueprint.get("/events/<slug>/readiness")
def readiness(slug: str) -> str:
    found = preparation.look(me(), slug)
    template = "organiser/_readiness.html" if request.htmx else "organiser/readiness.html"
    return render_template(template, event=found.event, found=found)


@blueprint.post("/events/<slug>/readiness")
def try_out(slug: str) -> Response:
    preparation.ask(me(), slug)
    return redirect(url_for(".readiness", slug=slug), code=303)


@blueprint.get("/events/<slug>/report")
def report(slug: str) -> str:
    found = reports.report(me(), slug)
    return render_template("organiser/report.html", event=found.event, report=found)


@blueprint.get("/events/<slug>/payments.csv")
def payments_sheet(slug: str) -> Response:
    return _download(sheets.payments(me(), slug), f"{slug}-payments.csv")


@blueprint.get("/events/<slug>/refunds.csv")
def refunds_sheet(slug: str) -> Response:
    return _download(sheets.refunds(me(), slug), f"{slug}-refunds.csv")


@blueprint.get("/events/<slug>/tickets.csv")
def tickets_sheet(slug: str) -> Response:
    return _download(sheets.tickets(me(), slug), f"{slug}-tickets.csv")


@blueprint.get("/events/<slug>/samples.csv")
def samples_sheet(slug: str) -> Response:
    return _download(sheets.samples(me(), slug), f"{slug}-over-time.csv")


@blueprint.get("/events/<slug>/edit")
def edit(slug: str) -> str:
    found = events.look(me(), slug)
    return _form(forms.form_values(found), event=found, seen=events.mark(found))


@blueprint.post("/events/<slug>/edit")
def save(slug: str) -> Page:
    try:
        slug = events.edit(me(), slug, request.form.get("seen", ""), request.form)
    except Invalid as refusal:
        found = events.look(me(), slug)
        values = forms.form_values(found) | request.form.to_dict()
        return _form(values, refusal, found, request.form.get("seen", "")), 422
    return go_on(say("The changes are saved."), ".event", slug=slug)


class Undo(NamedTuple):
    """How what was just done is taken back: a control, and what its form sends."""

    control: str
    fields: dict[str, str]


def control(done: str) -> Callable[[Callable[[str], Undo | None]], Callable[[str], Page]]:
    """A button of the event's page: says `done`, with a way back if there is one, and shows the
    page; or the page with why not."""

    def decorate(view: Callable[[str], Undo | None]) -> Callable[[str], Page]:
        @wraps(view)
        def answer(slug: str) -> Page:
            try:
                undo = view(slug)
            except (Invalid, Conflict, CapacityTaken, SaleOver) as refusal:
                return _event(slug, refusal), answer_of(refusal)[0]
            note: dict[str, Any] = {"words": said(done)}
            if undo:
                action = url_for(f".{undo.control}", slug=slug)
                note["undo"] = {"action": action, "fields": undo.fields}
            # The session keeps whatever JSON can say.
            flash(note)  # type: ignore[arg-type]
            return redirect(url_for(".event", slug=slug), code=303)

        return answer

    return decorate


@blueprint.post("/events/<slug>/publish")
@control(say("Published: fans can see the event and join the line."))
def publish(slug: str) -> None:
    events.publish(me(), slug, _seen())


@blueprint.post("/events/<slug>/open")
@control(say("The sale is open."))
def open_sale(slug: str) -> None:
    events.open_sale(me(), slug, _seen(), at_once=request.form.get("start") == "now")


@blueprint.post("/events/<slug>/pause")
@control(say("The sale is paused. Every pass keeps its time."))
def pause(slug: str) -> Undo:
    events.pause(me(), slug, _seen(), _typed("reason"), _typed("next_word"))
    return Undo("resume", {"seen": rules.PAUSED})


@blueprint.post("/events/<slug>/say-more")
@control(say("Changed; fans read it within seconds."))
def say_more(slug: str) -> None:
    events.say_more(me(), slug, _seen(), _typed("reason"), _typed("next_word"))


@blueprint.post("/events/<slug>/resume")
@control(say("The sale goes on."))
def resume(slug: str) -> None:
    events.resume(me(), slug, _seen())


@blueprint.post("/events/<slug>/close")
@control(say("The sale is closed. Holds may be paid to their deadline."))
def close(slug: str) -> None:
    events.close(me(), slug, _seen())


@blueprint.post("/events/<slug>/rate")
@control(say("The rate is changed."))
def rate(slug: str) -> Undo | None:
    wanted = _whole("admit_per_minute", forms.HIGHEST_RATE)
    events.change_rate(me(), slug, _seen_number(), wanted)
    return _back_to("rate", "admit_per_minute", wanted)


@blueprint.post("/events/<slug>/pass-capacity")
@control(say("The pass capacity is changed."))
def pass_capacity(slug: str) -> Undo | None:
    wanted = _whole("pass_capacity", forms.HIGHEST_CAPACITY)
    events.change_pass_capacity(me(), slug, _seen_number(), wanted)
    return _back_to("pass_capacity", "pass_capacity", wanted)


@blueprint.post("/events/<slug>/capacity")
@control(say("The number of tickets is changed."))
def capacity(slug: str) -> Undo | None:
    wanted = _whole("capacity", forms.HIGHEST_CAPACITY)
    events.change_capacity(me(), slug, _seen_number(), wanted)
    return _back_to("capacity", "capacity", wanted)


@blueprint.post("/events/<slug>/message")
@control(say("The message is changed; fans read it within seconds."))
def message(slug: str) -> Undo | None:
    events.post_message(me(), slug, _seen(), _typed("message"))
    before, after = _seen(), forms.check_message(_typed("message"))
    # The way back is kept in a cookie, and a browser throws one away that is too long.
    if before == after or len(json.dumps([before, after])) > LONGEST_UNDO:
        return None
    return Undo("message", {"seen": after, "message": before})


def _event(slug: str, refusal: Refusal | None = None) -> str:
    """The event's page; after a refusal with the reason and what was typed."""
    numbers = dashboard.live(me(), slug)
    return render_template(
        "organiser/event.html",
        live=numbers,
        event=numbers.event,
        seen=numbers.event.state,
        can=lambda verb: rules.can(numbers.event.state, verb),
        history=events.history(me(), numbers.event),
        marked=marks.counts(numbers.event),
        story=samples.story(numbers.event, request.args.get("span", "")),
        refusal=refusal,
        fields=getattr(refusal, "fields", {}),
        typed=request.form,
        next_word_value=forms.next_word_value(
            numbers.event.pause_next_word_at, numbers.event.time_zone
        ),
        **_now(),
    )


def _download(sheet: IO[bytes], name: str) -> Response:
    # The wrapper closes the sheet when it is sent, or when the browser goes away.
    response = Response(FileWrapper(sheet, 64 * 1024), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _form(
    values: Mapping[str, str],
    refusal: Invalid | None = None,
    event: rules.EventFacts | None = None,
    seen: str = "",
) -> str:
    return render_template(
        "organiser/form.html",
        values=values,
        fields=refusal.fields if refusal else {},
        event=event,
        seen=seen,
        may=forms.editable(event.state if event else rules.DRAFT),
        currency_choices=[(code, code) for code in forms.CURRENCIES],
        proof_choices=[(level, said(words)) for level, words in PROOF_WORDS.items()],
        zones=forms.time_zones(),
        **_in_words(values, event),
    )


def _in_words(values: Mapping[str, str], event: rules.EventFacts | None) -> dict[str, Any]:
    """What the form would mean, or which fields are not right yet; nothing for an empty form."""
    now = clock.now()
    try:
        checked = forms.check_event(values)
    except Invalid as refusal:
        begun = any(values.get(name) for name in ("title", "venue", "starts_at"))
        return {"summary": None, "missing": refusal.fields if begun else {}}
    moment = partial(words.moment, locale=language())
    told = [*event_summary.sentences(checked, moment, language()), event_summary.pace(checked)]
    published = event is not None and event.state != rules.DRAFT
    odd = event_summary.oddities(checked, now, published)
    return {"summary": {"sentences": told, "odd": odd}, "missing": {}}


def _now() -> dict[str, Any]:
    now = clock.now()
    return {"now": now, "phase": lambda event: rules.phase(event, now)}


def _seen() -> str:
    return request.form.get("seen", "").replace("\r\n", "\n")


def _back_to(control: str, field: str, now: int) -> Undo | None:
    before = _seen_number()
    return Undo(control, {"seen": str(now), field: str(before)}) if before != now else None


def _typed(name: str) -> str:
    return request.form.get(name, "")


def _seen_number() -> int:
    text = _seen()
    # What is no number is what nobody can have seen: it matches no event.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _whole(name: str, at_most: int) -> int:
    return forms.check_whole(name, request.form.get(name, ""), at_most)
