"""`flask` finds the settings of the running product, and nobody's own file is touched."""

from __future__ import annotations

from dotenv import dotenv_values

from sandbox import envfile

SETTINGS = {"FAIRQUEUE_ENV": "development", "DATABASE_URL": "postgresql://a:b#c@d/e", "HOME": "/x"}


def test_flask_reads_what_the_run_left(tmp_path):
    envfile.write(tmp_path, tmp_path / "var", SETTINGS)
    assert dotenv_values(tmp_path / ".env") == {
        "FAIRQUEUE_ENV": "development",
        "DATABASE_URL": "postgresql://a:b#c@d/e",
    }
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_the_end_of_the_run_takes_it_away(tmp_path):
    envfile.write(tmp_path, tmp_path / "var", SETTINGS)
    envfile.remove(tmp_path, tmp_path / "other")
    assert (tmp_path / ".env").exists()
    envfile.remove(tmp_path, tmp_path / "var")
    assert not (tmp_path / ".env").exists()


def test_a_file_of_ones_own_is_left_alone(tmp_path):
    (tmp_path / ".env").write_text("MINE=1\n")
    envfile.write(tmp_path, tmp_path / "var", SETTINGS)
    envfile.remove(tmp_path, tmp_path / "var")
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


def test_a_second_run_leaves_the_first_ones_file_while_that_lives(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir()
    (first / "run.json").touch()
    envfile.write(tmp_path, first, SETTINGS)
    envfile.write(tmp_path, second, SETTINGS)
    assert str(first) in (tmp_path / ".env").read_text()
    (first / "run.json").unlink()
    envfile.write(tmp_path, second, SETTINGS)
    assert str(second) in (tmp_path / ".env").read_text()
