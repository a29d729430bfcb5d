"""A second factor for staff: codes of an app, and codes for who has lost it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("staff", sa.Column("totp_seed", sa.Text(), nullable=True))
    op.add_column("staff", sa.Column("totp_since", _MOMENT, nullable=True))
    op.add_column("staff", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("staff_second_factor_has_a_seed"),
        "staff",
        "totp_since IS NULL OR totp_seed IS NOT NULL",
    )
    op.add_column(
        "organisations",
        sa.Column(
            "second_factor_required", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.create_table(
        "staff_recovery_codes",
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("used_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("staff_recovery_codes_staff_id_fkey")
        ),
        sa.PrimaryKeyConstraint("staff_id", "code_hash", name=op.f("staff_recovery_codes_pkey")),
    )
