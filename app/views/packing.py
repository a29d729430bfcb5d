"""Answers gzipped for browsers that take it: a third of the way to a phone.

Pages of staff stay as they are: what they reflect stands beside secrets of a session, and the size
of a packed page tells of what repeats in it (BREACH).
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache

from flask import Flask, Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

KINDS = frozenset({"text/html", "text/css", "text/javascript", "text/calendar", "image/svg+xml"})
STAFF = frozenset({"organiser", "support", "staff"})
# Less is hardly made smaller.
LEAST = 250
# What only the authors of a file need: comments, and spaces that mean nothing.
_CSS = (
    (r"(?s)/\*.*?\*/", ""),
    (r"\s+", " "),
    (r" ?([{};,>]) ?", r"\1"),
    (r": ", ":"),
    (r";}", "}"),
)
_JS = ((r"(?ms)^\s*/\*.*?\*/", ""), (r"(?m)^\s+", ""), (r"(?m)^//.*\n", ""))


def register(app: Flask) -> None:
    app.after_request(pack)


def pack(response: Response) -> Response:
    if (
        response.mimetype not in KINDS
        or response.status_code in (204, 206, 304)
        or "Content-Encoding" in response.headers
        or request.blueprint in STAFF
        or not takes_gzip(request.headers.get("Accept-Encoding", ""))
    ):
        return response
    response.direct_passthrough = False
    plain = response.get_data()
    if len(plain) < LEAST:
        return response
    if request.endpoint == "static":
        response.set_data(_kept(plain, response.mimetype))
        # The file's own tag is not that of what is sent; its date and its name in the address are.
        response.headers.pop("ETag", None)
    else:
        response.set_data(gzip.compress(plain, 5, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    return parse_accept_header(accept_encoding, Accept).quality("gzip") > 0


@lru_cache(maxsize=32)
def _kept(plain: bytes, mimetype: str) -> bytes:
    """A file, packed as well as can be: once in each process."""
    return gzip.compress(bare(plain.decode(), mimetype).encode(), 9, mtime=0)


def bare(source: str, mimetype: str) -> str:
    """A sheet or a script without what only its authors need. One of others is bare already."""
    for found, instead in {"text/css": _CSS, "text/javascript": _JS}.get(mimetype, ()):
        source = re.sub(found, instead, source)
    return source.lstrip()
