"""The settings of the running product, for `flask --app wsgi ...` typed beside it.

`flask` reads `.env` in the folder it is called from; what the environment says goes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_MARK = "# Written by `make run`, removed at its end. DATA_DIR="
_NAMES = (
    "FAIRQUEUE_ENV",
    "SECRET_KEY",
    "PUBLIC_URL",
    "DATABASE_URL",
    "MIGRATIONS_DATABASE_URL",
    "REDIS_URL",
    "JOBS_REDIS_URL",
    "PAYSTACK_URL",
    "PAYSTACK_SECRET_KEY",
    "SMTP_URL",
)


def write(root: Path, data_dir: Path, environment: Mapping[str, str]) -> None:
    """Leave the settings of this run, unless the file is somebody's own or of a run that lives."""
    path = root / ".env"
    other = _written_for(path)
    if path.exists() and other is None:
        return
    if other not in (None, data_dir) and (other / "run.json").exists():
        return
    lines = [f"{_MARK}{data_dir}"]
    lines += [f"{name}='{environment[name]}'" for name in _NAMES if environment.get(name)]
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")


def remove(root: Path, data_dir: Path) -> None:
    """Take the file away again, if it is of this run."""
    if _written_for(root / ".env") == data_dir:
        (root / ".env").unlink()


def _written_for(path: Path) -> Path | None:
    """The DATA_DIR of the run that wrote the file; None for any other file, or none."""
    if not path.is_file():
        return None
    first = path.read_text().partition("\n")[0]
    return Path(first.removeprefix(_MARK)) if first.startswith(_MARK) else None
