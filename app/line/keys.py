"""The names of the line's keys: built here and nowhere else.

The braces keep all keys of one event on one node of a Redis Cluster.
"""

from __future__ import annotations

from functools import lru_cache


class Keys:
    """The keys of one event.

    epoch     STRING  "<epoch>:<run_id>" of the life this copy is valid for
    building  STRING  the same, while a rebuild is writing the copy
    seq       STRING  the last number given
    line      ZSET    waiting places, score = number
    visitors  HASH    visitor -> place
    places    HASH    every live place -> "number:turn:visitor"
    passes    ZSET    admitted places, score = end of the pass in sale-time ms
    free      ZSET    free ticket numbers, score = the number
    leases    ZSET    ticket numbers on their way to a claim, score = end of the lease in ms
    bucket    HASH    tokens (60,000 admit one), at (ms), admitted (count), top (highest number)
    ended     HASH    places that left or expired -> state, until the journal is in Postgres
    gone      LIST    waiting places that ended, for the snapshots of the web processes
    journal   STREAM  what happened to places, until it is in Postgres
    """

    __slots__ = (
        "base",
        "bucket",
        "building",
        "ended",
        "epoch",
        "free",
        "gone",
        "journal",
        "leases",
        "line",
        "passes",
        "places",
        "seq",
        "visitors",
    )

    def __init__(self, event_id: int) -> None:
        self.base = base = f"fq:{{{event_id}}}:"
        self.bucket = base + "bucket"
        self.building = base + "building"
        self.ended = base + "ended"
        self.epoch = base + "epoch"
        self.free = base + "free"
        self.gone = base + "gone"
        self.journal = base + "journal"
        self.leases = base + "leases"
        self.line = base + "line"
        self.passes = base + "passes"
        self.places = base + "places"
        self.seq = base + "seq"
        self.visitors = base + "visitors"

    @property
    def copy(self) -> tuple[str, ...]:
        """All that a copy is made of. The other keys of an event run out by themselves."""
        return (
            self.epoch,
            self.building,
            self.seq,
            self.line,
            self.visitors,
            self.places,
            self.passes,
            self.free,
            self.leases,
            self.bucket,
            self.ended,
            self.gone,
            self.journal,
        )

    def lock(self, fan_id: int) -> str:
        """Held by the one request in which this fan is claiming."""
        return f"{self.base}lock:{fan_id}"

    def joins(self, network: str) -> str:
        """How many joined from there since its first one, for a minute."""
        return f"{self.base}joins:{network}"

    def spent(self, challenge: str) -> str:
        """The place that a challenge was counted for, until it has run out."""
        return f"{self.base}spent:{challenge}"

    def request(self, request_id: str) -> str:
        """What a request was answered, so that repeating it changes nothing."""
        return f"{self.base}req:{request_id}"


@lru_cache(maxsize=1024)
def keys_of(event_id: int) -> Keys:
    return Keys(event_id)
