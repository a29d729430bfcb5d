"""`make attack`: what strangers try, on a running product of its own.

    python -m drill.attack [--only NAME ...] [--scale 0.1] [--write-docs]

Ends with a table in words and drill/out/attack.json; with 1 if a single defence failed. A list of
what is tried is in ATTACKS, each a module of this package with one function.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drill.attack import (
    afterwards,
    bodies,
    bots,
    codes,
    cross_site,
    foreign,
    generated,
    hosts,
    log_ins,
    slow,
    tokens,
    tricks,
)
from drill.attack.site import ENVIRONMENT, Row, Site, saved
from drill.bench_report import circumstances
from drill.product import ROOT, product

OUT = ROOT / "drill" / "out"
DOCUMENT = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- attack -->\n", "<!-- /attack -->\n"

# What is tried, in this order: each takes (site, scale) and returns its rows.
ATTACKS: dict[str, Callable[[Site, float], list[Row]]] = {
    "codes": codes.attack,
    "cross_site": cross_site.attack,
    "addresses": foreign.attack,
    "bodies": bodies.attack,
    "generated": generated.attack,
    "hosts": hosts.attack,
    "slow": slow.attack,
    "bots": bots.attack,
    "tokens": tokens.attack,
    "tricks": tricks.attack,
    # Whom it has guessed at cannot log in from elsewhere for a while.
    "log_ins": log_ins.attack,
    "afterwards": afterwards.attack,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="drill.attack", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each is tried")
    parser.add_argument("--seed", type=int, default=Site.seed, help="of what is made by chance")
    parser.add_argument("--out", type=Path, default=OUT, help="where the results go")
    parser.add_argument("--write-docs", action="store_true", help="fill in docs/security.md")
    options = parser.parse_args(arguments)
    found = attack(options.only, options.scale, options.seed)
    text = table(found)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "attack.json").write_text(saved(found))
    print(f"\n{text}\n{options.out / 'attack.json'} has the same for programs.")
    if options.write_docs:
        given = sys.argv[1:] if arguments is None else arguments
        write_docs(DOCUMENT, text, shlex.join(["python", "-m", "drill.attack", *given]))
    return 0 if all(row.held for rows in found.values() for row in rows) else 1


def attack(names: Sequence[str], scale: float, seed: int = Site.seed) -> dict[str, list[Row]]:
    """Start a product, try what has these names, end it. Rows by name."""
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(prefix="fq-attack-", ignore_cleanup_errors=True) as folder:
        data_dir = Path(folder) / "var"
        with product(data_dir, **ENVIRONMENT) as run:
            site = Site(run, data_dir)
            site.seed = seed
            try:
                for name in names:
                    began = time.monotonic()
                    found[name] = ATTACKS[name](site, scale)
                    print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
                    # What was found so far is told even if a later attack breaks.
                    print(table({name: found[name]}), flush=True)
            finally:
                site.close()
    return found


def table(found: Mapping[str, Sequence[Row]]) -> str:
    lines = ["| What is tried | Times | What was found | Held |", "| --- | --: | --- | --- |"]
    for name, rows in found.items():
        for row in rows:
            held = "yes" if row.held else "**no**"
            lines.append(f"| `{name}`: {row.what} | {row.times:,} | {row.found} | {held} |")
    return "\n".join(lines) + "\n"


def write_docs(document: Path, text: str, command: str) -> None:
    """Put the table between its markers, and above it by which command, when, on which machine.

    Raises ValueError where there are no markers.
    """
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{document} has no place for the attack")
    told = "`{command}`, {date}, {machine}.".format_map(circumstances(command))
    document.write_text(f"{before}{begin}\n{told}\n\n{text}\n{end}{after}")


if __name__ == "__main__":
    sys.exit(main())
