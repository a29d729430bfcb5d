"""The header of a script is what its callers read, so it must say what the body does."""

from __future__ import annotations

import re

import pytest

from app.line.scripts import FOLDER

NAMES = sorted(path.stem for path in FOLDER.glob("*.lua"))


def parts(name: str) -> tuple[str, str]:
    """(header, body without comments)"""
    lines = (FOLDER / f"{name}.lua").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("--"))
    body = "\n".join(line.partition("--")[0] for line in lines[first:])
    return "\n".join(lines[:first]), body


def declared(kind: str, header: str) -> list[str]:
    return re.findall(rf"^-- {kind}\[(\d+(?:\.\.)?)\] \S", header, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["KEYS", "ARGV"])
def test_header_lists_each_key_and_argument_in_order(name: str, kind: str) -> None:
    header, _ = parts(name)
    numbers = [int(entry.rstrip(".")) for entry in declared(kind, header)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers, "every script has at least the epoch key and its value"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["KEYS", "ARGV"])
def test_body_uses_what_the_header_lists_and_nothing_else(name: str, kind: str) -> None:
    header, body = parts(name)
    entries = declared(kind, header)
    single = {int(entry) for entry in entries if not entry.endswith("..")}
    used = {int(number) for number in re.findall(rf"{kind}\[(\d+)\]", body)}
    # `for i = first, last do ... KEYS[i]` uses all from first to last.
    for first, last in re.findall(r"for i = (\d+), (\d+|#ARGV)", body):
        if f"{kind}[i" in body and last != "#ARGV":
            used |= set(range(int(first), int(last) + 1))
    assert used == single
    rest = [int(entry.rstrip(".")) for entry in entries if entry.endswith("..")]
    loops = [int(first) for first in re.findall(r"for i = (\d+), #ARGV", body)]
    if kind == "ARGV":
        assert sorted(set(loops)) == rest


@pytest.mark.parametrize("name", NAMES)
def test_header_lists_every_return(name: str) -> None:
    header, body = parts(name)
    promised = {
        line.partition("  ")[0].strip()
        for line in re.findall(r"^-- return (.*)", header, re.MULTILINE)
    }
    given = {line.strip() for line in re.findall(r"\breturn (.*)", body)}
    assert given == promised


@pytest.mark.parametrize("name", NAMES)
def test_script_stops_at_once_without_a_valid_copy(name: str) -> None:
    """Before its first write, each script compares the epoch (or the rebuild's mark)."""
    _, body = parts(name)
    check = body.index("return -1")
    writes = re.search(r"redis\.call\('(?!GET'|HGET'|ZRANGE|ZCARD|LRANGE|XRANGE|TIME|ZSCORE)", body)
    assert writes is None or check < writes.start()


@pytest.mark.parametrize("name", NAMES)
def test_script_avoids_what_breaks_under_load(name: str) -> None:
    _, body = parts(name)
    assert "unpack" not in body, "unpack fails past some thousands of values"
    assert "'KEYS'" not in body
    assert "'SCAN'" not in body


def test_every_script_is_used() -> None:
    code = "".join(path.read_text() for path in FOLDER.parent.glob("*.py"))
    assert [name for name in NAMES if f'"{name}"' not in code] == []
