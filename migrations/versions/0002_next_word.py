"""When the fans of a paused sale hear more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "events", sa.Column("pause_next_word_at", sa.DateTime(timezone=True), nullable=True)
    )
