"""Line charts as SVG, readable by people who cannot see them: each has a title and a description.

Colours follow the reader's light or dark setting; series differ by dashes too, not by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 44, 48
_TICKS = 5
# Distances between marks that people read a clock by, in seconds.
_CLOCK = (1, 5, 10, 15, 30, 60, 120, 300, 600)
_DASHES = ("", "7 4", "2 3")

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600; font-size: 15px }
.soft { fill: #555 }
.grid { stroke: #ddd; stroke-width: 1 }
.axis { stroke: #777; stroke-width: 1 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.s0 { stroke: #0b57a4 } .s1 { stroke: #b3410e } .s2 { stroke: #3f6b1f }
.paper { fill: #fff }
@media (prefers-color-scheme: dark) {
text { fill: #eee } .soft { fill: #bbb } .grid { stroke: #444 } .axis { stroke: #999 }
.s0 { stroke: #7db8f2 } .s1 { stroke: #f2a27d } .s2 { stroke: #a5d183 } .paper { fill: #181818 }
}
"""


def line_chart(title: str, description: str, unit: str, series: Mapping[str, Points]) -> str:
    """The SVG of up to three series of (seconds, value). `unit` names what is counted;
    `description` says in words what the picture shows."""
    most_x = max((x for points in series.values() for x, _ in points), default=0) or 1
    most_y = max((y for points in series.values() for _, y in points), default=0) or 1
    step_y = _step(most_y)
    step_x = next((step for step in _CLOCK if most_x <= step * _TICKS), 60 * _step(most_x / 60))
    end_y = math.ceil(most_y / step_y) * step_y
    across = (WIDTH - LEFT - RIGHT) / most_x
    up = (HEIGHT - TOP - BOTTOM) / end_y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
    ]
    for value in _upto(end_y, step_y):
        y = HEIGHT - BOTTOM - value * up
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        label = f"{value:,.0f}"
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    base = HEIGHT - BOTTOM
    for value in _upto(most_x, step_x):
        x = LEFT + value * across
        parts.append(f'<path class="axis" d="M{x:.1f} {base}v5"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{base + 20}" text-anchor="middle">{_time(value)}</text>'
        )
    parts.append(f'<path class="axis" d="M{LEFT} {base}H{WIDTH - RIGHT}"/>')
    parts.append(
        f'<text class="soft" x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">'
        f"minutes since the first fan; up: {escape(unit)}</text>"
    )
    for index, (name, points) in enumerate(series.items()):
        path = " ".join(f"{LEFT + x * across:.1f},{base - y * up:.1f}" for x, y in _thin(points))
        dash = f' stroke-dasharray="{_DASHES[index]}"' if _DASHES[index] else ""
        parts.append(f'<polyline class="line s{index}"{dash} points="{path}"/>')
        if len(series) > 1:
            x = LEFT + index * 150
            parts.append(f'<path class="line s{index}"{dash} d="M{x} 33h26"/>')
            parts.append(f'<text x="{x + 32}" y="37">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _step(most: float) -> float:
    """A round distance between marks, so that there are about _TICKS of them."""
    rough = most / _TICKS
    magnitude = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5, 10):
        if rough <= factor * magnitude:
            return factor * magnitude
    return 10 * magnitude


def _upto(most: float, step: float) -> list[float]:
    return [index * step for index in range(math.floor(most / step + 1e-9) + 1)]


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _thin(points: Points) -> Points:
    """At most one point for each dot of the picture, the last one always."""
    each = max(1, len(points) // (WIDTH - LEFT - RIGHT))
    kept = list(points[::each])
    return [*kept, points[-1]] if points and kept[-1] != points[-1] else kept
