"""The history of one place, for the fan who holds it."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.events import EventFacts
from app.domain.histories import Change, Minute, Step, history
from app.domain.tokens import PlaceToken
from app.services import catalogue
from app.services.fresh import Fresh
from app.store import histories as store

# What is the same for the whole line is read once in so long, however many look (s).
_MAX_AGE_S = 10.0
_lines: dict[int, Fresh[tuple[Sequence[Change], Sequence[Minute]]]] = {}


def of(facts: EventFacts, token: PlaceToken) -> list[Step] | None:
    """What happened to a place, in order; None while Postgres has not heard of it, which takes a
    second at most. Raises StoreUnavailable."""
    place = store.place(facts.id, token.place_id)
    if place is None:
        return None
    changes, minutes = _line(facts.id)
    now = catalogue.moment(facts)
    return history(place, changes, minutes, facts.admit_per_minute, facts.sale_starts_at, now)


def _line(event_id: int) -> tuple[Sequence[Change], Sequence[Minute]]:
    kept = _lines.get(event_id)
    if kept is None:
        kept = _lines.setdefault(event_id, Fresh(lambda: store.line(event_id), _MAX_AGE_S))
    return kept.get()


def forget_all() -> None:
    """Forget every line."""
    _lines.clear()
