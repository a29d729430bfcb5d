"""An event's form in sentences, and what is odd about it though every field is right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.domain.event_forms import EventForm
from app.domain.proofs import HEAVY, LIGHT, OFF
from app.domain.readiness import Limits, of_rate
from app.domain.said import Said, say, say_n
from app.domain.words import duration, money

_WORK = {
    OFF: say("Browsers have no sum to work out."),
    LIGHT: say(
        "Before it chooses tickets each browser works out a sum, which takes a phone some seconds."
    ),
    HEAVY: say(
        "Before it chooses tickets each browser works out a long sum, which takes a phone about"
        " half a minute."
    ),
}

# How a moment is written, in the event's zone and somebody's language.
Moment = Callable[[datetime, str], str]

_LONG_HOLD = timedelta(minutes=30)
_SHORT_PASS = timedelta(minutes=2)
_FAR_AWAY = timedelta(days=366)


def sentences(form: EventForm, moment: Moment, locale: str) -> list[Said]:
    """What the form means, in whole sentences."""
    zone = form.time_zone
    return [
        say(
            "%(title)s, %(when)s, %(venue)s.",
            title=form.title,
            when=moment(form.starts_at, zone),
            venue=form.venue,
        ),
        say_n(
            "%(tickets)s tickets at %(price)s, one for each fan: %(sum)s if all are sold.",
            "%(tickets)s tickets at %(price)s, up to %(number)s for each fan:"
            " %(sum)s if all are sold.",
            form.max_per_fan,
            tickets=form.capacity,
            price=money(form.price, form.currency, locale),
            sum=money(form.capacity * form.price, form.currency, locale),
        ),
        say(
            "On sale from %(start)s until %(end)s. Fans may join the line as soon as you publish.",
            start=moment(form.sale_starts_at, zone),
            end=moment(form.sale_ends_at, zone),
        ),
        say(
            "Up to %(rate)s fans a minute are let in, and at most %(room)s are inside at once. Each"
            " has %(pass_time)s to choose and then %(hold)s to pay.",
            rate=form.admit_per_minute,
            room=form.pass_capacity,
            pass_time=duration(form.pass_seconds, locale),
            hold=duration(form.hold_seconds, locale),
        ),
        _WORK[form.proof],
    ]


def oddities(form: EventForm, now: datetime, published: bool = False) -> list[Said]:
    """What somebody should look at once more; nothing here is forbidden. `published` says that
    fans have seen the event, so its sale may well have begun."""
    found: list[Said] = []
    if form.starts_at <= now:
        found.append(say("The event is in the past."))
    if form.sale_ends_at <= now:
        found.append(say("The sale would be over already."))
    elif form.sale_starts_at <= now and not published:
        found.append(say("The sale starts in the past: it opens as soon as you publish."))
    if form.sale_ends_at > form.starts_at:
        found.append(say("Tickets are sold after the event has begun."))
    if form.starts_at - now > _FAR_AWAY:
        found.append(say("The event is more than a year away."))
    if timedelta(seconds=form.hold_seconds) > _LONG_HOLD:
        found.append(say("A hold is long: tickets that nobody pays come back late."))
    if timedelta(seconds=form.pass_seconds) < _SHORT_PASS:
        found.append(say("A pass is short: somebody who reads slowly may miss the turn."))
    limits = Limits(
        form.capacity,
        form.max_per_fan,
        form.admit_per_minute,
        form.pass_capacity,
        form.pass_seconds,
        (form.sale_ends_at - max(form.sale_starts_at, now)).total_seconds(),
    )
    verdict, said = of_rate(limits)
    # The first sentence says how long the stock lasts; the others what does not fit.
    return found + (said[1:] if verdict != "good" else [])


def pace(form: EventForm) -> Said:
    """How long the stock lasts at this pace."""
    limits = Limits(
        form.capacity,
        form.max_per_fan,
        form.admit_per_minute,
        form.pass_capacity,
        form.pass_seconds,
        (form.sale_ends_at - form.sale_starts_at).total_seconds(),
    )
    return of_rate(limits)[1][0]
