"""The events as this process knows them: never more than about a second old, while Postgres
answers. Whoever decides something asks Postgres itself; this is for showing and for pacing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from threading import Lock

from app.clock import monotonic, now
from app.domain.errors import EventUnknown
from app.domain.events import DRAFT, EventFacts
from app.services.fresh import Fresh
from app.store import events as store
from app.store.db import autocommit_engine, translated

_MAX_AGE_S = 1.0
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_by_slug: dict[str, Fresh[EventFacts]] = {}
_slugs: dict[int, str] = {}
_lock = Lock()


def facts(slug: str) -> EventFacts:
    """The event at this address. Raises EventUnknown (drafts are unknown to fans), or
    StoreUnavailable when Postgres is away and this process never saw the event."""
    kept = _by_slug.get(slug)
    if kept is None:
        if not _SLUG.fullmatch(slug):
            # No event can have such an address, and Postgres cannot even be asked for some.
            raise EventUnknown
        with _lock:
            kept = _by_slug.setdefault(slug, Fresh(lambda: _load(slug), _MAX_AGE_S))
    try:
        found = kept.get()
    except EventUnknown:
        # Anyone can ask for addresses that do not exist; they are not kept.
        with _lock:
            _by_slug.pop(slug, None)
        raise
    _slugs[found.id] = slug
    return found


def facts_if_known(slug: str) -> EventFacts | None:
    """As facts(), if that takes no question to Postgres."""
    kept = _by_slug.get(slug)
    return kept.peek() if kept else None


def facts_by_id(event_id: int) -> EventFacts:
    """As facts()."""
    slug = _slugs.get(event_id)
    if slug is None:
        with translated(), autocommit_engine().connect() as connection:
            found = store.by_id(connection, event_id)
        slug = _shown(found).slug
    return facts(slug)


def on_show() -> list[EventFacts]:
    """The events that fans may see, the next sale first. Raises StoreUnavailable as facts()."""
    return _on_show.get()


def live() -> list[EventFacts]:
    """The events with a line that moves or may move, straight from Postgres."""
    with translated(), autocommit_engine().connect() as connection:
        return store.live(connection)


def moment(event: EventFacts) -> datetime:
    """The present by Postgres' clock, as far as this process can tell."""
    kept = _by_slug.get(event.slug)
    if kept is None or kept.loaded_at < 0:
        return now()
    return event.as_of + timedelta(0, monotonic() - kept.loaded_at)


def silent(slug: str) -> bool:
    """Whether Postgres did not answer when this process last asked it about the event."""
    kept = _by_slug.get(slug)
    return kept is not None and kept.failing


def forget(slug: str) -> None:
    """Have the next caller look again: Postgres must know something newer."""
    kept = _by_slug.get(slug)
    if kept is not None:
        kept.stale()
    _on_show.stale()


def forget_all() -> None:
    """Forget every event."""
    with _lock:
        _by_slug.clear()
        _slugs.clear()
    _on_show.forget()


def _load(slug: str) -> EventFacts:
    with translated(), autocommit_engine().connect() as connection:
        return _shown(store.by_slug(connection, slug))


def _shown(found: EventFacts | None) -> EventFacts:
    if found is None or found.state == DRAFT:
        raise EventUnknown
    return found


def _load_on_show() -> list[EventFacts]:
    with translated(), autocommit_engine().connect() as connection:
        return store.on_show(connection)


_on_show = Fresh(_load_on_show, _MAX_AGE_S)
