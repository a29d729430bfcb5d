"""Alembic's entry: runs the migrations, then installs the database functions of today.

Functions are not versioned one by one: app/store/sql/functions/*.sql hold their present text
and are replaced after every upgrade, in the same transaction. So are the rights of the role that
the product runs as (app/store/grants.py).
"""

from __future__ import annotations

from pathlib import Path

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url

from app.extensions import settings
from app.store import grants, models  # noqa: F401  (models fill the metadata)
from app.store.base import Base
from app.store.db import sqlalchemy_url

FUNCTIONS = Path(current_app.root_path) / "store" / "sql" / "functions"


def run() -> None:
    # A plain engine: migrations may take longer than a fan is willing to wait, but must not
    # queue behind a busy table's lock and stop the sale.
    engine = create_engine(
        sqlalchemy_url(settings.migrations_database_url),
        poolclass=pool.NullPool,
        connect_args={"options": "-c lock_timeout=5000 -c timezone=UTC"},
    )
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
            for path in sorted(FUNCTIONS.glob("*.sql")):
                # psycopg reads a percent sign as the start of a parameter.
                connection.exec_driver_sql(path.read_text().replace("%", "%%"))
            grants.give(connection, make_url(settings.database_url).username)


run()
