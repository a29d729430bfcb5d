"""`make attack`, each of its attacks for a moment, and its table."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

from drill.attack.__main__ import ATTACKS, attack, main, table, write_docs
from drill.attack.bot_sale import search
from drill.attack.site import Row, saved
from drill.front import present

# These take a while even for a little.
ALONE = ("slow", "bots")
HELD = Row("wrong codes", 10_000, "none opened", True)
FAILED = Row("other hosts", 2, "one was taken for ours", False)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_defence_holds_against_a_little_of_each_attack() -> None:
    found = attack([name for name in ATTACKS if name not in ALONE], scale=0.001)
    assert found.keys() | set(ALONE) == ATTACKS.keys()
    assert all(row.times for rows in found.values() for row in rows)
    assert [row for rows in found.values() for row in rows if not row.held] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_so_does_nginx_against_slow_clients() -> None:
    if not present():
        pytest.skip("nginx is not installed, so no slow clients were tried.")
    found = attack(["slow"], scale=0.001)
    assert len(found["slow"]) == 5
    assert [row for row in found["slow"] if not row.held] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_scripts_and_fans_want_the_same_tickets() -> None:
    asked, listed = attack(["bots"], scale=0.001)["bots"]
    assert asked.held, asked.found
    assert listed.held, listed.found
    assert "light proof of work" in asked.what
    # Whose domain is on the list gets no code, and so the fans get every ticket.
    assert listed.found.startswith("0% of 20 tickets"), listed.found
    assert "20 of fans" in listed.found


def test_a_script_searches_until_it_has_found() -> None:
    salt = "a salt of the site's"
    number, core = search(salt, sha256(f"{salt}4711".encode()).hexdigest(), 10_000)
    assert number == 4711
    assert core > 0


def test_a_defence_that_failed_is_told_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rows, code in (([HELD], 0), ([HELD, FAILED], 1)):
        monkeypatch.setattr("drill.attack.__main__.attack", lambda *_, rows=rows: {"codes": rows})
        assert main(["--only", "codes", "--out", str(tmp_path)]) == code
    assert "| `codes`: other hosts | 2 | one was taken for ours | **no** |" in (
        capsys.readouterr().out
    )
    assert '"held": false' in (tmp_path / "attack.json").read_text()
    assert saved({"codes": [HELD]}).count("held") == 1


def test_the_table_goes_between_its_markers_and_nowhere_else() -> None:
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "security.md"
        document.write_text("# Security\n\n<!-- attack -->\nold\n<!-- /attack -->\nafter\n")
        write_docs(document, table({"codes": [HELD]}), "python -m drill.attack")
        written = document.read_text()
        assert written.startswith("# Security\n\n<!-- attack -->\n\n`python -m drill.attack`, 20")
        assert "old" not in written
        assert written.endswith("<!-- /attack -->\nafter\n")
        document.write_text("# Security\n")
        with pytest.raises(ValueError, match="no place"):
            write_docs(document, "", "")
