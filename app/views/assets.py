"""Static files by addresses that change with their content, so that they may be kept a year."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, request, url_for

YEAR = 31_536_000


def register(app: Flask) -> None:
    folder = Path(app.static_folder or "")
    versions: dict[str, str] = {}

    def asset(path: str) -> str:
        """The address of a static file."""
        if path not in versions or app.debug:
            versions[path] = sha256((folder / path).read_bytes()).hexdigest()[:10]
        return url_for("static", filename=path, v=versions[path])

    app.jinja_env.globals["asset"] = asset
    app.after_request(keep)


def keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 304):
        named = "v" in request.args
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR}, immutable" if named else "public, max-age=300"
        )
    return response
