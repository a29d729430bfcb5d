"""What our own code never does, whatever a stranger sends."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Modules that read what could be code, files or other machines, and the one place that may.
DANGEROUS = {
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
    "yaml": set(),
    "xml": set(),
    "lxml": set(),
    "ctypes": set(),
    "urllib.request": set(),
    "requests": set(),
    "ldap3": set(),
    # Programs of PostgreSQL, with lists of our own making.
    "subprocess": {"app/services/backup.py"},
    # The gateway, and no other address.
    "httpx": {"app/gateway/client.py"},
    "smtplib": {"app/services/mail.py", "app/services/readiness.py"},
}
CALLS = {"eval", "exec", "compile", "__import__", "render_template_string", "system", "popen"}


def files() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("app", "jobs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_nothing_that_could_run_what_it_reads_is_imported() -> None:
    found = {
        (file, module)
        for file, tree in files()
        for module in DANGEROUS
        for name in imported(tree)
        if name == module or name.startswith(f"{module}.")
    }
    assert {one for one in found if one[0] not in DANGEROUS[one[1]]} == set()
    assert ("app/services/backup.py", "subprocess") in found


def test_nothing_is_evaluated_and_no_shell_is_asked() -> None:
    wrong = []
    for file, tree in files():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            of_a_module = isinstance(node.func, ast.Attribute) and name == "compile"
            if (name in CALLS and not of_a_module) or any(
                word.arg == "shell" for word in node.keywords
            ):
                wrong.append(f"{file}:{node.lineno} {name}")
    assert wrong == []


def test_scripts_of_ours_put_no_text_together_into_code_or_markup() -> None:
    scripts = sorted((ROOT / "static").glob("*.js"))
    assert len(scripts) >= 5
    for script in scripts:
        found = re.findall(
            r"\beval\b|\bnew Function\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write",
            script.read_text(),
        )
        assert found == [], script.name


def test_nothing_in_a_template_is_marked_safe_but_drawings_of_ours() -> None:
    found = {
        (str(path.relative_to(ROOT / "templates")), expression.strip())
        for path in (ROOT / "templates").rglob("*.html")
        for expression in re.findall(r"\{\{([^}]*\|\s*safe\b[^}]*)\}\}", path.read_text())
    }
    assert found == {
        ("staff/code_on.html", "offer.qr|safe"),
        ("claims/tickets.html", "ticket.qr|safe"),
        ("line/carry.html", "offer.qr|safe"),
    }
