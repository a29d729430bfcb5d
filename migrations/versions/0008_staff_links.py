"""Links for staff that work once: a forgotten password, an invitation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "staff_links",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.CheckConstraint(
            "kind IN ('reset', 'invitation')", name=op.f("staff_links_kind_is_known")
        ),
        sa.CheckConstraint(
            "(kind = 'invitation') = (role IS NOT NULL)",
            name=op.f("staff_links_an_invitation_names_a_role"),
        ),
        sa.CheckConstraint(
            "role IN ('organiser', 'support', 'admin')", name=op.f("staff_links_role_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("staff_links_organisation_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("staff_links_staff_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("staff_links_pkey")),
    )
    op.create_index(
        "staff_links_open",
        "staff_links",
        ["organisation_id", "email"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
