"""What the product's own role may do in the database: rows where it must, tables never.

The migrations run as the owner of the tables and give these rights anew after every upgrade.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from app.store.base import Base

# What happened is written once. Nothing the product says can change it.
APPEND_ONLY = frozenset({"timeline", "staff_actions"})
# Where rows go that nobody needs any more; the rest of the tables only grow.
DELETED_FROM = frozenset({"samples", "tickets", "staff_tries", "staff_recovery_codes", "outbox"})
# Written by the migrations.
READ_ONLY = frozenset({"alembic_version"})


def rights(table: str) -> str:
    """The rights on a table, as GRANT wants them."""
    if table in READ_ONLY:
        return "SELECT"
    if table in APPEND_ONLY:
        return "SELECT, INSERT"
    # UPDATE is what locking a row needs too.
    return "SELECT, INSERT, UPDATE" + (", DELETE" if table in DELETED_FROM else "")


def give(connection: Connection, role: str | None) -> None:
    """Give the role its rights and take all others; nothing when it is the owner itself, as on a
    machine with one role for everything."""
    if role is None or role == connection.scalar(text("SELECT current_user")):
        return
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}",
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {quoted}",
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
    ]
    statements += [
        f"GRANT {rights(table)} ON {table} TO {quoted}"
        for table in sorted({*Base.metadata.tables, *READ_ONLY})
    ]
    for statement in statements:
        connection.exec_driver_sql(statement)
