"""Sessions of staff, which can be ended, and tries, which are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_MOMENT = sa.DateTime(timezone=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, _MOMENT, server_default=sa.text("now()"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "staff_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        _now("created_at"),
        _now("seen_at"),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("staff_sessions_staff_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("staff_sessions_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("staff_sessions_token_hash_key")),
    )
    op.create_index("staff_sessions_by_person", "staff_sessions", ["staff_id", "created_at"])
    op.create_table(
        "staff_tries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        _now("at"),
        sa.PrimaryKeyConstraint("id", name=op.f("staff_tries_pkey")),
    )
    op.create_index("staff_tries_of_account", "staff_tries", ["account", "at"])
    op.create_index("staff_tries_of_network", "staff_tries", ["network", "at"])
    op.create_index("staff_tries_at_idx", "staff_tries", ["at"])
