"""Whether a sale is ready to open: what each check says, and whether the limits fit the stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from app.domain.said import Said, say, say_n
from app.domain.words import duration

# An outside server is given this long before its silence counts (s); its worker calls within one.
PATIENCE = timedelta(seconds=25)
# A server that answered an hour ago may be away now.
GOOD_FOR = timedelta(hours=1)
BEATS_GOOD_FOR = timedelta(seconds=30)
# A fan who fills in the form without haste; passes last longer, so that nobody has to hurry.
_USUAL_CHOICE = timedelta(minutes=1)
# What is usually bought by those who may buy up to four.
_USUALLY_BOUGHT = 2
# Claims a second that the shop was measured to bear on a small machine (docs/performance.md).
_CLAIMS_A_SECOND = 200

Verdict = Literal["good", "warm", "bad", "asking"]


class Check(Protocol):
    """The latest try of something; see app/store/checks.py."""

    @property
    def asked_at(self) -> datetime | None: ...
    @property
    def answered_at(self) -> datetime | None: ...
    @property
    def ok(self) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What bears on the pace of a sale; seconds, and counts a minute."""

    capacity: int
    max_per_fan: int
    admit_per_minute: int
    pass_capacity: int
    pass_seconds: int
    sale_seconds: float


def of_server(check: Check | None, now: datetime) -> tuple[Verdict, Said]:
    """What a try of an outside server says now. One that was asked and has not answered in time
    is bad, whatever it answered before."""
    if check is None or (check.asked_at is None and check.answered_at is None):
        return "warm", say("Not tried yet.")
    asked, answered = check.asked_at, check.answered_at
    if asked is not None and (answered is None or answered < asked):
        if now - asked < PATIENCE:
            return "asking", say("Trying now.")
        return "bad", say("No answer: its worker does not run, or the other side is silent.")
    assert answered is not None
    if not check.ok:
        return "bad", say("It did not work.")
    if now - answered > GOOD_FOR:
        return "warm", say("It worked, but that is more than an hour ago: try again.")
    return "good", say("It works.")


def of_beats(check: Check | None, now: datetime) -> tuple[Verdict, Said]:
    """Whether the beats go, which admit, heal and end holds."""
    if check is None or check.answered_at is None:
        return "bad", say("They have never gone: start the beat and its workers.")
    if now - check.answered_at > BEATS_GOOD_FOR:
        return "bad", say("They stand: nobody would be admitted. Start the beat and its workers.")
    return "good", say("They go.")


def of_rate(limits: Limits) -> tuple[Verdict, list[Said]]:
    """Whether the pace fits the stock, and why, in sentences."""
    bought = min(_USUALLY_BOUGHT, limits.max_per_fan)
    # Never more come in than find room: who has come in stays about as long as a choice takes.
    longest_choice = min(_USUAL_CHOICE.total_seconds(), limits.pass_seconds)
    room_a_minute = limits.pass_capacity * 60 / longest_choice
    pace = min(limits.admit_per_minute, room_a_minute)
    takes = limits.capacity / bought / pace * 60
    said = [
        say_n(
            "If each buys one, all tickets are claimed within %(time)s.",
            "If each buys %(number)s, all tickets are claimed within %(time)s.",
            bought,
            time=duration(takes),
        )
    ]
    verdict: Verdict = "good"
    if takes > limits.sale_seconds:
        verdict = "bad"
        said.append(
            say("That is longer than the sale: raise the rate, or let the sale last longer.")
        )
    if limits.admit_per_minute > room_a_minute:
        verdict = "warm" if verdict == "good" else verdict
        said.append(
            say(
                "The room inside is for %(room)s a minute, so the rate of %(rate)s is not reached:"
                " raise “inside at once”, or lower the rate.",
                room=int(room_a_minute),
                rate=limits.admit_per_minute,
            )
        )
    if pace / 60 > _CLAIMS_A_SECOND:
        verdict = "warm" if verdict == "good" else verdict
        said.append(
            say(
                "More than %(number)s claims a second may come: ask the operator first.",
                number=_CLAIMS_A_SECOND,
            )
        )
    if limits.pass_capacity * bought > limits.capacity:
        said.append(
            say("Never more are inside than tickets are free, so the first ones take their time.")
        )
    return verdict, said
