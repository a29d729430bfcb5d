"""The faults drill in short: the product under load, struck a few times, judged as in `make faults`
but for its speed, which on a machine that runs other tests is another matter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from drill.faults import Struck
from drill.outcome import BEGIN, END, Outcome
from drill.plan import Step, plan
from drill.product import ROOT
from drill.strikes import KINDS

SHORT = (
    "redis_killed",
    "money_in_mid_job",
    "postgres_killed",
    "web_worker",
    "redis_flushed",
    "connections_cut",
)


@pytest.mark.parametrize("seed", [1, 7, 4711])
def test_sixty_faults_have_every_kind_at_least_twice_and_once_alone(seed):
    steps = plan(60, seed)
    struck = Counter(chain.from_iterable(step.kinds for step in steps))
    assert struck.total() == 60
    assert set(struck) == set(KINDS)
    assert min(struck.values()) >= 2
    assert {step.kinds[0] for step in steps if step.alone} == set(KINDS)
    assert any(not step.alone for step in steps)


def test_the_same_seed_strikes_the_same_way():
    assert plan(60, 7) == plan(60, 7)
    assert plan(60, 7) != plan(60, 8)


def test_two_faults_at_once_never_strike_the_same_server():
    for step in plan(200, 7):
        servers = [KINDS[name].server for name in step.kinds]
        # What is struck while the gateway is away is struck in turn.
        assert len(set(servers)) == len(servers) or step.kinds[0] == "gateway_away"


def test_the_table_in_the_docs_is_replaced_between_its_marks(tmp_path):
    page = tmp_path / "faults.md"
    page.write_text(f"before\n{BEGIN}\na table of last year\n{END}\nafter\n")
    outcome = an_outcome()
    outcome.write_docs(page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "last year" not in text
    assert outcome.table() in text


def an_outcome() -> Outcome:
    from drill.book import Book
    from drill.heal import Healing

    struck = Struck(Step(("redis_flushed",), 1), began=100.0, over=101.0)
    struck.healing = Healing(took=2.0, by_check={"line": 1.0})
    book = Book()
    book.refused("join", 503, "One moment, please", 0.1)
    book.refusals[0] = book.refusals[0]._replace(at=102.0)
    return Outcome(7, 80, [struck], book, [], 60.0)


def test_a_refusal_counts_for_the_fault_in_whose_time_it_came():
    rows = {row.words: row for row in an_outcome().rows()}
    row = rows[KINDS["redis_flushed"].words]
    assert (row.alone, row.refused, row.longest_heal) == (1, 1, 2.0)


def test_a_bound_that_was_not_kept_is_named():
    outcome = an_outcome()
    assert outcome.broken == []
    outcome.struck[0].healing.took = 31.0
    outcome.struck[0].healing.by_check["line"] = 11.0
    outcome.book.refused("poll", 503, "One moment, please", 3.5)
    assert [what.partition(":")[0] for what in outcome.broken] == [
        "redis_flushed",
        "redis_flushed",
        "poll was refused after 3.5 s (One moment, please)",
    ]
    outcome.struck[0].healing.took = None
    assert any("did not heal" in what for what in outcome.broken)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_product_under_load_survives_a_handful_of_faults(tmp_path: Path):
    out = tmp_path / "faults.json"
    command = [sys.executable, "-m", "drill.faults", "--fans", "30", "--patience", "5"]
    command += ["--out", str(out), "--faults", str(len(SHORT)), "--only", *SHORT]
    # A process of its own: the drill has an application, and a process has one.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert out.exists(), done.stderr
    found = json.loads(out.read_text())
    assert found["violations"] == []
    assert found["wrong"] == []
    assert all(step["healing"]["took"] is not None for step in found["steps"]), found["broken"]
    assert all(step["troubles"] == [] for step in found["steps"])
    assert [step["kinds"] for step in found["steps"]] == [[name] for name in SHORT]
