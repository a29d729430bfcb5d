"""What came of a drill of faults: the bounds, the table, and drill/out/faults.json."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drill.book import Book
from drill.product import ROOT
from drill.strikes import KINDS

if TYPE_CHECKING:
    from drill.faults import Struck

OUT = ROOT / "drill" / "out" / "faults.json"
DOCS = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- outcome: begin -->", "<!-- outcome: end -->"

# Bounds, in seconds.
HEALED_WITHIN = 30.0
WELL_WITHIN = 10.0
CLAIMS_WITHIN = 2.0
REFUSED_WITHIN = 3.0

TOGETHER = "several at once, the rest of the time"


@dataclass(slots=True)
class Row:
    """One line of the table."""

    words: str
    alone: int = 0
    together: int = 0
    longest_heal: float | None = None
    refused: int = 0
    unanswered: int = 0
    wrong: int = 0


@dataclass(slots=True)
class Outcome:
    """Everything that is known at the end; `violations` names what must hold and did not."""

    seed: int
    fans: int
    struck: list[Struck]
    book: Book
    violations: list[str]
    took: float
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def broken(self) -> list[str]:
        """What must hold and did not, and the bounds that were not kept."""
        return [*self.violations, *self._steps(), *self._late()]

    # -- bounds

    def _steps(self) -> Iterator[str]:
        for struck in self.struck:
            name = " + ".join(struck.step.kinds)
            yield from (f"{name}: {trouble}" for trouble in struck.troubles)
            yield from (f"{name}: {what}" for seen in struck.seen for what in seen.wrong)
            yield from (f"{name}: {what}" for what in _too_late(struck))

    def _late(self) -> Iterator[str]:
        slow = [r for r in self.book.refusals if r.took > REFUSED_WITHIN]
        slow_failures = [f for f in self.book.failures if f.took > REFUSED_WITHIN]
        for refusal in sorted(slow, key=lambda r: -r.took)[:5]:
            yield f"{refusal.kind} was refused after {refusal.took:.1f} s ({refusal.error})"
        for failure in sorted(slow_failures, key=lambda f: -f.took)[:5]:
            yield f"{failure.kind} ended after {failure.took:.1f} s without an answer"
        if len(slow) + len(slow_failures) > 5:
            yield f"{len(slow) + len(slow_failures)} requests took longer than 3 s to be refused"

    # -- table

    def rows(self) -> list[Row]:
        rows = {name: Row(kind.words) for name, kind in KINDS.items()}
        several = Row(TOGETHER)
        for struck in self.struck:
            row = rows[struck.step.kinds[0]] if struck.step.alone else several
            row.refused += self._count(self.book.refusals, struck)
            row.unanswered += self._count(self.book.failures, struck)
            row.wrong += self._count(self.book.wrong, struck)
            for name in struck.step.kinds:
                rows[name].alone += struck.step.alone
                rows[name].together += not struck.step.alone
            if struck.healing.took is not None:
                row.longest_heal = max(row.longest_heal or 0.0, struck.healing.took)
        found = [row for row in rows.values() if row.alone or row.together]
        for name, events in (
            ("refused", self.book.refusals),
            ("unanswered", self.book.failures),
            ("wrong", self.book.wrong),
        ):
            counted = sum(getattr(row, name) for row in [*found, several])
            setattr(several, name, getattr(several, name) + len(events) - counted)
        several.together = sum(not struck.step.alone for struck in self.struck)
        return [*found, several]

    @staticmethod
    def _count(events: list[Any], struck: Struck) -> int:
        return sum(struck.began <= event.at < struck.until for event in events)

    def table(self) -> str:
        lines = [
            "| Fault | alone | in company | longest healing | refused | no answer | wrong |",
            "|---|--:|--:|--:|--:|--:|--:|",
        ]
        for row in self.rows():
            heal = "-" if row.longest_heal is None else f"{row.longest_heal:.1f} s"
            lines.append(
                f"| {row.words} | {row.alone or '-'} | {row.together or '-'} | {heal}"
                f" | {row.refused} | {row.unanswered} | {row.wrong} |"
            )
        return "\n".join(lines)

    # -- words

    def measured(self) -> list[str]:
        """The bounds, and how near they were, in sentences."""
        claims = [s.claimed for k in self.struck for s in k.seen if s.claimed is not None]
        asked = sum(s.asked_to_claim for k in self.struck for s in k.seen)
        healed = [k.healing.took for k in self.struck if k.step.alone and k.healing.took]
        slowest = max((r.took for r in self.book.refusals), default=0.0)
        said = [
            f"{self.book.requests:,} requests were answered,"
            f' {len(self.book.refusals):,} of them with "not now" (the slowest after'
            f" {slowest:.1f} s), {len(self.book.failures):,} had no answer,"
            f" {len(self.book.wrong)} were wrong.",
        ]
        if healed:
            said.append(f"Struck alone, the longest healing took {max(healed):.1f} s.")
        if asked:
            said.append(
                f"Without Redis a claim was made {len(claims)} of {asked} times, the latest"
                f" {max(claims, default=0):.1f} s after the loss."
            )
        outcomes = ", ".join(f"{n} {what}" for what, n in self.book.outcomes().most_common())
        said.append(f"What became of {len(self.book.stories):,} fans: {outcomes}.")
        return said

    def report(self) -> str:
        verdict = "Everything that must hold, held."
        if self.broken:
            shown = "\n".join(f"  {what}" for what in self.broken[:40])
            verdict = f"{len(self.broken)} things that must hold did not:\n{shown}"
        head = f"\n{self.faults} faults (seed {self.seed}) in {self.took / 60:.0f} minutes.\n"
        return "\n".join([head, self.table(), "", *self.measured(), "", verdict])

    @property
    def faults(self) -> int:
        return sum(len(struck.step.kinds) for struck in self.struck)

    # -- files

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            "at": self.at.isoformat(),
            "machine": machine(),
            "faults": self.faults,
            "seed": self.seed,
            "fans_at_once": self.fans,
            "took_seconds": round(self.took, 1),
            "violations": self.violations,
            "broken": self.broken,
            "measured": self.measured(),
            "rows": [asdict(row) for row in self.rows()],
            "steps": [_step(struck) for struck in self.struck],
            "refusals": [tuple(refusal) for refusal in self.book.refusals],
            "failures": [tuple(failure) for failure in self.book.failures],
            "wrong": [tuple(wrong) for wrong in self.book.wrong],
            "messages": dict(self.book.messages),
        }
        path.write_text(json.dumps(facts, indent=1) + "\n")

    def write_docs(self, path: Path = DOCS) -> None:
        """Put the table between its two marks. Raises ValueError when they are not there."""
        before, begin, rest = path.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise ValueError(f"{path} has no place for the table")
        words = [
            f"{self.at:%d %B %Y}, {machine()}, `make faults FAULTS={self.faults} SEED={self.seed}`"
            f" ({self.took / 60:.0f} minutes, {self.fans} fans at any moment).",
            "",
            self.table(),
            "",
            *self.measured(),
            "Everything that must hold, held."
            if not self.broken
            else f"{len(self.broken)} things that must hold did not.",
        ]
        path.write_text("\n".join([before + begin, *words, end + after]))


def tell(number: int, of: int, struck: Struck, book: Book) -> None:
    """One line of progress."""
    healed = struck.healing.took
    words = (
        f"well after {healed:.1f} s" if healed is not None else f"NOT WELL: {struck.healing.last}"
    )
    what = " + ".join(struck.step.kinds)
    extra = "".join(f"  ! {trouble}" for trouble in struck.troubles)
    extra += "".join(f"  ! {wrong}" for seen in struck.seen for wrong in seen.wrong)
    if wrongs := len(book.wrong):
        extra += f"  ({wrongs} wrong so far: {book.wrong[-1].what})"
    print(f"{number:3}/{of} {what}: {struck.over - struck.began:.1f} s, {words}{extra}", flush=True)


def machine() -> str:
    cores = os.cpu_count() or 0
    return f"{cores} cores, {platform.system()}, Python {sys.version.split()[0]}"


def _too_late(struck: Struck) -> Iterator[str]:
    took = struck.healing.took
    if took is None:
        yield f"did not heal: {struck.healing.last}"
        return
    if took > HEALED_WITHIN:
        yield f"healed after {took:.1f} s ({struck.healing.last})"
    if not struck.step.alone:
        return
    kind = KINDS[struck.step.kinds[0]]
    line = struck.healing.by_check["line"]
    if kind.server == "redis" and line > WELL_WITHIN:
        yield f"the line was back after {line:.1f} s"
    if kind.server == "postgres" and took > WELL_WITHIN:
        yield f"all was well after {took:.1f} s ({struck.healing.last})"
    for seen in struck.seen:
        if seen.asked_to_claim and (seen.claimed is None or seen.claimed > CLAIMS_WITHIN):
            when = "never" if seen.claimed is None else f"after {seen.claimed:.1f} s"
            yield f"a claim was made through Postgres {when}"


def _step(struck: Struck) -> dict[str, Any]:
    return {
        "kinds": struck.step.kinds,
        "began": struck.began,
        "over": struck.over,
        "healing": asdict(struck.healing),
        "seen": [asdict(seen) for seen in struck.seen],
        "troubles": struck.troubles,
    }
