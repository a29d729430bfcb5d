"""Requests made by chance: any address, any method, as anybody, with values of every kind in the
path, the query, the form, the cookies and the headers.

What is made depends on the given `Random` and on who there is, and on nothing else: a seed makes
the same requests again, and a library that shrinks may hold the dice
(tests/views/test_generated.py).
"""

from __future__ import annotations

import hmac
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote, quote_from_bytes, urlencode

from drill.attack.addresses import Address
from drill.attack.values import odd

FORM = "application/x-www-form-urlencoded"
# How many of a request's values are right: most where one wrong value is to get far, few where many
# are to meet. What is always wrong is refused at the door each time.
_MOODS = (0.97, 0.9, 0.6)
# What ends something that the others need is asked for this often only, and so is what costs as
# much as dozens of others: passwords are hashed slowly on purpose.
_SELDOM = 0.1
# What is not for this role is asked for so much less often than what is.
_ELSEWHERE = 0.06
RARE = frozenset(
    {
        *("line.leave", "claims.release", "support.give_back", "support.refund", "organiser.close"),
        *("staff.log_out", "account.log_out_everywhere", "account.end", "account.turn_code_on"),
        *("people.disable", "people.role", "people.log_out", "people.require", "organiser.pause"),
        *("staff.log_in", "account.password", "arrivals.reset", "arrivals.accept"),
        "health.counters",
    }
)
_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_TYPES = (
    *(FORM, "", "text/plain", "application/json", "multipart/form-data", f"{FORM}; charset=utf-16"),
    *("multipart/form-data; boundary=a", "text/xml", "image/svg+xml", "\u00e9", "a" * 300),
)
_SIGNATURE = "X-Paystack-Signature"
_HEADERS = (
    *("Accept", "Accept-Language", "User-Agent", "Referer", "Origin", "If-None-Match", "Range"),
    *(_SIGNATURE, "X-Forwarded-Proto", "X-Requested-With", "HX-Target", "HX-Current-URL"),
    *("If-Modified-Since", "Accept-Encoding", "Authorization", "X-HTTP-Method-Override"),
)
_METHODS = ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "FOO")


