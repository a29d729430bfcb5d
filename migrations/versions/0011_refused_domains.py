"""The domains of addresses that an organisation takes no codes for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("organisations", sa.Column("refused_domains", ARRAY(sa.Text()), nullable=True))
