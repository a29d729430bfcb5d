"""Becomes one program of a run: `python -m sandbox.start COMMAND ...`, called by supervisor.

Before that it ends what an earlier, killed copy of the same program left behind, and waits until
the database has been migrated. Two commands are made here, because they depend on who we are:
`own-postgres` and `own-redis`. What a drill ordered (sandbox/orders.py) is followed here too.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from sandbox import leftovers, orders, servers

# Made by `make run` when the database is ready for the programs of this version.
MIGRATED = "migrated"

# A sale is a burst of small transactions: more memory than PostgreSQL's cautious default, and
# nothing that trades safety for speed.
POSTGRES_OPTIONS = {"shared_buffers": "256MB", "max_wal_size": "2GB"}


def main() -> None:
    data_dir = Path(os.environ[leftovers.MARK])
    program = os.environ[leftovers.PROGRAM]
    left = leftovers.of_run(data_dir, program)
    if left:
        leftovers.end(left, patience=0.3)
    while (order := orders.read(data_dir, program)).away:
        time.sleep(0.05)
    command = sys.argv[1:]
    environment = dict(os.environ)
    if command[0].startswith("own-"):
        environment = servers.quiet_environment()
    if command == ["own-postgres"]:
        command = _postgres(data_dir / "postgres")
    elif command == ["own-redis"]:
        command = servers.redis_command(
            data_dir / "redis", int(os.environ["REDIS_PORT"]), os.environ["PROGRAMS_PASSWORD"]
        )
    else:
        # The programs know no way to the database but their own.
        for secret in ("MIGRATIONS_DATABASE_URL", "OWN_PASSWORD"):
            environment.pop(secret, None)
        while not (data_dir / MIGRATED).exists():
            time.sleep(0.05)
    os.execvpe(command[0], command, environment | order.environment)


def _postgres(folder: Path) -> list[str]:
    # Whatever ran in this folder has ended. The number in the file may be another process's by
    # now, and PostgreSQL would refuse to start beside it.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    return servers.postgres_command(folder, int(os.environ["POSTGRES_PORT"]), POSTGRES_OPTIONS)


if __name__ == "__main__":
    main()
