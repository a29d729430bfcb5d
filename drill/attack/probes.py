"""One odd request and the answers that are right, for attacks that are lists of such requests."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from drill.attack.cast import a_network
from drill.attack.leaks import secrets_of, wrong_with
from drill.attack.raw import Line, Reply
from drill.attack.site import Row, Site, in_words

FORM = "application/x-www-form-urlencoded"
# What an odd request may be told; a closed connection, where it says so.
CLIENTS_FAULT = frozenset(range(400, 500))
ANY_BUT_OURS = frozenset(range(200, 500))
CLOSED = frozenset({0})
PATIENCE = 10.0
# So long a second answer is waited for.
MOMENT = 0.3


@dataclass(frozen=True, slots=True)
class Probe:
    """`raw` goes out as it is. The first answer must be one of `right`, and `absent` is not in it.
    `hides` says that there is something inside that must not be taken for a request, so that there
    must be no second answer. With `ends` our half of the connection is closed after it."""

    what: str
    raw: bytes
    right: frozenset[int] = CLIENTS_FAULT
    absent: str = ""
    hides: bool = False
    ends: bool = False


def request(
    site: Site,
    method: str,
    path: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    *,
    host: str | None = None,
) -> bytes:
    """The bytes of a request to the site from a network of its own; lengths are those of the body
    unless the headers say otherwise."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in pairs}
    first = [("Host", site.host if host is None else host)]
    if "x-forwarded-for" not in names:
        first.append(("X-Forwarded-For", a_network()))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        first.append(("Content-Length", str(len(body))))
    top = "".join(f"{name}: {value}\r\n" for name, value in (*first, *pairs))
    # Bytes of UTF-8 in the path or in a header, as browsers would never send them.
    return f"{method} {path} HTTP/1.1\r\n{top}\r\n".encode(errors="surrogateescape") + (body or b"")


def form_of(site: Site, path: str, body: bytes, kind: str | None = FORM, **headers: str) -> bytes:
    """A form that a page of ours sends, more or less."""
    own = {"Sec-Fetch-Site": "same-origin", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if kind is not None:
        own["Content-Type"] = kind
    return request(site, "POST", path, own, body)


def chunked(body: bytes, size: int = 4096) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def tried(site: Site, what: str, probes: Iterable[Probe]) -> Row:
    """Send each on a connection of its own."""
    secrets = secrets_of(site.settings)
    counts, wrong, times = Counter[int](), [], 0
    for probe in probes:
        times += 1
        replies = _answers(site, probe)
        counts[replies[0].status] += 1
        if fault := _fault(probe, replies, secrets):
            wrong.append(f"{probe.what}: {fault}")
    if not alive(site):
        wrong.append("afterwards the site does not answer")
    return Row(what, times, "; ".join(wrong[:6]) or in_words(counts), not wrong)


def _answers(site: Site, probe: Probe) -> list[Reply]:
    """The first answer, and a second where there must be none."""
    line = Line(urlsplit(site.run["url"]).port or 80, PATIENCE)
    try:
        # The site may have heard enough and closed; its answer is there all the same.
        with contextlib.suppress(OSError):
            line.send(probe.raw)
        if probe.ends:
            line.say_no_more()
        first = line.read(head=probe.raw.startswith(b"HEAD"))
        return [first, line.next(MOMENT)] if probe.hides else [first]
    finally:
        line.close()


def _fault(probe: Probe, replies: list[Reply], secrets: tuple[str, ...]) -> str | None:
    first, *more = replies
    if first.status not in probe.right:
        return f"answered {first.status or 'nothing'}"
    if any(reply.status for reply in more):
        return "what was hidden in it was answered"
    if probe.absent and probe.absent in f"{first.headers}{first.text}":
        return f"says {probe.absent}"
    return wrong_with(first.status, first.headers, first.text, secrets)


def alive(site: Site) -> bool:
    """Whether a page is served as if nothing had been."""
    line = Line(urlsplit(site.run["url"]).port or 80, PATIENCE)
    try:
        return line.ask(request(site, "GET", site.event_path)).status == 200
    finally:
        line.close()
