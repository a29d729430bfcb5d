"""Places that staff want to go, and what their fans say to that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    now = sa.text("now()")
    op.drop_constraint(op.f("places_state_is_known"), "places")
    op.create_check_constraint(
        op.f("places_state_is_known"),
        "places",
        "state IN ('waiting', 'admitted', 'suspended', 'used', 'left', 'expired', 'merged',"
        " 'removed')",
    )
    op.create_table(
        "removals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("place_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("announced_at", moment, server_default=now, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("appeal", sa.Text(), server_default="", nullable=False),
        sa.Column("appealed_at", moment, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_at", moment, nullable=True),
        sa.CheckConstraint(
            "outcome IN ('removed', 'kept')", name=op.f("removals_outcome_is_known")
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (decided_at IS NULL)", name=op.f("removals_decided_says_how")
        ),
        sa.CheckConstraint(
            "(appeal = '') = (appealed_at IS NULL)", name=op.f("removals_appeal_says_when")
        ),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name=op.f("removals_place_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("removals_pkey")),
    )
    op.create_index("removals_by_place", "removals", ["place_id", "id"])
    op.create_index(
        "removals_one_open_per_place",
        "removals",
        ["place_id"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )
