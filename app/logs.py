"""What a process logs, and what of it is written: lines on stderr, each with the number of its
request.

Nothing here logs an address, a name, a code or a token. A driver's error may, for it names the row
that it stumbled on; so whatever is written goes through Discreet.
"""

from __future__ import annotations

import logging
import re
import time

from flask import g, has_request_context

# An e-mail address; what follows DETAIL in an error of Postgres; the parameters of a statement.
_PERSONAL = re.compile(r"[^\s<>()\"'=:,]+@[^\s<>()\"',]+\.\w+|(?<=DETAIL:).*|(?<=\[parameters: ).*")
# Whatever moves a terminal's cursor, ends a line, or turns the writing round.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
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
    """Leaves out what is somebody's own; times are UTC. A line that begins at its left edge is one
    that we wrote: what follows a line break, in a trace or in the words of a stranger, does not.
    """

    def converter(self, timestamp: float | None) -> time.struct_time:
        return time.gmtime(timestamp)

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        words = _PERSONAL.sub("…", super().format(record))
        return "\n  ".join(_UNPRINTABLE.sub("…", words).split("\n")) + _of_request()


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
