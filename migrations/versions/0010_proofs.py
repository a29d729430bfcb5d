"""The work that an event asks of a place before its turn, and which place has done it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("events", sa.Column("proof", sa.Text(), server_default="off", nullable=False))
    op.create_check_constraint(
        op.f("events_proof_is_known"), "events", "proof IN ('off', 'light', 'heavy')"
    )
    op.add_column("places", sa.Column("proof", sa.Text(), nullable=True))
    op.add_column("places", sa.Column("proof_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("places_proof_is_known"), "places", "proof IN ('work', 'address')"
    )
    op.create_check_constraint(
        op.f("places_proof_says_when"), "places", "(proof IS NULL) = (proof_at IS NULL)"
    )
