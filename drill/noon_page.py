"""The noon in words and pictures: for the terminal, for drill/out, and for docs/performance.md."""

from __future__ import annotations

from drill.charts import line_chart
from drill.noon_judge import Judgement
from drill.product import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- noon -->", "<!-- /noon -->"
PICTURES = {"line": "noon-line.svg", "inside": "noon-inside.svg", "sold": "noon-sold.svg"}
# Request kinds that are shown on the page; all of them are in drill.json.
_SHOWN = 8
_HEADING = "# Performance\n"


def page(found: Judgement) -> str:
    """The page that ends the drill."""
    lines = [summary(found), "", "What must be 0:"]
    lines += [
        f"  {'ok' if not count else 'NO'}  {count:6,}  {what}" for what, count in found.must.items()
    ]
    lines += [f"        {example}" for example in found.examples]
    lines += ["", "How it ended for the fans:"]
    lines += [f"      {count:8,}  {outcome}" for outcome, count in found.outcomes.items()]
    lines += ["", "How long it took:"]
    lines += [f"  {_time(value):>10}  {what}" for what, value in found.times.items()]
    lines += ["", f"{'Requests':24}{'count':>10}{'p50':>10}{'p99':>10}"]
    for kind, row in list(found.requests.items())[:_SHOWN]:
        count = int(row["count"] or 0)
        lines.append(f"  {kind:22}{count:10,}{_time(row['p50']):>10}{_time(row['p99']):>10}")
    lines += ["", f"{'Memory at its peak':24}{'processes':>10}{'largest PSS':>14}{'all':>10}"]
    for program, peak in sorted(found.memory.items()):
        lines.append(
            f"  {program:22}{peak.processes:10}{_mb(peak.largest_pss):>14}{_mb(peak.all_pss):>10}"
        )
    return "\n".join(lines)


def summary(found: Judgement) -> str:
    """What happened, in a few sentences."""
    scenario, counts, times = found.scenario, found.counts, found.times
    verdict = "Everything held." if found.holds else "NOT everything held."
    return (
        f"{verdict} {scenario['fans']:,} fans came within ten seconds for {scenario['tickets']:,}"
        f" tickets. The last of them had a number after"
        f" {_time(times['until everybody had a number'])}. {counts['tickets sold']:,} tickets were"
        f" sold in {counts['claims']:,} claims, the last one after"
        f" {_time(times['to the last ticket'])}; after {_time(times['until all was settled'])}"
        f" everybody had heard how it ended and every naira was a ticket or a refund."
        f" The server answered {counts['requests']:,} requests."
        f"\nCompressed: passes of {scenario['pass_seconds']} s, holds of"
        f" {scenario['hold_seconds']} s and {scenario['grace_seconds']} s of grace;"
        f" {scenario['admit_per_minute']:,} let in a minute, at most"
        f" {scenario['pass_capacity']:,} inside."
        f"\n{found.machine}, shared with {scenario['processes']} client processes;"
        f" {found.began_at}."
    )


def draw(found: Judgement) -> dict[str, str]:
    """The pictures: file name and SVG."""
    looks = found.looks
    waiting = [(look.at, look.waiting) for look in looks]
    inside = [(look.at, look.inside) for look in looks]
    sold = [(look.at, look.sold) for look in looks]
    held = [(look.at, look.held) for look in looks]
    most = max((look.waiting for look in looks), default=0)
    most_inside = max((look.inside for look in looks), default=0)
    end = found.times["until everybody had gone home"]
    return {
        PICTURES["line"]: line_chart(
            "The line",
            f"People waiting over time: at most {most:,}. After the last ticket the line stands"
            f" still; everybody in it had been told after {_time(end)}.",
            "people waiting",
            {"waiting": waiting},
        ),
        PICTURES["inside"]: line_chart(
            "Inside",
            f"People with a pass over time: at most {most_inside:,} of"
            f" {found.scenario['pass_capacity']:,}.",
            "people with a pass",
            {"inside": inside},
        ),
        PICTURES["sold"]: line_chart(
            "Tickets",
            f"Tickets sold and held over time: all {found.scenario['tickets']:,} were sold after"
            f" {_time(found.times['to the last ticket'])}.",
            "tickets",
            {"sold": sold, "held, not paid yet": held},
        ),
    }


def write_docs(found: Judgement) -> None:
    """Put the section into docs/performance.md, and its pictures beside it."""
    for name, picture in draw(found).items():
        (DOCUMENT.parent / name).write_text(picture)
    text = DOCUMENT.read_text() if DOCUMENT.exists() else _HEADING
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## The noon\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{section(found)}{END}{after}")


def section(found: Judgement) -> str:
    """What stands between the marks of docs/performance.md."""
    scenario = found.scenario
    command = f"make drill FANS={scenario['fans']} TICKETS={scenario['tickets']}"
    rows = [
        *summary(found).splitlines(),
        "",
        f"The command was `{command}`.",
        "",
        "![People waiting over time](noon-line.svg)",
        "![People with a pass over time](noon-inside.svg)",
        "![Tickets sold and held over time](noon-sold.svg)",
        "",
        "| Must be 0 | Was |",
        "|---|---|",
        *(f"| {what} | {count:,} |" for what, count in found.must.items()),
        "",
        "| How long | |",
        "|---|---|",
        *(f"| {what} | {_time(value)} |" for what, value in found.times.items()),
        "",
        "| Request | Count | p50 | p99 |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {int(row['count'] or 0):,} | {_time(row['p50'])} | {_time(row['p99'])} |"
            for kind, row in found.requests.items()
        ),
        "",
        "| How it ended | Fans |",
        "|---|---|",
        *(f"| {outcome} | {count:,} |" for outcome, count in found.outcomes.items()),
        "",
        "| Peak memory (PSS) | Processes | Largest | All |",
        "|---|---|---|---|",
        *(
            f"| {program} | {peak.processes} | {_mb(peak.largest_pss)} | {_mb(peak.all_pss)} |"
            for program, peak in sorted(found.memory.items())
        ),
    ]
    return "\n".join(rows) + "\n"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
