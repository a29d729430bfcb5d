"""Plans of statements keep up with how fast a sale grows."""

from __future__ import annotations

from app.store import plans as store

# More than there are tables.
_AT_ONCE = 100


def analyze_once(most: int = _AT_ONCE) -> int:
    """Tell the planner of the tables that have grown, `most` of them: how many. One statement for
    each, since none may run for longer than any other statement."""
    done: list[str] = []
    while len(done) < most and (grown := store.analyze_grown(done)) is not None:
        done.append(grown)
    return len(done)
