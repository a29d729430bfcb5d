"""What the benchmark found: the bars, the table, drill/out/bench.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drill.bench_kinds import (
    FLOOR_OF_INSERT,
    LONGEST_PROBE_S,
    TAIL,
    TAIL_READ_MS,
    TAIL_WRITE_MS,
    Kind,
)
from drill.counters import Trips
from drill.load import Load

OUT = Path(__file__).resolve().parent / "out"
# Facts of an event are read anew once a second, whoever asks; that is no trip of a request.
_TRIP_TOLERANCE = 0.1
# A whole journey, join to confirmed, jobs included; two more each for the code by mail.
JOURNEY = (12 + 2, 6 + 2)


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise and whether it was kept."""

    what: str
    wanted: str
    found: str
    met: bool


@dataclass(slots=True)
class Row:
    """What was measured of one kind: a Load for each turn, and the bare view's before it, both
    while the workers stood still; `busy`, one for each round, with the workers at what it leaves
    them."""

    kind: Kind
    loads: list[Load] = field(default_factory=list)
    busy: list[Load] = field(default_factory=list)
    bares: list[Load] = field(default_factory=list)
    inserts: list[Load] = field(default_factory=list)
    trips: tuple[float, float] | None = None
    counted: Trips | None = None

    @property
    def per_second(self) -> float:
        return _median(self.loads, "per_second")

    @property
    def p50_ms(self) -> float:
        return _median(self.loads, "p50_ms")

    @property
    def p99_ms(self) -> float:
        return _median(self.loads, "p99_ms")

    @property
    def slowest_probe(self) -> float:
        return max(load.slowest_probe for load in (*self.loads, *self.busy))

    @property
    def ratio(self) -> float:
        """To the bare view beside it, turn by turn."""
        return _ratio(self.loads, self.bares)

    @property
    def ratio_when_busy(self) -> float | None:
        """With the workers at work beside it, to the bare view without them."""
        if not self.busy:
            return None
        return _median(self.busy, "per_second") / _median(self.bares, "per_second")

    @property
    def ratio_to_insert(self) -> float | None:
        return _ratio(self.loads, self.inserts) if self.inserts else None

    def bars(self) -> Iterator[Bar]:
        """The bars of this kind, judged."""
        kind = self.kind
        if self.loads:
            yield from self._bars_of_speed()
        if kind.trips is not None and self.trips is not None:
            yield Bar(
                f"{kind.title}: round trips Postgres/Redis",
                f"<= {kind.trips[0]}/{kind.trips[1]}",
                f"{self.trips[0]:g}/{self.trips[1]:g}",
                all(
                    found <= most + _TRIP_TOLERANCE
                    for found, most in zip(self.trips, kind.trips, strict=True)
                ),
            )

    def _bars_of_speed(self) -> Iterator[Bar]:
        kind = self.kind
        if kind.floor is not None:
            yield Bar(
                f"{kind.title}: of the bare view",
                f">= {kind.floor:g} (goal {kind.goal})",
                f"{self.ratio:.2f}",
                self.ratio >= kind.floor,
            )
        if (ratio := self.ratio_to_insert) is not None:
            yield Bar(
                f"{kind.title}: of one INSERT",
                f">= {FLOOR_OF_INSERT:g}",
                f"{ratio:.2f}",
                ratio >= FLOOR_OF_INSERT,
            )
        most = TAIL_WRITE_MS if kind.write else TAIL_READ_MS
        yield Bar(
            f"{kind.title}: p99",
            f"<= {TAIL} x p50 or <= {most} ms",
            f"{self.p99_ms:.1f} ms, p50 {self.p50_ms:.1f} ms",
            self.p99_ms <= max(most, TAIL * self.p50_ms),
        )
        yield Bar(
            f"{kind.title}: a stranger is answered",
            f"<= {LONGEST_PROBE_S:g} s",
            f"{self.slowest_probe:.2f} s",
            self.slowest_probe <= LONGEST_PROBE_S,
        )

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": self.kind.name, "title": self.kind.title}
        if self.loads:
            found |= {
                "requests_per_second": round(self.per_second, 1),
                "p50_ms": round(self.p50_ms, 2),
                "p99_ms": round(self.p99_ms, 2),
                "ratio_to_bare": round(self.ratio, 3),
                "ratios": [
                    round(load.per_second / bare.per_second, 3)
                    for load, bare in zip(self.loads, self.bares, strict=True)
                ],
                "slowest_probe_s": round(self.slowest_probe, 3),
                "turns": [asdict(load) for load in self.loads],
                "bare": [asdict(load) for load in self.bares],
            }
        if (ratio := self.ratio_when_busy) is not None:
            found["ratio_with_jobs"] = round(ratio, 3)
            found["rounds_with_jobs"] = [asdict(load) for load in self.busy]
        if (ratio := self.ratio_to_insert) is not None:
            found["ratio_to_insert"] = round(ratio, 3)
        if self.trips is not None:
            found |= {"postgres_trips": self.trips[0], "redis_trips": self.trips[1]}
        if self.counted is not None:
            found["counted"] = asdict(self.counted)
        return found


def _median(loads: Sequence[Load], name: str) -> float:
    return statistics.median(getattr(load, name) for load in loads)