@dataclass(slots=True)
class Role:
    """Somebody: the cookies of the browser, and the token of its forms. `identifiers` are right
    values for the parameters of addresses, `fields` for those of forms; `whose` says which
    addresses are for them (drill/attack/addresses.py). The gateway signs with a key."""

    name: str
    cookies: Mapping[str, str] = field(default_factory=dict)
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    form_token: str = ""
    whose: frozenset[str] = frozenset()
    signs_with: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; all of it is what a header or an address can hold."""

    role: str
    endpoint: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def raw(self, host: str, network: str) -> bytes:
        """The bytes of the request, from this network."""
        first = [("Host", host), ("X-Forwarded-For", network)]
        if self.body is not None:
            first.append(("Content-Length", str(len(self.body))))
        top = "".join(f"{name}: {value}\r\n" for name, value in (*first, *self.headers))
        head = f"{self.method} {self.path} HTTP/1.1\r\n{top}\r\n".encode("latin-1")
        return head + (self.body or b"")

    def curl(self, url: str) -> str:
        """For a shell, to send it again."""
        parts = ["curl", "-i", "--path-as-is", "-X", shlex.quote(self.method)]
        for name, value in self.headers:
            parts += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
        parts.append(shlex.quote(f"{url}{self.path}"))
        if self.body is None:
            return " ".join(parts)
        return " ".join([printf(self.body), "|", *parts, "--data-binary", "@-"])


def printf(body: bytes) -> str:
    """A command that prints these bytes, whatever they are."""
    plain = set(range(32, 127)) - set(b"'\\%-")
    return f"printf '{''.join(chr(b) if b in plain else f'{chr(92)}{b:03o}' for b in body)}'"


def generated(random: Random, addresses: Sequence[Address], role: Role) -> Sent:
    """A request as this role, to addresses of its own for most."""
    address = random.choice(addresses)
    while not _wanted(random, address, role):
        address = random.choice(addresses)
    method = random.choice(_METHODS) if random.random() < 0.04 else address.method
    mood = random.choice(_MOODS)
    path = _path(random, address, role, mood) + _query(random, role, mood)
    body, kind = None, ""
    if method in ("POST", "PUT", "PATCH"):
        body, kind = _body(random, address, role, mood)
    headers = _headers(random, role, kind)
    if role.signs_with and body is not None and random.random() < mood:
        signature = hmac.digest(role.signs_with.encode(), body, "sha512").hex()
        headers = [pair for pair in headers if pair[0] != _SIGNATURE]
        headers.append((_SIGNATURE, signature))
    return Sent(role.name, address.endpoint, method, path, tuple(headers), body)


def _wanted(random: Random, address: Address, role: Role) -> bool:
    if address.whose not in role.whose and random.random() > _ELSEWHERE:
        return False
    return address.endpoint not in RARE or random.random() < _SELDOM


def _path(random: Random, address: Address, role: Role, mood: float) -> str:
    def one(found: re.Match[str]) -> str:
        right = random.choice(role.identifiers.get(found[1]) or [""])
        value = right if right and random.random() < mood else odd(random, right)
        return _in_path(random, value, mood)

    path = _PARAMETER.sub(one, address.pattern)
    if random.random() > mood + 0.3:
        path += random.choice(("/", "//", "/..", ";a=b", "%00", "%2f", ".json", "%ff"))
    return path


def _in_path(random: Random, value: str, mood: float) -> str:
    # As bytes of UTF-8 in percent signs, at times with a byte that is none.
    text = quote(value, safe="", errors="surrogatepass")
    if random.random() > mood + 0.3:
        text += quote_from_bytes(bytes([random.randrange(256)]))
    return text


def _query(random: Random, role: Role, mood: float) -> str:
    if random.random() < 0.7:
        return ""
    names = ("lang", "next", "then", "key", "q", "before", "seen", "span", "slug", "go", "c", "v")
    more = ("verb", "who", "subject", "still", "again", "back", "email", "code")
    pairs = [
        (random.choice((*names, *more)), _value(random, role, "lang", mood))
        for _ in range(random.randrange(1, 4))
    ]
    return "?" + urlencode(pairs, errors="surrogatepass")


def _value(random: Random, role: Role, name: str, mood: float) -> str:
    right = random.choice(role.fields.get(name) or [""])
    return right if random.random() < mood else odd(random, right)


def _body(random: Random, address: Address, role: Role, mood: float) -> tuple[bytes, str]:
    if address.endpoint == "webhooks.paystack" or random.random() < 0.02:
        return _json(random), "application/json"
    names = [name for name in role.fields if random.random() < mood + 0.02]
    pairs = [(name, _value(random, role, name, mood)) for name in names]
    while random.random() > mood + 0.05:
        pairs.append((odd(random, random.choice(names or ["a"])), odd(random)))
    if random.random() < 0.95:
        pairs.append(("form_token", role.form_token))
    body = urlencode(pairs, errors="surrogatepass").encode()
    if random.random() < 0.03:
        body = bytes(random.randrange(256) for _ in range(random.randrange(200)))
    return body, FORM if random.random() < 0.95 else random.choice(_TYPES)


def _json(random: Random) -> bytes:
    data = {name: odd(random) for name in ("reference", "amount", "currency", "status")}
    event = random.choice(("charge.success", "refund.failed", odd(random)))
    return json.dumps({"event": event, "data": data}).encode()


def _headers(random: Random, role: Role, kind: str) -> list[tuple[str, str]]:
    found = [("Cookie", cookies)] if (cookies := _cookies(random, role)) else []
    if kind:
        found.append(("Content-Type", _in_header(kind)))
    if random.random() < 0.92:
        found.append(("Sec-Fetch-Site", "same-origin"))
    if random.random() < 0.15:
        found.append(("HX-Request", "true"))
    if random.random() < 0.1:
        found.append(("Accept", "application/json"))
    while random.random() < 0.12:
        name = random.choice(_HEADERS)
        if name not in dict(found):
            found.append((name, _in_header(odd(random))))
    return found


def _cookies(random: Random, role: Role) -> str:
    jar = dict(role.cookies)
    if jar and random.random() < 0.08:
        name = random.choice(sorted(jar))
        jar[name] = odd(random, jar[name])
    if random.random() < 0.03:
        jar[random.choice(("fq_lang", "fq_staff", "fq_fan", "a"))] = odd(random)
    return "; ".join(f"{name}={_in_header(value)}" for name, value in jar.items())


def _in_header(value: str) -> str:
    """The bytes of UTF-8 as a header may hold them, each a character: no line ends, no controls."""
    text = value.encode(errors="surrogatepass").decode("latin-1")
    return "".join(
        letter for letter in text if letter == "\t" or (letter >= " " and letter != "\x7f")
    ).strip()
