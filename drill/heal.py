"""Is all well again? Asked four times a second after each fault, until it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import redis

from app.config import load
from app.domain.errors import Refusal
from app.extensions import db
from app.factory import create_app
from app.line.keys import keys_of
from app.services import audit as auditor
from drill.probe import line_answers
from drill.stage import Stage

# What is due and in nobody's hands is taken within a beat of a second, unless many are before it.
OVERDUE = 5.0
LOOK_EVERY = 0.25

_OVERDUE = """
SELECT kind, attempts, round(extract(EPOCH FROM now() - due_at)) AS age, last_error FROM outbox
WHERE done_at IS NULL AND due_at < now() - %(by)s * interval '1 second'
    AND (taken_until IS NULL OR taken_until < now() - %(by)s * interval '1 second')
"""


@dataclass(slots=True)
class Healing:
    """How long it took, in seconds after the end of the fault: `took` until all was well (None:
    never), `by_check` until each check was good for the first time, `last` what was wrong last."""

    took: float | None = None
    by_check: dict[str, float] = field(default_factory=dict)
    last: str = ""


class Healer:
    """Looks at one event of the running product, and at its books."""

    def __init__(self, stage: Stage, slug: str, event_id: int) -> None:
        self.stage, self.slug, self.event_id = stage, slug, event_id
        # The audit of the product itself, with connections of the drill's own.
        self.app = create_app(load(stage.environment() | {"POOL_SIZE": "4"}))
        self.checks: dict[str, Callable[[float], str]] = {
            "line": lambda since: line_answers(stage.run, slug),
            "admission": self._admission,
            "outbox": self._outbox,
            "audit": lambda since: self.audit(),
        }

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def wait(self, since: float, patience: float) -> Healing:
        """Look until all is well; `since` is when the fault was over (time.time())."""
        healing = Healing()
        while True:
            wrong = self._look(since, healing)
            if not wrong:
                healing.took = time.time() - since
                return healing
            healing.last = wrong
            if time.time() - since > patience:
                return healing
            time.sleep(LOOK_EVERY)

    def _look(self, since: float, healing: Healing) -> str:
        for name, check in self.checks.items():
            try:
                wrong = check(since)
            except (psycopg.Error, redis.RedisError) as exc:
                wrong = repr(exc)
            if wrong:
                return f"{name}: {wrong}"
            healing.by_check.setdefault(name, time.time() - since)
        return ""

    def _admission(self, since: float) -> str:
        """Whether somebody asked the line for the next fans since the fault."""
        at = self.stage.line_redis.hget(keys_of(self.event_id).bucket, "at")
        return "" if at and int(at) > since * 1000 else "nobody is being admitted"

    def _outbox(self, since: float) -> str:
        with self.stage.database() as connection:
            found = connection.execute(_OVERDUE, {"by": OVERDUE}).fetchall()
        oldest = max((row.age for row in found), default=0)
        return f"{len(found)} debts are overdue, for {oldest} s: {found[0]}" if found else ""

    def audit(self, ask_gateway: bool = False) -> str:
        """What the product's own audit finds wrong; empty when nothing is."""
        try:
            with self.app.app_context():
                report = auditor.audit(ask_gateway)
        except Refusal as refusal:
            return refusal.message
        found = [f"{v.rule}: {v.id} {v.what}" for v in report.violations]
        return "; ".join([*found[:5], *report.unchecked])
