"""Which folder may import which: STYLE's two arrows, held by import-linter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["wsgi.py", "app/__init__.py"])
def test_the_callable_and_the_package_stay_small(module: str) -> None:
    code = [line for line in (ROOT / module).read_text().splitlines() if line.strip()]
    assert len(code) <= 5


def test_only_config_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for folder in ("app", "jobs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]
    assert readers == ["app/config.py"]
