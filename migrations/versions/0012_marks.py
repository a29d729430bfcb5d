"""Marks on places that look as if somebody took many, and where places were joined from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column(
        "events", sa.Column("mark_joins", sa.Integer(), server_default="30", nullable=False)
    )
    op.create_check_constraint(op.f("events_mark_joins_is_a_count"), "events", "mark_joins >= 0")
    op.add_column("places", sa.Column("network", sa.Text(), nullable=True))
    op.add_column(
        "lines",
        sa.Column("networks_kept", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("place_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Text(), nullable=False),
        sa.Column("together", sa.Integer(), nullable=False),
        sa.Column("marked_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("cleared_at", moment, nullable=True),
        sa.CheckConstraint("rule IN ('network', 'mailbox')", name=op.f("marks_rule_is_known")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("marks_event_id_fkey")),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("marks_place_id_fkey")),
        sa.PrimaryKeyConstraint("place_id", "rule", name=op.f("marks_pkey")),
    )
    op.create_index("marks_by_event", "marks", ["event_id", "rule", "shared"])
