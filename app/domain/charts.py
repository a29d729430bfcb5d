"""A chart of a sale over time: counts in, the points of its lines out. No markup, no colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

# The drawing's own units: the page stretches it to whatever width there is.
WIDTH = 600.0
HEIGHT = 100.0
# Two samples further apart than this part of the whole time, and than any beat stutters, have a
# gap between them: nobody knows what was in it, so no line is drawn through it.
_GAP_PART = 0.05
_GAP_AT_LEAST = timedelta(minutes=2)


class Sample(Protocol):
    """What a chart needs of a sample."""

    @property
    def at(self) -> datetime: ...
    @property
    def waiting(self) -> int: ...
    @property
    def inside(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def sold(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Curve:
    """One count over time. `lines` and `areas` are SVG paths in WIDTH x HEIGHT units, the area
    closed at the bottom; `top` is the count at the upper edge, `now` the newest one."""

    top: int
    now: int
    lines: str
    areas: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over the same time by their names, and some of the samples as rows of a table, oldest
    first. "held" stands on "sold": it counts both."""

    first: datetime
    middle: datetime
    last: datetime
    curves: dict[str, Curve]
    rows: tuple[Sample, ...]


def draw(samples: Sequence[Sample], capacity: int, rows: int = 12) -> Chart | None:
    """The chart of these samples, oldest first; None when there are fewer than two."""
    if len(samples) < 2:
        return None
    first, last = samples[0].at, samples[-1].at
    counts = {
        "waiting": [sample.waiting for sample in samples],
        "inside": [sample.inside for sample in samples],
        "held": [sample.sold + sample.held for sample in samples],
        "sold": [sample.sold for sample in samples],
    }
    moments = [sample.at for sample in samples]
    tops = {"held": capacity, "sold": capacity}
    curves = {
        name: _curve(moments, values, tops.get(name) or round_up(max(values)))
        for name, values in counts.items()
    }
    return Chart(first, first + (last - first) / 2, last, curves, _some(samples, rows))


def round_up(count: int) -> int:
    """The next higher count that is easily read: 1, 2, 5, 10, 20, 50 ..."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= count:
                return step * power
        power *= 10


def _curve(moments: Sequence[datetime], values: Sequence[int], top: int) -> Curve:
    span = (moments[-1] - moments[0]).total_seconds()
    longest = max(span * _GAP_PART, _GAP_AT_LEAST.total_seconds())
    pieces: list[list[tuple[float, float]]] = []
    before: datetime | None = None
    for moment, value in zip(moments, values, strict=True):
        if before is None or (moment - before).total_seconds() > longest:
            pieces.append([])
        across = (moment - moments[0]).total_seconds() / span * WIDTH
        pieces[-1].append((across, HEIGHT - min(value / top, 1) * HEIGHT))
        before = moment
    lines = " ".join(_line(piece) for piece in pieces)
    areas = " ".join(
        f"{_line(piece)}L{piece[-1][0]:.1f} {HEIGHT:.0f}L{piece[0][0]:.1f} {HEIGHT:.0f}Z"
        for piece in pieces
    )
    return Curve(top, values[-1], lines, areas)


def _line(points: Sequence[tuple[float, float]]) -> str:
    # A lone point is drawn as a dot: a line of no length with round ends.
    shown = points if len(points) > 1 else [points[0], points[0]]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shown)


def _some(samples: Sequence[Sample], rows: int) -> tuple[Sample, ...]:
    step = max(1, -(-len(samples) // rows))
    # Counted from the newest, which is always one of them.
    return tuple(reversed(samples[::-1][::step]))
