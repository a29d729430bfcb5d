"""Carried places, and more time once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "carries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place_id", sa.Text(), nullable=False),
        sa.Column("fan_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(used_at IS NULL) = (used_by IS NULL)", name=op.f("carries_used_says_by_whom")
        ),
        sa.ForeignKeyConstraint(["fan_id"], ["fans.id"], name=op.f("carries_fan_id_fkey")),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("carries_place_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("carries_pkey")),
    )
    op.create_index("carries_by_place", "carries", ["place_id", "created_at"], unique=False)
    op.add_column("claims", sa.Column("extended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("places", sa.Column("extended_turn", sa.Integer(), nullable=True))
