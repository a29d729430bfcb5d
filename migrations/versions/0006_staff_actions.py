"""What staff did, each action once, never changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    op.create_table(
        "staff_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=True),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        _json("before"),
        _json("after"),
        _text("address"),
        _text("request_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("staff_actions_pkey")),
    )
    for name, columns in (
        ("staff_actions_latest", ["organisation_id", "id"]),
        ("staff_actions_by_person", ["staff_id", "id"]),
        ("staff_actions_by_subject", ["subject", "id"]),
    ):
        op.create_index(name, "staff_actions", columns, unique=False)
