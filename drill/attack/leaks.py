"""What no answer may show, whoever asks for what: the inside of the program, its settings, its
database's words; and what was sent in, where a browser would run it or take it for a header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from app.config import Settings
from drill.product import ROOT

# Of programs and databases that have failed in front of the public.
_INSIDE = re.compile(
    r"Traceback \(most recent|File \"/|site-packages|\.py\", line|\.py:\d|psycopg|sqlalchemy"
    r"|werkzeug|jinja2?\.|redis\.exceptions|granian\.|UnicodeDecodeError|KeyError|TypeError"
    r"|ValueError|RecursionError|OverflowError|DataError|IntegrityError|StringDataRight"
    r"|syntax error at|relation \"|duplicate key|invalid input syntax|violates [a-z-]* ?constraint"
    r"|SELECT .{1,60} FROM|INSERT INTO|UPDATE \w+ SET|NOSCRIPT|WRONGTYPE|root:x:0:0|panicked at",
)
# Whatever is sent in may have this in it, with something around it that would run or lead away.
MARK = "fqxss"
RUNS = f"<{MARK}>"
# Would end an attribute and begin another.
BREAKS_OUT = f'" on{MARK}=1 x="'
# A template that took what was sent in for a part of itself would work this out.
SUM, PRODUCT = "31337*1009", "31619033"
_HEADER = f"x-{MARK}"


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Values of settings that nobody may read."""
    urls = (settings.database_url, settings.redis_url, settings.jobs_redis_url)
    passwords = [password for url in urls if (password := urlsplit(url).password)]
    found = [settings.secret_key, settings.paystack_secret_key, *urls, *passwords, str(ROOT)]
    # A short password would be found in any page.
    return tuple(text for text in found if len(text) > 8)


def wrong_with(
    status: int,
    headers: Iterable[tuple[str, str]] | Mapping[str, str],
    text: str,
    secrets: Iterable[str] = (),
    sent: str = "",
) -> str | None:
    """What is wrong with an answer, in a few words; None for nothing. `sent` is the request: what
    it said itself, escaped, may be said again."""
    if status >= 500:
        return f"{status}"
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if any(name.lower() == _HEADER for name, _ in pairs):
        return "a header that was sent in"
    kind = next((value for name, value in pairs if name.lower() == "content-type"), "text/html")
    if kind.startswith("text/html") and (RUNS in text or f'" on{MARK}=' in text):
        return "a tag or an attribute that was sent in, unescaped"
    if PRODUCT in text:
        return "a sum that was sent in, worked out"
    everything = text + "".join(value for _, value in pairs)
    for secret in secrets:
        if secret in everything:
            return "a setting"
    inside = [found[0] for found in _INSIDE.finditer(everything) if found[0] not in sent]
    return f"{inside[0]!r} of the inside" if inside else None
