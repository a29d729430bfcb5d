"""Plans of statements keep up with how fast a sale grows."""

from __future__ import annotations

from app.store import plans as store

# More than there are tables. One that somebody else counts at the moment is passed over, and named
# again.
_AT_ONCE = 100


def analyze_once(most: int = _AT_ONCE) -> int:
    """Tell the planner of the tables that have grown, `most` of them: how many. One statement for
    each, since none may run for longer than any other statement."""
    for done in range(most):
        if store.analyze_grown() is None:
            return done
    return most
