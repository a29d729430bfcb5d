"""Orders to one program of a run, for drills and tests: stay away for a while, or come back with
other settings.

An order is a small file in the run's folder. It counts from the next start of its program, so
whoever gives one also ends the program; `make run` begins without any.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

_FOLDER = "orders"


@dataclass(frozen=True, slots=True)
class Order:
    """What a program is to do differently.

    `away`: do not start until the order is withdrawn or another one given. `environment` is added
    to its own.
    """

    away: bool = False
    environment: dict[str, str] = field(default_factory=dict)


def give(data_dir: Path, program: str, order: Order) -> None:
    """From its next start on, the program follows this order."""
    folder = data_dir / _FOLDER
    folder.mkdir(exist_ok=True)
    # Whole or not at all: the program may be reading it.
    draft = folder / f"{program}.new"
    draft.write_text(json.dumps(asdict(order)))
    draft.replace(folder / f"{program}.json")


def withdraw(data_dir: Path, program: str) -> None:
    """From its next start on, the program is as always."""
    (data_dir / _FOLDER / f"{program}.json").unlink(missing_ok=True)


def withdraw_all(data_dir: Path) -> None:
    """A drill that was killed may have left some."""
    shutil.rmtree(data_dir / _FOLDER, ignore_errors=True)


def read(data_dir: Path, program: str) -> Order:
    """The order that the program is to follow; an empty one when there is none."""
    try:
        return Order(**json.loads((data_dir / _FOLDER / f"{program}.json").read_text()))
    except FileNotFoundError:
        return Order()
