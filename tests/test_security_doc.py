"""docs/security.md answers every requirement of ASVS 4.0.3, levels 1 and 2, once, and shows it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATES = {"met", "in part", "not met", "not applicable"}
# The numbers with their levels, of the standard's own list (V2.4 as in the release of 4.0.3).
REQUIRED = dict(line.split() for line in (ROOT / "tests/asvs_4_0_3.txt").read_text().splitlines())
NUMBER = re.compile(r"V(\d+)\.(\d+)\.(\d+)")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
FILE = re.compile(r"`([\w./@-]+)`")


def numbers(cell: str) -> list[str]:
    """V2.1.1, V2.1.3 is two of them; V2.1.1–V2.1.3 is three."""
    found: list[str] = []
    for part in cell.split(", "):
        ends = [NUMBER.fullmatch(end) for end in part.split("–")]
        assert all(ends), part
        first, last = (tuple(map(int, end.groups())) for end in (ends[0], ends[-1]) if end)
        assert first[:2] == last[:2], part
        found += [f"V{first[0]}.{first[1]}.{n}" for n in range(first[2], last[2] + 1)]
    return found


@cache
def rows() -> list[tuple[str, list[str], str, str, str]]:
    """Of each row of the chapters: chapter, numbers, state, words, what shows it."""
    found, chapter = [], ""
    for line in (ROOT / "docs/security.md").read_text().splitlines():
        if heading := re.match(r"### (V\d+) ", line):
            chapter = heading[1]
        elif chapter and line.startswith("| V"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 4, line
            found.append((chapter, numbers(cells[0]), cells[1], cells[2], cells[3]))
    return found


def test_every_requirement_stands_in_one_row_of_its_own_chapter() -> None:
    counted = Counter(number for _, answered, *_ in rows() for number in answered)
    assert {number for number, times in counted.items() if times > 1} == set()
    assert counted.keys() - REQUIRED.keys() == set()
    assert REQUIRED.keys() - counted.keys() == set()
    assert len(REQUIRED) == 259
    strange = [
        number
        for chapter, answered, *_ in rows()
        for number in answered
        if not number.startswith(f"{chapter}.")
    ]
    assert strange == []


def test_every_row_has_a_state_and_says_where_or_why() -> None:
    for _, answered, state, words, shown in rows():
        assert state in STATES, answered
        assert len(words) >= len("As V1.1.1"), answered
        if state == "met":
            assert TEST.search(shown) or shown.startswith("by reading: `"), answered


def test_every_test_that_is_named_exists() -> None:
    named = TEST.findall((ROOT / "docs/security.md").read_text())
    assert len(named) > 150
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or (name and f"def {name}(" not in source(file))
    ]
    assert missing == []


@cache
def source(file: str) -> str:
    return (ROOT / file).read_text()


def test_every_file_that_is_to_be_read_exists() -> None:
    told = [shown for *_, shown in rows() if shown.startswith("by reading: ")]
    assert told
    for shown in told:
        for file in FILE.findall(shown):
            assert (ROOT / file).exists(), shown


@pytest.mark.parametrize("cell", ["V2.1", "2.1.1", "V2.1.1-V2.1.3", "V2.1.1–V2.2.3"])
def test_an_odd_number_is_no_number(cell: str) -> None:
    with pytest.raises(AssertionError):
        numbers(cell)
