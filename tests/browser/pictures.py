"""Pictures of pages, if PICTURES names a folder for them: `make pictures`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER = os.environ.get("PICTURES")


def take(page: Any, name: str, kind: str) -> None:
    """The whole page as <kind>/<name>.png; `name` may hold a slash."""
    if FOLDER is None:
        return
    file = Path(FOLDER) / kind / f"{name.replace('/', '-')}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, full_page=True, animations="disabled")
