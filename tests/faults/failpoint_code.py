"""What the code itself says of effects: which function has one, and which strikes a point.

A reader of the syntax trees of app/ and jobs/. A function is known by its module and its name
(`app.store.db.one_statement`, `app.line.client.LineClient.run`); what is nested in a function
belongs to it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.failpoints import BORDERS

ROOT = Path(__file__).resolve().parents[2]
REACHED = "app.failpoints.reached"

# What a driver's call looks like that has an effect outside this process: the attribute that is
# called, or a command of Redis among the arguments.
EFFECTS = {
    "commit",  # SQLAlchemy and psycopg
    "send_message",  # smtplib
    "sendmail",
    "stream",  # httpx
    "enqueue",  # rq
    "enqueue_call",
    "enqueue_job",
    "schedule",  # rq-scheduler
    "cancel",
}
SCRIPTS = ("EVAL", "EVALSHA", "FCALL")
# Who may speak to a server at all. A new module that imports a driver is a new border.
DRIVERS = {
    "httpx": {"app.gateway.client"},
    "smtplib": {"app.services.mail"},
    # The limits count in Redis what nothing depends on, through Flask-Limiter.
    "redis": {"app.line.client", "app.views.limits", "jobs.beat", "jobs.wake", "jobs.worker"},
    "rq": {"jobs.schedule", "jobs.wake", "jobs.worker"},
    "rq_scheduler": {"jobs.schedule"},
    "psycopg": {"app.store.bounded", "app.store.db", "app.store.lone"},
    "socket": {"app.line.client", "app.services.mail", "app.store.bounded"},
    "requests": set(),
    "urllib.request": set(),
    "subprocess": {"app.services.backup"},
}


@dataclass
class Function:
    """One function: what it calls, by full name as far as that can be told, and the raw effects
    in its body."""

    name: str
    calls: set[str] = field(default_factory=set)
    effects: list[str] = field(default_factory=list)

    @property
    def module(self) -> str:
        return self.name.partition("|")[0]

    @property
    def point(self) -> str:
        """As a failpoint names it."""
        module, _, inner = self.name.partition("|")
        return f"{module.rpartition('.')[2]}.{inner}"


def sources(root: Path = ROOT) -> dict[str, str]:
    """{module: text} of everything under app/ and jobs/."""
    found = {}
    for folder in ("app", "jobs"):
        for path in sorted((root / folder).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path.read_text()
    return found


def functions(texts: dict[str, str]) -> dict[str, Function]:
    """Every function of these modules."""
    found: dict[str, Function] = {}
    for module, text in texts.items():
        for one in _Reader(module, ast.parse(text)).read():
            found[_plain(one.name)] = one
    return found


def drivers(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(driver, module that imports it and has not been allowed to)."""
    for module, text in texts.items():
        for name in set(_imports(ast.parse(text)).values()):
            for driver, allowed in DRIVERS.items():
                if f"{name}.".startswith(f"{driver}.") and module not in allowed:
                    # Exceptions and constants of a driver do nothing.
                    if name.startswith(("redis.exceptions", "psycopg.errors")):
                        continue
                    yield driver, module


def strikers(found: dict[str, Function]) -> set[str]:
    """The functions of the borders that strike a point, by themselves or by what they call."""
    borders = {name for name, one in found.items() if one.module.startswith(BORDERS)}
    striking = {REACHED}
    while True:
        more = {name for name in borders - striking if found[name].calls & striking}
        if not more:
            return striking
        striking |= more


def having_effects(found: dict[str, Function]) -> list[Function]:
    """The functions above the borders that have an effect of their own."""
    striking = strikers(found)
    return [
        one for one in found.values() if not one.module.startswith(BORDERS) and one.calls & striking
    ]


def _plain(name: str) -> str:
    return name.replace("|", ".")


def _imports(tree: ast.AST) -> dict[str, str]:
    """{local name: full name} of what a module imports."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                if not alias.asname:
                    found[alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


class _Reader:
    """Reads one module."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree
        self.names = _imports(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.names[node.name] = f"{module}.{node.name}"

    def read(self) -> Iterator[Function]:
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef):
                yield self._function(node, node.name, "")
            elif isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef):
                        yield self._function(inner, f"{node.name}.{inner.name}", node.name)

    def _function(self, node: ast.FunctionDef, name: str, owner: str) -> Function:
        found = Function(f"{self.module}|{name}")
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                found.calls.add(self._full_name(inner.func, owner))
                found.effects += self._effects(inner)
        return found

    def _full_name(self, called: ast.expr, owner: str) -> str:
        parts: list[str] = []
        while isinstance(called, ast.Attribute):
            parts.append(called.attr)
            called = called.value
        if not isinstance(called, ast.Name):
            return ".".join(reversed(parts))
        if called.id == "self":
            first = f"{self.module}.{owner}"
        else:
            first = self.names.get(called.id, called.id)
        return ".".join([INSTANCES.get(first, first), *reversed(parts)])

    def _effects(self, call: ast.Call) -> list[str]:
        found = []
        # `session.commit()` is one; a function of ours with such a name is not.
        if isinstance(call.func, ast.Attribute) and call.func.attr in EFFECTS:
            base = call.func.value
            if not (isinstance(base, ast.Name) and base.id in self.names):
                found.append(call.func.attr)
        words = [word.value for word in call.args if isinstance(word, ast.Constant)]
        texts = [word.decode() if isinstance(word, bytes) else word for word in words]
        return found + [word for word in texts if isinstance(word, str) and word in SCRIPTS]


# The objects of the borders that modules share, and their classes.
INSTANCES = {
    "app.line.client.line_client": "app.line.client.LineClient",
    "app.extensions.settings": "app.extensions._Bound",
}
