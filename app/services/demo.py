"""Something to look at on a development machine: an organisation in Lagos, three people who work
for it, and three events."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

from app import clock
from app.domain.errors import Refusal, StaffExists, StateGone
from app.domain.event_forms import EMPTY
from app.extensions import settings
from app.services import events, staff
from app.services.staff import ADMIN, ORGANISER, SUPPORT, StaffMember

ORGANISATION = "Lagos Live"
_LAGOS = ZoneInfo("Africa/Lagos")
_PEOPLE = {
    ORGANISER: ("Amaka Eze", "organiser@lagoslive.example"),
    SUPPORT: ("Tunde Bello", "support@lagoslive.example"),
    ADMIN: ("Ngozi Adeyemi", "admin@lagoslive.example"),
}


class LogIn(TypedDict):
    email: str
    password: str


class Demo(TypedDict):
    """Log-ins by role, and the events' slugs: on sale, opening soon, paused."""

    staff: dict[str, LogIn]
    events: list[str]


def load_demo() -> Demo:
    """Load what is missing of the demo data; a second call changes nothing.

    Raises Refusal outside development: its passwords can be read by anyone.
    """
    if not settings.development:
        raise Refusal("Demo data is for development only: everyone can read its passwords.")
    log_ins = {
        role: LogIn(email=email, password=f"lagos-live-{role}")
        for role, (_, email) in _PEOPLE.items()
    }
    for role, (name, email) in _PEOPLE.items():
        # Those of an earlier start are there already.
        with suppress(StaffExists):
            staff.add(ORGANISATION, email, name, role, log_ins[role]["password"])
    organiser = staff.by_email(log_ins[ORGANISER]["email"])
    present = {event.slug for event in events.own(organiser)}
    shows = _shows(clock.now())
    for show in shows:
        if show["slug"] not in present:
            events.create(organiser, show)
        _lead_on(organiser, show["slug"])
    return Demo(staff=log_ins, events=[show["slug"] for show in shows])


def _lead_on(organiser: StaffMember, slug: str) -> None:
    """Take the steps that nobody has taken yet: an earlier start may have died between two."""
    taken = {
        happening.verb for happening in events.history(organiser, events.look(organiser, slug))
    }
    # Whoever has led the event elsewhere since, the calendar or a person, is right.
    with suppress(StateGone):
        if "published" not in taken:
            events.publish(organiser, slug, "draft")
        if "opened" not in taken and slug != _SOON:
            events.open_sale(organiser, slug, "published")
        if "paused" not in taken and slug == _PAUSED:
            within_the_hour = f"{clock.now().astimezone(_LAGOS) + timedelta(minutes=50):%H:%M}"
            events.pause(organiser, slug, "on_sale", _REASON, within_the_hour)


_ON_SALE = "harmattan-nights"
_SOON = "palmwine-sunday"
_PAUSED = "eko-comedy-gala"
_REASON = "We are checking the seating plan with the theatre."


def _shows(now: datetime) -> list[dict[str, str]]:
    """The events as forms, in the order of Demo.events."""
    today = now.astimezone(_LAGOS)

    def at(days: int, hour: int, minute: int = 0) -> str:
        day = today + timedelta(days=days)
        return _entered(day.replace(hour=hour, minute=minute))

    on_sale = {
        "slug": _ON_SALE,
        "title": "Harmattan Nights",
        "venue": "Lagoon Amphitheatre, Victoria Island, Lagos",
        "description": (
            "One stage at the water, five bands, and the whole night for highlife and Afrobeat."
            " Doors open at 18:00, music from 19:30 until two in the morning.\n\n"
            "Standing only, with seats for those who need them: ask at the gate. Food from eleven"
            " Lagos kitchens; bring a jacket, the harmattan is cool at night."
        ),
        "starts_at": at(45, 19, 30),
        "sale_starts_at": _entered(today - timedelta(hours=1)),
        "sale_ends_at": at(45, 12),
        "capacity": "200",
        "price": "15,000",
    }
    soon = {
        "slug": _SOON,
        "title": "Palmwine Sunday",
        "venue": "The Old Customs Garden, Marina, Lagos",
        "description": (
            "Juju guitars, talking drums and long tables under the trees. An afternoon for"
            " families; children under twelve come in free with a grown-up.\n\n"
            "The line is open before the sale starts, and everyone keeps the place at which they"
            " joined."
        ),
        "starts_at": at(60, 14),
        "sale_starts_at": _entered(today + timedelta(hours=2)),
        "sale_ends_at": at(58, 20),
        "capacity": "1,500",
        "price": "8,500",
        "admit_per_minute": "120",
        "pass_capacity": "100",
    }
    paused = {
        "slug": _PAUSED,
        "title": "Eko Comedy Gala",
        "venue": "Broad Street Theatre, Lagos Island",
        "description": (
            "Eight comedians, one host who has been told to keep time, and no video screens."
            " Seats are free to choose on the night; the doors close when the show begins."
        ),
        "starts_at": at(21, 20),
        "sale_starts_at": _entered(today - timedelta(hours=3)),
        "sale_ends_at": at(21, 18),
        "capacity": "400",
        "price": "12,000",
        "max_per_fan": "2",
        "pass_capacity": "40",
    }
    return [EMPTY | show for show in (on_sale, soon, paused)]


def _entered(moment: datetime) -> str:
    """As an organiser enters it, in the event's time zone."""
    return moment.strftime("%Y-%m-%dT%H:%M")
