"""What an organiser may write into an event's form, and what it means.

Pure: strings in, values out. Times are entered in the event's own time zone and come out in UTC;
the price is entered in the main unit (naira) and comes out in the smallest (kobo).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from app.domain.errors import Invalid
from app.domain.proofs import LEVELS
from app.domain.said import say

# What Paystack settles in; each has a hundred smallest units.
CURRENCIES = ("NGN", "GHS", "KES", "ZAR", "USD")
SMALLEST_UNITS = 100

HIGHEST_CAPACITY = 100_000
HIGHEST_RATE = 60_000
LONGEST_MESSAGE = 500
LONGEST_REASON = 200
# A clock time farther ahead than this is one that has just passed, on a page left open.
FARTHEST_NEXT_WORD = timedelta(hours=12)

# Fans hold links to the address and were told the price, so these stand still once published;
# the capacity has a control of its own, because it makes or removes tickets.
FIXED_ONCE_PUBLISHED = frozenset({"slug", "price", "currency", "time_zone", "capacity"})
# What the live page changes with a control each.
HAS_OWN_CONTROL = frozenset({"admit_per_minute", "pass_capacity"})

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LOCAL = "%Y-%m-%dT%H:%M"
# A browser's field for times may add seconds.
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])(?::[0-9]{2})?")
_MOMENTS = {
    "starts_at": say("Please write when the event starts, like 2027-03-20T19:30."),
    "sale_starts_at": say("Please write when the sale starts, like 2027-03-20T19:30."),
    "sale_ends_at": say("Please write when the sale ends, like 2027-03-20T19:30."),
}


@dataclass(frozen=True, slots=True)
class EventForm:
    """A form that holds: times in UTC, price in the smallest unit, durations in seconds."""

    title: str
    slug: str
    venue: str
    description: str
    time_zone: str
    starts_at: datetime
    sale_starts_at: datetime
    sale_ends_at: datetime
    capacity: int
    price: int
    currency: str
    max_per_fan: int
    hold_seconds: int
    pass_seconds: int
    admit_per_minute: int
    pass_capacity: int
    proof: str
    mark_joins: int

    def columns(self) -> dict[str, Any]:
        """The values by the name of their column."""
        return asdict(self)


def editable(state: str) -> frozenset[str]:
    """The names of the fields that may still change in this state."""
    fields = frozenset(EMPTY)
    if state == "draft":
        return fields
    if state == "closed":
        return frozenset()
    later = fields - FIXED_ONCE_PUBLISHED - HAS_OWN_CONTROL
    # A sale that has begun cannot begin at another time.
    return later if state == "published" else later - {"sale_starts_at"}


def check_event(values: Mapping[str, str]) -> EventForm:
    """The form's values, checked.

    Raises Invalid, with one sentence for each field that does not hold.
    """
    form = _Form(values)
    zone = form.zone("time_zone")
    title = form.text("title", say("Please give the event a title."), 120)
    checked = EventForm(
        title=title,
        slug=form.slug("slug", title),
        venue=form.text("venue", say("Please say where it takes place."), 160),
        description=form.text("description", "", 5_000),
        time_zone=zone.key,
        starts_at=form.moment("starts_at", zone),
        sale_starts_at=form.moment("sale_starts_at", zone),
        sale_ends_at=form.moment("sale_ends_at", zone),
        capacity=form.whole("capacity", 1, HIGHEST_CAPACITY),
        price=form.money("price"),
        currency=form.choice("currency", CURRENCIES),
        max_per_fan=form.whole("max_per_fan", 1, 20),
        hold_seconds=form.minutes("hold_minutes", 60),
        pass_seconds=form.minutes("pass_minutes", 60),
        admit_per_minute=form.whole("admit_per_minute", 1, HIGHEST_RATE),
        pass_capacity=form.whole("pass_capacity", 1, HIGHEST_CAPACITY),
        proof=form.choice("proof", LEVELS),
        mark_joins=form.whole("mark_joins", 0, HIGHEST_CAPACITY),
    )
    if form.holds("sale_starts_at", "sale_ends_at") and not (
        checked.sale_starts_at < checked.sale_ends_at
    ):
        form.errors["sale_ends_at"] = say("The sale has to end after it starts.")
    if form.errors:
        raise Invalid(form.errors)
    return checked


def form_values(event: Any) -> dict[str, str]:
    """An event's values as its form shows them; the inverse of check_event().

    `event` is anything with the columns of an event as attributes.
    """
    zone = ZoneInfo(event.time_zone)
    values = {name: str(getattr(event, name, "")) for name in EMPTY}
    for name in _MOMENTS:
        values[name] = getattr(event, name).astimezone(zone).strftime(_LOCAL)
    values["price"] = f"{Decimal(event.price) / SMALLEST_UNITS:.2f}"
    values["hold_minutes"] = _minutes(event.hold_seconds)
    values["pass_minutes"] = _minutes(event.pass_seconds)
    return values


# Every field of the form with what a new event's form shows.
EMPTY: dict[str, str] = {
    "title": "",
    "slug": "",
    "venue": "",
    "description": "",
    "time_zone": "Africa/Lagos",
    "starts_at": "",
    "sale_starts_at": "",
    "sale_ends_at": "",
    "capacity": "",
    "price": "",
    "currency": "NGN",
    "max_per_fan": "4",
    "hold_minutes": "10",
    "pass_minutes": "5",
    "admit_per_minute": "60",
    "pass_capacity": "50",
    "proof": "off",
    "mark_joins": "30",
}


def check_pause(
    reason: str, next_word: str, zone: ZoneInfo, now: datetime
) -> tuple[str, datetime | None]:
    """Why the sale is paused, as fans will read it, and when they hear more.

    `next_word` is a clock time in `zone` and means its next occurrence; empty means that no time
    is named. Raises Invalid (fields `reason`, `next_word`).
    """
    form = _Form({"reason": reason, "next_word": next_word})
    checked = form.text(
        "reason", say("Please say why: the fans in the line will read it."), LONGEST_REASON
    )
    at = form.next_clock("next_word", zone, now)
    form.raise_if_wrong()
    return checked, at


def next_word_value(at: datetime | None, time_zone: str) -> str:
    """The time of the next word as its form shows it; empty when none is named."""
    return at.astimezone(ZoneInfo(time_zone)).strftime("%H:%M") if at else ""


def check_message(text: str) -> str:
    """A message to the line; empty takes the last one away. Raises Invalid (field `message`)."""
    form = _Form({"message": text})
    message = form.text("message", "", LONGEST_MESSAGE)
    form.raise_if_wrong()
    return message


def check_whole(name: str, text: str, at_most: int) -> int:
    """A whole number from 1 to `at_most`. Raises Invalid (field `name`)."""
    form = _Form({name: text})
    number = form.whole(name, 1, at_most)
    form.raise_if_wrong()
    return number


@cache
def time_zones() -> tuple[str, ...]:
    """The time zones an event may be in, in order of the alphabet."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


