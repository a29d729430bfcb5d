"""Static files by addresses that change with their content, so that they may be kept a year."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, request, url_for

YEAR = 31_536_000


def register(app: Flask) -> None:
    folder = Path(app.static_folder or "")

    def asset(path: str) -> str:
        """The address of a static file."""
        return url_for("static", filename=path, v=version(folder / path))

    def keep(response: Response) -> Response:
        if (
            request.endpoint == "static"
            and response.status_code in (200, 304)
            # Flask answers OPTIONS of any path, also of one that leads out of the folder.
            and request.method in ("GET", "HEAD")
        ):
            path = (request.view_args or {})["filename"]
            # Under the hash of other content these bytes must not stay: the file was just
            # exchanged, or somebody made the address up.
            named = request.args.get("v") == version(folder / path)
            response.headers["Cache-Control"] = (
                f"public, max-age={YEAR}, immutable" if named else "public, max-age=300"
            )
            if named:
                # Nobody asks whether it has changed, or for a part of it.
                for name in ("Last-Modified", "Accept-Ranges", "Content-Disposition"):
                    response.headers.pop(name, None)
        return response

    app.jinja_env.globals["asset"] = asset
    app.after_request(keep)


def version(file: Path) -> str:
    """The start of the hash of a file's content."""
    return _version_of(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _version_of(file: Path, changed_at: int) -> str:
    return sha256(file.read_bytes()).hexdigest()[:10]
