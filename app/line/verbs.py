"""The line's verbs, typed: one script each. Places, visitors and states are those of
app/domain/places.py.

Every function takes the event's id and the epoch that Postgres believes in, and raises LineLost
when this Redis holds no valid copy of that epoch (nothing was done then) and LineUnavailable
when it did not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.domain.errors import TooManyJoins
from app.domain.line import STEP, Snapshot
from app.line.client import line_client
from app.line.keys import keys_of

_MOST_PER_CALL = 1000
_MOST_GONE_PER_CALL = 10_000


class Standing(NamedTuple):
    """Where a place stands: state is waiting, admitted, left, expired or unknown.

    `ahead` counts the places that wait before a waiting one; `pass_until` is the end of an
    admitted one's pass, in sale-time ms.
    """

    state: str
    number: int = 0
    turn: int = 0
    ahead: int = 0
    pass_until: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """What one call of admit did, and how many wait and are inside now."""

    admitted: int
    expired: int
    returned: int
    waiting: int
    inside: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What admission goes by. Rates per minute, lengths and moments in ms.

    `paused_at_ms` is 0 while the sale is not paused. Nobody with a number above `guard_number`
    is admitted, if there is one.
    """

    open: bool
    rate: int
    pass_capacity: int
    free: int
    pass_ms: int
    paused_ms: int
    paused_at_ms: int
    guard_number: int | None


def join(
    event_id: int,
    epoch: int,
    visitor: str,
    place_id: str,
    network: str = "",
    limit: int = 0,
    mark: str = "",
) -> tuple[str, int]:
    """(place id, number) of the visitor; `place_id` is used when the visitor has no place.

    At most `limit` new places a minute for one network, 0 for any number. `mark` is what the
    journal says of the network (network_mark()). Raises TooManyJoins.
    """
    keys = keys_of(event_id)
    found = line_client.run(
        "join",
        epoch,
        (
            keys.epoch,
            keys.seq,
            keys.line,
            keys.visitors,
            keys.places,
            keys.journal,
            keys.joins(network),
        ),
        visitor,
        place_id,
        limit,
        mark,
    )
    if isinstance(found, int):
        raise TooManyJoins(found)
    place, number = found.decode().split(" ")
    return place, int(number)


def leave(event_id: int, epoch: int, place_id: str) -> bool:
    """Give a place up; False when this copy knows no such live place."""
    keys = keys_of(event_id)
    done = line_client.run(
        "leave",
        epoch,
        (
            keys.epoch,
            keys.line,
            keys.visitors,
            keys.places,
            keys.passes,
            keys.journal,
            keys.ended,
            keys.gone,
        ),
        place_id,
    )
    return bool(done)


def status(event_id: int, epoch: int, place_id: str) -> Standing:
    """Where a place stands."""
    keys = keys_of(event_id)
    reply = line_client.run(
        "status",
        epoch,
        (keys.epoch, keys.line, keys.places, keys.passes, keys.ended),
        place_id,
    )
    state = reply[0].decode()
    if state == "waiting":
        return Standing(state, int(reply[1]), int(reply[2]), ahead=int(reply[3]))
    if state == "admitted":
        return Standing(state, int(reply[1]), int(reply[2]), pass_until=int(reply[3]))
    return Standing(state)


def head(event_id: int, epoch: int, most: int) -> list[str]:
    """The places that wait first, in order."""
    keys = keys_of(event_id)
    places = line_client.run("head", epoch, (keys.epoch, keys.line), most)
    return [place.decode() for place in places]


def restore(
    event_id: int,
    epoch: int,
    place_id: str,
    visitor: str,
    number: int,
    turn: int = 0,
    pass_until: int | None = None,
) -> bool:
    """Put a place back in at its own number, admitted if it has a pass.

    False when it has ended in this copy's life.
    """
    keys = keys_of(event_id)
    done = line_client.run(
        "restore",
        epoch,
        (
            keys.epoch,
            keys.seq,
            keys.line,
            keys.visitors,
            keys.places,
            keys.passes,
            keys.journal,
            keys.ended,
            keys.bucket,
        ),
        place_id,
        visitor,
        number,
        turn,
        "waiting" if pass_until is None else "admitted",
        "" if pass_until is None else pass_until,
    )
    return bool(done)


def end_place(event_id: int, epoch: int, place_id: str) -> bool:
    """Take out a place that Postgres says has ended; False when it was not there."""
    keys = keys_of(event_id)
    done = line_client.run(
        "end_place",
        epoch,
        (keys.epoch, keys.line, keys.visitors, keys.places, keys.passes, keys.gone),
        place_id,
    )
    return bool(done)


def lengthen(event_id: int, epoch: int, place_id: str, pass_until: int) -> bool:
    """Have a pass run out later (sale-time ms); False when the place has none here."""
    keys = keys_of(event_id)
    done = line_client.run("lengthen", epoch, (keys.epoch, keys.passes), place_id, pass_until)
    return bool(done)


def spend(event_id: int, epoch: int, challenge: str, place_id: str, seconds: int) -> bool:
    """Count a challenge for this place; False when it was counted for another. It is remembered
    for `seconds`."""
    keys = keys_of(event_id)
    return bool(
        line_client.run("spend", epoch, (keys.epoch, keys.spent(challenge)), place_id, seconds)
    )


def admit(event_id: int, epoch: int, rules: Rules) -> Admission:
    """Let passes run out and admit as many as time and room allow, 1,000 at most."""
    keys = keys_of(event_id)
    reply = line_client.run(
        "admit",
        epoch,
        (
            keys.epoch,
            keys.line,
            keys.visitors,
            keys.places,
            keys.passes,
            keys.free,
            keys.bucket,
            keys.journal,
            keys.ended,
        ),
        int(rules.open),
        rules.rate,
        rules.pass_capacity,
        rules.free,
        rules.pass_ms,
        rules.paused_ms,
        rules.paused_at_ms,
        "" if rules.guard_number is None else rules.guard_number,
        _MOST_PER_CALL,
    )
    return Admission(*map(int, reply))


def snapshot(event_id: int, epoch: int, gone_known: int = 0) -> tuple[Snapshot, list[str]]:
    """A snapshot of the line, and the waiting places that ended since the caller knew
    `gone_known` of them (10,000 at most; the next call brings the rest)."""
    keys = keys_of(event_id)
    counts, ranks, numbers, gone = line_client.run(
        "snapshot",
        epoch,
        (keys.epoch, keys.line, keys.passes, keys.free, keys.seq, keys.bucket, keys.gone),
        STEP,
        gone_known,
        _MOST_GONE_PER_CALL,
    )
    waiting, inside, free, last_number, admitted, top = map(int, counts)
    return (
        Snapshot(
            epoch=epoch,
            waiting=waiting,
            inside=inside,
            free=free,
            last_number=last_number,
            admitted=admitted,
            top=top,
            ranks=tuple(map(int, ranks)),
            numbers=tuple(map(int, numbers)),
        ),
        [place.decode() for place in gone],
    )
