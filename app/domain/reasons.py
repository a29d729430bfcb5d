"""What a person gives as a reason, in a line of its own."""

from __future__ import annotations

from app.domain.errors import Invalid
from app.domain.said import say


def one_line(field: str, text: str, longest: int, missing: str = "") -> str:
    """The text with every run of spaces and line breaks as one space. `missing` is what to say when
    nothing was written; empty if that is fine. Raises Invalid (this field)."""
    # Postgres cannot store a NUL, and nobody types one.
    said = " ".join(text.replace("\0", "").split())
    if not said and missing:
        raise Invalid({field: missing})
    if len(said) > longest:
        too_long = say("Please say it in at most %(most)s letters.", most=longest)
        raise Invalid({field: too_long})
    return said
