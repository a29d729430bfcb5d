"""The audit: does everything that must hold, hold? It reads and never heals."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from app.domain import errors
from app.services import audit_gateway, reconciliation
from app.store import audit as store
from app.store.db import snapshot


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that should not be: which rule it breaks, its id, and what is wrong."""

    rule: str
    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """All violations, and what could not be looked at (with the reason)."""

    rules: list[str]
    violations: list[Violation]
    unchecked: list[str]


REDIS_RULES = ["free_numbers_match_redis", "line_matches_redis"]


def audit(ask_gateway: bool = False) -> Report:
    """Check Postgres against itself, then against Redis, then, if asked to, against the
    gateway's books. Raises StoreUnavailable."""
    rules = [*store.rules(), *REDIS_RULES]
    violations = _postgres_against_itself()
    unchecked: list[str] = []
    try:
        violations += _postgres_against_redis()
    except errors.LineUnavailable as exc:
        unchecked = [f"{rule}: {exc.message}" for rule in REDIS_RULES]
    if ask_gateway:
        rules += audit_gateway.RULES
        try:
            violations += [Violation(*astuple(found)) for found in audit_gateway.mismatches()]
        except audit_gateway.GatewayAway as exc:
            unchecked += [f"{rule}: {exc}" for rule in audit_gateway.RULES]
    return Report(rules, violations, unchecked)


def _postgres_against_itself() -> list[Violation]:
    # One moment for all rules, or a sale in full swing looks inconsistent.
    with snapshot() as connection:
        return [
            Violation(rule, *row)
            for rule in store.rules()
            for row in store.violations(connection, rule)
        ]


def _postgres_against_redis() -> list[Violation]:
    violations: list[Violation] = []
    for found in reconciliation.differences():
        violations += [Violation(REDIS_RULES[0], *row) for row in found.sentences()]
        violations += [Violation(REDIS_RULES[1], *row) for row in found.stray_sentences()]
    return violations
