"""The product's role in the database reads and writes rows, and can do nothing else."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from app.extensions import db
from app.store import grants
from app.store.base import Base

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.fixture
def application_role(app, settings):
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield connection


def test_the_tests_run_the_product_as_a_role_that_owns_nothing(app, owner):
    role = db.session.scalar(text("SELECT current_user"))
    told = owner.execute(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls,"
        " (SELECT count(*) FROM pg_class WHERE relowner = r.oid)"
        " + (SELECT count(*) FROM pg_proc WHERE proowner = r.oid)"
        " + (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)"
        " FROM pg_roles r WHERE rolname = %s",
        [role],
    ).fetchone()
    assert told == (False, 0)


def test_it_has_the_rights_that_are_written_down_and_no_others(application_role):
    tables = application_role.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    ).fetchall()
    assert {name for (name,) in tables} == {*Base.metadata.tables, "alembic_version"}
    for (table,) in tables:
        held = [
            right
            for right in RIGHTS
            if application_role.execute(
                "SELECT has_table_privilege(%s, %s)", [table, right]
            ).fetchone()
            == (True,)
        ]
        assert ", ".join(held) == grants.rights(table), table


@pytest.mark.parametrize("table", sorted(grants.APPEND_ONLY))
def test_what_happened_cannot_be_changed_or_deleted(application_role, table):
    for statement in (f"UPDATE {table} SET verb = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application_role.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE claims ADD COLUMN x int",
        "ALTER TABLE claims DISABLE TRIGGER ALL",
        "DROP TABLE claims",
        "TRUNCATE samples",
        "CREATE TABLE x (y int)",
        "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION refuse_claim_move() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
        "DROP TRIGGER claims_are_never_deleted ON claims",
        "DELETE FROM claims",
        "DELETE FROM payments",
        "UPDATE alembic_version SET version_num = 'x'",
        "SET session_replication_role = replica",
        "ALTER SYSTEM SET log_statement = 'all'",
        "COPY fans TO PROGRAM 'cat'",
        "CREATE ROLE x SUPERUSER",
        "SET ROLE fairqueue",
    ],
)
def test_it_cannot(application_role, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application_role.execute(statement)
