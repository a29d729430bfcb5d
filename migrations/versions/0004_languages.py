"""The language in which a fan is written to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # A constant default is kept beside the table, so no row is written for it.
    op.add_column("fans", sa.Column("language", sa.Text(), server_default="en", nullable=False))


def downgrade() -> None:
    op.drop_column("fans", "language")