def _ratio(loads: Sequence[Load], besides: Sequence[Load]) -> float:
    return statistics.median(
        load.per_second / beside.per_second for load, beside in zip(loads, besides, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Journey:
    """So many whole journeys, from joining to tickets in hand, with the jobs they caused."""

    fans: int
    postgres: float
    redis: float
    counted: Trips

    def bar(self) -> Bar:
        return Bar(
            "whole journey: round trips Postgres/Redis",
            f"<= {JOURNEY[0]}/{JOURNEY[1]}",
            f"{self.postgres:g}/{self.redis:g}",
            self.postgres <= JOURNEY[0] and self.redis <= JOURNEY[1],
        )


def table(rows: Sequence[Row], journey: Journey | None) -> str:
    """The figures of every kind as a table in Markdown."""
    lines = [
        "| Request | requests/s | p50 | p99 | of the bare view | floor (goal)"
        " | with its jobs beside | slowest stranger | Postgres | Redis |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        kind = row.kind
        cells = [kind.title]
        if row.loads:
            cells += [f"{row.per_second:,.0f}", f"{row.p50_ms:.1f} ms", f"{row.p99_ms:.1f} ms"]
            cells += [f"{row.ratio:.2f}", f"{kind.floor:g} ({kind.goal})" if kind.floor else "-"]
            busy = row.ratio_when_busy
            cells += ["-" if busy is None else f"{busy:.2f}"]
            cells += [f"{row.slowest_probe * 1000:.0f} ms"]
        else:
            cells += ["-"] * 7
        cells += [f"{count:g}" for count in row.trips] if row.trips else ["-", "-"]
        lines.append(f"| {' | '.join(cells)} |")
    for row in rows:
        if row.inserts:
            cells = [
                f"{_median(row.inserts, 'per_second'):,.0f}",
                *["-"] * 3,
                f"claim: {row.ratio_to_insert:.2f} of it",
            ]
            lines.append(f"| a view with one INSERT | {' | '.join(cells)} | - | - | - | 1 | 0 |")
    bares = [load for row in rows for load in row.bares]
    if bares:
        per_second, p50, p99 = (_median(bares, name) for name in ("per_second", "p50_ms", "p99_ms"))
        cells = [f"{per_second:,.0f}", f"{p50:.1f} ms", f"{p99:.1f} ms", "1", "-"]
        slowest = max(load.slowest_probe for load in bares) * 1000
        lines.append(f"| the bare view | {' | '.join(cells)} | - | {slowest:.0f} ms | 0 | 0 |")
    if journey is not None:
        lines.append(
            f"| whole journey ({journey.fans} fans, jobs included) | {' | '.join(['-'] * 7)} |"
            f" {journey.postgres:g} | {journey.redis:g} |"
        )
    return "\n".join(lines)


def trips_table(journey: Journey) -> str:
    """What the round trips of whole journeys were, each fan's share."""
    lines = ["| Each fan | which |", "|---|---|"]
    for name, (postgres, redis) in sorted(journey.counted.by_program.items()):
        each = f"{postgres / journey.fans:.2f} / {redis / journey.fans:.2f}"
        lines.append(f"| {each} | Postgres / Redis, asked by {name} |")
    for kind, counts in (
        ("Postgres", journey.counted.statements),
        ("Redis, with what scripts call", journey.counted.commands),
    ):
        lines.append(f"| | **{kind}** |")
        for words, count in counts.items():
            if (each := round(count / journey.fans, 2)) > 0:
                lines.append(f"| {each:.2f} | `{words}` |")
    return "\n".join(lines)


def bars_in_words(bars: Sequence[Bar]) -> str:
    """One line for each bar: met or not."""
    wide = max(len(bar.what) for bar in bars)
    return "\n".join(
        f"{'met    ' if bar.met else 'NOT MET'} {bar.what:{wide}}  {bar.found}, wanted {bar.wanted}"
        for bar in bars
    )


def circumstances(command: str) -> dict[str, Any]:
    """When and where something was measured."""
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def save(name: str, facts: dict[str, Any]) -> Path:
    """Write drill/out/<name>.json."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps(facts, indent=2) + "\n")
    return path


def as_dict(found: Any) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def write_docs(name: str, facts: dict[str, Any], text: str) -> None:
    """Put a result between its markers in docs/performance.md, with its circumstances."""
    path = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
    before, begin, rest = path.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->\n")
    if not (begin and end):
        raise ValueError(f"docs/performance.md has no place for {name}")
    where = f"`{facts['command']}`, {facts['date']}, {facts['machine']}."
    path.write_text(f"{before}{begin}\n{where}\n\n{text}\n\n{end}{after}")


def tell(
    name: str, shown: str, facts: dict[str, Any], bars: Sequence[Bar], options: argparse.Namespace
) -> int:
    """The end of a measurement: print it, keep it, and put it into the document if `options` say
    `write_docs`. The exit code: 1 when a bar is not met and they say `strict`."""
    words = bars_in_words(bars)
    command = shlex.join(["python", "-m", f"drill.{name}", *sys.argv[1:]])
    found = circumstances(command) | facts | {"bars": [asdict(bar) for bar in bars]}
    print(f"\n{shown}\n\n{words}\n\n{save(name, found)} has the details.")
    if options.write_docs:
        write_docs(name, found, f"{shown}\n\n```\n{words}\n```")
    return 1 if options.strict and not all(bar.met for bar in bars) else 0
