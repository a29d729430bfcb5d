"""The free ticket numbers: taken on lease for a claim, settled, given back, and reconciled.

Numbers are idempotent where a counter is not: adding a free number twice changes nothing. All
functions take the event's id and the epoch that Postgres believes in, and raise LineLost (no
valid copy, nothing was done) or LineUnavailable (no answer; it may have been done).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from app.line.client import Call, line_client
from app.line.keys import keys_of

# Scripts take their numbers in chunks, so that none of them holds Redis for long.
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """These ticket numbers are on lease to the request."""

    numbers: list[int]


@dataclass(frozen=True, slots=True)
class Fewer:
    """Only `left` numbers are free, fewer than wanted (perhaps 0). Nothing was taken."""

    left: int


@dataclass(frozen=True, slots=True)
class ClaimInProgress:
    """Another request of the same fan is claiming. Nothing was taken."""


class Wanted(NamedTuple):
    """The numbers that one request of a fan wants."""

    event_id: int
    epoch: int
    fan_id: int
    request_id: str
    quantity: int


def take(wanted: Sequence[Wanted], lease_ms: int) -> list[Taken | Fewer | ClaimInProgress]:
    """For each, in one trip, take the lowest `quantity` free numbers on lease for `lease_ms`.

    Repeated with the same request id during the lease, it takes nothing more and gives the
    same numbers. When it raises, some may have been taken.
    """
    replies = line_client.run_all([_take(one, lease_ms) for one in wanted])
    return [_taken(reply) for reply in replies]


def _take(wanted: Wanted, lease_ms: int) -> Call:
    event_id, epoch, fan_id, request_id, quantity = wanted
    keys = keys_of(event_id)
    used = (keys.epoch, keys.free, keys.leases, keys.lock(fan_id), keys.request(request_id))
    return Call("take", epoch, used, (request_id, quantity, lease_ms))


def _taken(reply: Any) -> Taken | Fewer | ClaimInProgress:
    if reply[0] == -3:
        return ClaimInProgress()
    if reply[0] == -2:
        return Fewer(int(reply[1]))
    return Taken([int(number) for number in reply])


class Settled(NamedTuple):
    """A request whose claim Postgres has."""

    wanted: Wanted
    numbers: Sequence[int]
    place_id: str


def settle(settled: Sequence[Settled]) -> None:
    """Postgres has these claims: end the leases and the places, unlock the fans.

    Nobody waits for it: of a loss, reconciliation knows by Postgres. Raises LineUnavailable.
    """
    line_client.post_all([_settle(one) for one in settled])


def _settle(settled: Settled) -> Call:
    keys = keys_of(settled.wanted.event_id)
    used = (
        keys.epoch,
        keys.free,
        keys.leases,
        keys.lock(settled.wanted.fan_id),
        keys.line,
        keys.visitors,
        keys.places,
        keys.passes,
        keys.gone,
    )
    request_id, epoch = settled.wanted.request_id, settled.wanted.epoch
    return Call("settle", epoch, used, (request_id, settled.place_id, *settled.numbers))


def give_back(
    event_id: int,
    epoch: int,
    fan_id: int,
    request_id: str,
    free_numbers: Sequence[int],
    drop_numbers: Sequence[int],
) -> int:
    """The claim was not made: offer `free_numbers` again, forget `drop_numbers`, unlock the fan.

    Only numbers still on lease to this request are touched. Returns how many are on offer again.
    """
    keys = keys_of(event_id)
    returned: int = line_client.run(
        "give_back",
        epoch,
        (keys.epoch, keys.free, keys.leases, keys.lock(fan_id), keys.request(request_id)),
        request_id,
        len(free_numbers),
        *free_numbers,
        *drop_numbers,
    )
    return returned


def add_free(event_id: int, epoch: int, numbers: Collection[int]) -> int:
    """Offer tickets that went free in Postgres. Returns how many were not on offer before."""
    keys = keys_of(event_id)
    return sum(
        line_client.run("add_free", epoch, (keys.epoch, keys.free, keys.leases), *chunk)
        for chunk in _chunks(numbers)
    )


def drop_free(event_id: int, epoch: int, numbers: Collection[int]) -> int:
    """Offer these tickets no more. Returns how many were on offer."""
    keys = keys_of(event_id)
    return sum(
        line_client.run("drop_free", epoch, (keys.epoch, keys.free), *chunk)
        for chunk in _chunks(numbers)
    )


def look(event_id: int, epoch: int, low: int, high: int) -> tuple[set[int], dict[int, int], int]:
    """The numbers n with low <= n < high, 1,000 at most: (free, {leased: end of lease in ms},
    now in ms), all of one moment."""
    keys = keys_of(event_id)
    now_ms, free, leased = line_client.run(
        "look", epoch, (keys.epoch, keys.free, keys.leases), low, high
    )
    leases = [int(word) for word in leased.split()]
    return (
        set(map(int, free.split())),
        dict(zip(leases[::2], leases[1::2], strict=True)),
        int(now_ms),
    )


def heal(event_id: int, epoch: int, add: Collection[int], drop: Collection[int]) -> int:
    """Act on differences that were seen twice and still hold; returns how many did.

    A number is added only if it is neither free nor on a living lease; a lease that ran out is
    dropped.
    """
    keys = keys_of(event_id)
    healed = 0
    for added, chunks in ((True, _chunks(add)), (False, _chunks(drop))):
        for chunk in chunks:
            healed += line_client.run(
                "heal",
                epoch,
                (keys.epoch, keys.free, keys.leases),
                len(chunk) if added else 0,
                *chunk,
            )
    return healed


def _chunks(numbers: Collection[int]) -> Iterator[list[int]]:
    rest = iter(sorted(numbers))
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
