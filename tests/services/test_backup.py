"""A back-up is whole or not there; restored into an empty database, all adds up again."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from app.services import line
from tests import factories
from tests.product import environment_of

ROOT = Path(__file__).resolve().parents[2]
NEW = "fairqueue_restored"


def flask(settings, *words, **environment):
    """`flask --app wsgi ...` in a process of its own: (exit code, what it said)."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words],
        cwd=ROOT,
        env=environment_of(settings) | environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def elsewhere(app, owner, settings, redis_server):
    """The settings of an empty database, and of another Redis."""
    owner.execute(f"DROP DATABASE IF EXISTS {NEW}")
    owner.execute(f"CREATE DATABASE {NEW}")
    names = ("database_url", "migrations_database_url")
    yield {
        **{name.upper(): getattr(settings, name).rpartition("/")[0] + f"/{NEW}" for name in names},
        "REDIS_URL": redis_server.url_of(3),
    }
    owner.execute(f"DROP DATABASE {NEW} WITH (FORCE)")


def figures(url: str) -> list[object]:
    with psycopg.connect(url) as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT reference, state, amount, name FROM claims ORDER BY id",
                "SELECT number, claim_id, code FROM tickets ORDER BY number",
                "SELECT id, number, state FROM places ORDER BY id",
                "SELECT verb, detail FROM timeline ORDER BY id",
            )
        ]


def test_a_sale_is_restored_and_the_audit_finds_nothing_wrong(app, settings, elsewhere, tmp_path):
    event = factories.an_event(capacity=20)
    line.join(event.slug, factories.an_id())
    factories.a_place(event, number=7)
    factories.a_fan("ada@example.com")
    file = tmp_path / "sale.dump"
    code, said = flask(settings, "back-up", str(file))
    assert code == 0, said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]

    code, said = flask(settings, "restore", str(file), **elsewhere)
    assert (code, said.splitlines()[-1][:26]) == (0, "Restored; 1 lines are writ"), said
    assert figures(elsewhere["MIGRATIONS_DATABASE_URL"]) == figures(
        settings.migrations_database_url
    )
    code, said = flask(settings, "audit", "--json", **elsewhere)
    found = json.loads(said[said.index("{") :])
    assert (code, found["violations"], found["unchecked"]) == (0, [], [])
    with psycopg.connect(elsewhere["DATABASE_URL"]) as connection:
        floor = connection.execute("SELECT number_floor FROM lines").fetchone()
        assert floor is not None
        assert floor[0] > 100_000_000
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM timeline")

    code, said = flask(settings, "restore", str(file), **elsewhere)
    assert (code, said) == (1, "Error: The database is not empty; restore into an empty one.\n")


def test_a_file_cut_short_restores_nothing(app, settings, elsewhere, tmp_path):
    file = tmp_path / "sale.dump"
    assert flask(settings, "back-up", str(file))[0] == 0
    file.write_bytes(file.read_bytes()[:-2000])
    code, said = flask(settings, "restore", str(file), **elsewhere)
    assert (code, said[:25]) == (1, "Error: pg_restore failed:")
    with psycopg.connect(elsewhere["MIGRATIONS_DATABASE_URL"]) as connection:
        tables = connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []


def test_a_back_up_that_fails_leaves_the_last_one_as_it_was(app, settings, tmp_path):
    file = tmp_path / "sale.dump"
    file.write_text("the last one")
    code, said = flask(
        settings, "back-up", str(file), MIGRATIONS_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x"
    )
    assert (code, said[:26]) == (1, "Error: Our records cannot "), said
    code, said = flask(settings, "back-up", str(tmp_path / "no" / "where"))
    assert code == 1
    assert said.endswith("cannot be written: No such file or directory.\n")
    assert file.read_text() == "the last one"
    assert list(tmp_path.iterdir()) == [file]
