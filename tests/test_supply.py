"""What we did not write: pinned with hashes, under licences that we accept, unchanged."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from sandbox import licences

ROOT = Path(__file__).resolve().parents[1]
LISTS = list(licences.LISTS)
FOLDERS = ("app", "docs", "drill", "jobs", "sandbox", "static", "templates", "tests")


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_pinned_and_has_hashes_of_its_files(name):
    text = (ROOT / name).read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries = "\n".join(lines).replace("\\\n", " ").splitlines()
    assert entries
    wanted = r"[a-z0-9.-]+==\S+( ; [^-]+?)?(\s+--hash=sha256:[0-9a-f]{64})+"
    # A list names neither an index nor a folder of whoever made it.
    assert [entry for entry in entries if not re.fullmatch(wanted, entry)] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_list_has_what_it_was_made_of(name):
    pinned = dict(licences.PIN.findall((ROOT / name).read_text()))
    asked = re.findall(r"^[a-z0-9-]+", (ROOT / name).with_suffix(".in").read_text(), re.MULTILINE)
    wanted = {word for word in asked if not word.startswith("-")}
    assert wanted
    assert wanted <= set(pinned)


def test_two_lists_never_want_two_versions():
    pins = [pin for name in LISTS for pin in licences.PIN.findall((ROOT / name).read_text())]
    assert len(set(pins)) == len(dict(pins))


def test_everything_installed_has_a_licence_that_was_accepted():
    accepted = licences.ACCEPTED | set(licences.SINGLE.values())
    pinned = [row for name in LISTS for row in licences.rows(name)]
    assert [row for row in pinned if row[2] not in accepted] == []


def test_the_list_of_licences_is_that_of_what_is_pinned():
    assert licences.FILE.read_text() == licences.text(), "`make licences` writes it anew"


def test_every_vendored_file_is_listed_and_the_one_that_was_taken():
    told = re.findall(
        r"^ {4}([0-9a-f]{64})  (\S+)$", (ROOT / "docs/vendored.md").read_text(), re.MULTILINE
    )
    there = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    names = [str(file.relative_to(ROOT)) for file in there]
    vendored = {name for name in names if "/vendor/" in name or ".min." in name}
    assert vendored == {name for _, name in told}
    assert "static/vendor/htmx-2.0.11.min.js" in vendored
    for checksum, name in told:
        assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == checksum, name
