"""How a sale went over time, and what was tried before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_MOMENT = sa.DateTime(timezone=True)
_COUNTS = ("waiting", "inside", "free", "held", "sold", "joined", "admitted", "claimed", "paid")


def upgrade() -> None:
    op.create_table(
        "samples",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("samples_event_id_fkey")),
        sa.PrimaryKeyConstraint("event_id", "at", name=op.f("samples_pkey")),
    )
    op.create_table(
        "checks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=True),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=True),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("checks_pkey")),
    )
