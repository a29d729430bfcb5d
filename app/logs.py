"""What a process logs, and what of it is written: lines on stderr, each with the number of its
request.

Nothing here logs an address, a name, a code or a token. A driver's error may, for it names the row
that it stumbled on; so whatever is written goes through Discreet.
"""

from __future__ import annotations

import logging
import re

from flask import g, has_request_context

# An e-mail address; what follows DETAIL in an error of Postgres; the parameters of a statement.
_PERSONAL = re.compile(r"[^\s<>()\"'=:,]+@[^\s<>()\"',]+\.\w+|(?<=DETAIL:).*|(?<=\[parameters: ).*")
# Chatty by themselves, and what they chat of is not ours.
_CHATTY = (
    "flask-limiter",
    "httpcore",
    "httpx",
    "mail.log",
    "rq",
    "rq.job",
    "rq.worker",
    "rq_scheduler",
)


class Discreet(logging.Formatter):
    """Leaves out what is somebody's own."""

    def format(self, record: logging.LogRecord) -> str:
        return _PERSONAL.sub("…", super().format(record)) + _of_request()


def _of_request() -> str:
    number = g.get("request_id") if has_request_context() else None
    return f" request={number}" if number else ""


def write(level: str) -> None:
    """Write what this process logs, unless somebody sees to that already. For programs that run
    on: a command's stderr belongs to what the command says."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