def _minutes(seconds: int) -> str:
    return f"{Decimal(seconds) / 60:.2f}".rstrip("0").rstrip(".")


class _Form:
    """Reads field after field and gathers what is wrong, so that one look shows everything."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.errors: dict[str, str] = {}

    def holds(self, *names: str) -> bool:
        return not any(name in self.errors for name in names)

    def raise_if_wrong(self) -> None:
        if self.errors:
            raise Invalid(self.errors)

    def text(self, name: str, missing: str, longest: int) -> str:
        """`missing` is what to say when nothing was written; empty if that is fine."""
        # Postgres cannot store a NUL, and nobody types one.
        value = self._values.get(name, "").replace("\r\n", "\n").replace("\0", "").strip()
        if not value and missing:
            self.errors[name] = missing
        elif len(value) > longest:
            self.errors[name] = say(
                "That is %(length)s characters; %(most)s is the most.",
                length=len(value),
                most=longest,
            )
        return value

    def slug(self, name: str, title: str) -> str:
        value = self._values.get(name, "").strip().lower() or _slug_of(title)
        if not value and not title:
            # The missing title is what to put right.
            return value
        if not _SLUG.fullmatch(value) or len(value) > 80:
            self.errors[name] = say(
                "Small letters, digits and single dashes only, like lagos-live."
            )
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._values.get(name, "")
        if value not in choices:
            self.errors[name] = say("Please choose one of %(choices)s.", choices=", ".join(choices))
        return value

    def zone(self, name: str) -> ZoneInfo:
        value = self._values.get(name, "").strip()
        if value in time_zones():
            return ZoneInfo(value)
        self.errors[name] = say("We do not know this time zone. It looks like Africa/Lagos.")
        return ZoneInfo("UTC")

    def whole(self, name: str, at_least: int, at_most: int) -> int:
        value = re.sub(r"[ ,_\u00a0]", "", self._values.get(name, ""))
        if re.fullmatch(r"[0-9]{1,12}", value) and at_least <= int(value) <= at_most:
            return int(value)
        self.errors[name] = say(
            "Please write a whole number from %(least)s to %(most)s.", least=at_least, most=at_most
        )
        return at_least

    def minutes(self, name: str, at_most: int) -> int:
        minutes = _decimal(self._values.get(name, ""))
        if minutes is not None and Decimal("0.01") <= minutes <= at_most:
            return round(minutes * 60)
        self.errors[name] = say("Please write a number of minutes, at most %(most)s.", most=at_most)
        return 60

    def money(self, name: str) -> int:
        amount = _decimal(self._values.get(name, ""))
        if amount is None or not Decimal("0.01") <= amount <= 100_000_000:
            self.errors[name] = say("Please write an amount like 15000 or 15,000.50.")
            return 1
        smallest = amount * SMALLEST_UNITS
        if smallest != int(smallest):
            self.errors[name] = say("Two digits after the point are the most.")
        return int(smallest)

    def next_clock(self, name: str, zone: ZoneInfo, now: datetime) -> datetime | None:
        value = self._values.get(name, "").strip()
        if not value:
            return None
        found = _CLOCK.fullmatch(value)
        if found is None:
            self.errors[name] = say("Please write a clock time like 14:30.")
            return None
        today = now.astimezone(zone)
        local = today.replace(
            hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0, fold=0
        )
        # Shortly before midnight the next word may come shortly after it.
        moment = (local if local > today else local + timedelta(days=1)).astimezone(UTC)
        if moment - now > FARTHEST_NEXT_WORD:
            self.errors[name] = say(
                "%(time)s has passed, or is more than 12 hours away.", time=value
            )
        return moment

    def moment(self, name: str, zone: ZoneInfo) -> datetime:
        value = self._values.get(name, "").strip()
        try:
            local = datetime.strptime(value[:16], _LOCAL).replace(tzinfo=zone)
        except ValueError:
            self.errors[name] = _MOMENTS[name]
            return datetime(2000, 1, 1, tzinfo=UTC)
        if not 2000 <= local.year <= 2200:
            self.errors[name] = say("This year is too far away.")
            return datetime(2000, 1, 1, tzinfo=UTC)
        moment = local.astimezone(UTC)
        # When clocks go forward an hour does not exist: it comes back as another one.
        if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            self.errors[name] = say(
                "Clocks go forward then, so %(zone)s has no such time.", zone=zone.key
            )
        return moment


def _decimal(text: str) -> Decimal | None:
    value = re.sub(r"[ ,\u00a0\u20a6$]", "", text)
    return Decimal(value) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", value) else None


def _slug_of(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-")
