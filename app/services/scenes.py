"""What everybody in a line is told alike, worked out once a second and not at every poll."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from app.domain import line as rules
from app.domain.events import Availability, EventFacts, Phase, availability, phase
from app.domain.line import LineStatus, head_of
from app.services import catalogue
from app.services.pictures import Picture


class Depth(NamedTuple):
    """What all are told alike who wait at one depth, which is far back between the same two pivots,
    and near the head behind as many others: `told` but for number, place and poll. `delay` is when
    they ask again, in seconds before the jitter. Who shows it may keep in `shown` what that takes,
    by language."""

    told: LineStatus
    delay: float
    shown: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """One line at one moment, from a picture and the facts beside it: good for as long as these
    are, a second, and as Postgres is as `silent` as it was. `rate` is admissions per minute,
    `until_start` in seconds. `line_safe` is False while Redis is away, unless the sale is over:
    then it does not matter. `unsure` is the part of a wait by which it may turn out otherwise;
    `seen_pace` says that the pace was watched. Places with a number after `far_after`, up to
    `far_until`, are surely waiting, far back. `far` has their depths by pivot, `near` those at the
    head by how many are ahead, as far as somebody asked.
    """

    facts: EventFacts
    seen: Picture
    silent: bool
    now: datetime
    sale: Phase
    availability: Availability
    until_start: float
    line_safe: bool
    stands: str
    rate: float
    unsure: float
    seen_pace: bool
    slow: bool
    far_after: int
    far_until: int
    far: dict[int, Depth] = field(default_factory=dict, compare=False)
    near: dict[int, Depth] = field(default_factory=dict, compare=False)


_kept: dict[int, Scene] = {}


def scene_of(facts: EventFacts, seen: Picture) -> Scene:
    scene, silent = _kept.get(facts.id), catalogue.silent(facts.slug)
    if (
        scene is None
        or scene.facts is not facts
        or scene.seen is not seen
        or scene.silent is not silent
    ):
        scene = _kept[facts.id] = _scene(facts, seen, silent)
    return scene


def _scene(facts: EventFacts, seen: Picture, silent: bool) -> Scene:
    now = catalogue.moment(facts)
    sale = phase(facts, now)
    line_safe = not seen.away or sale == "closed"
    unsure = rules.uncertainty(facts.admit_per_minute, seen.observed_rate)
    seen_pace = seen.observed_rate is not None
    return Scene(
        facts,
        seen,
        silent,
        now,
        sale,
        availability(facts),
        max(0.0, (facts.sale_starts_at - now).total_seconds()),
        line_safe,
        # Nobody is admitted while Redis or Postgres is away, nor knows for how long that is.
        rules.SAFE if not line_safe else rules.STANDS if silent else "",
        rules.expected_rate(facts.admit_per_minute, seen.observed_rate),
        unsure,
        seen_pace,
        seen_pace and unsure > 0,
        *_far_back(facts, seen, sale),
    )


def _far_back(facts: EventFacts, seen: Picture, sale: Phase) -> tuple[int, int]:
    snapshot = seen.snapshot
    if seen.away or snapshot is None or snapshot.epoch != facts.epoch or sale == "closed":
        return 0, 0
    return snapshot.far_back(head_of(facts.admit_per_minute))
