"""Tokens that are forged, shown where another kind is expected, another's, used twice, or over."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator

from itsdangerous import URLSafeTimedSerializer

from app.domain.tokens import sign
from drill.attack import replays
from drill.attack.doors import DOORS, KINDS, Cast, Door, assembled, session_cookie
from drill.attack.site import SECRET_KEY, Row, Site, at_once, in_words, thinned

OTHER_KEY = "the secret key of somebody else"
HUGE = 5_000
LONGER_THAN_ANY = 60_000
NOT_IN_COOKIES = frozenset(' ",;\\')
# Signed by nobody with nothing: what other products have taken for a token.
NONSENSE = (
    *("", ".", "..", "...", "0", "-1", "null", "None", "undefined", "true", "[]", "{}", "'", '"'),
    *("*", "%", "%00", "../..", "' OR 1=1 --", "eyJhbGciOiJub25lIn0.e30.", "e30.Zm9v.YmFy"),
)


def attack(site: Site, scale: float) -> list[Row]:
    """Every door with everything that is not its key; and each key, before and after."""
    found = assembled(site)
    before = _controls(found, "before")
    rows = [
        _row(found, "forged tokens of every kind", thinned(_forged(found), scale)),
        _row(found, "tokens of each kind where another is expected", _swapped(found)),
        _row(found, "tokens of another fan, event, claim, browser or colleague", _others(found)),
        *replays.attack(site),
    ]
    return [before, *rows, _controls(found, "afterwards")]


def _controls(found: Cast, when: str) -> Row:
    """Without this, a product that opens for nobody would pass."""
    asked = [(door, door.ask(found, found.right[door.key])) for door in DOORS]
    wrong = [f"{door.name}: {said.status}" for door, said in asked if said.status not in door.opens]
    return Row(
        f"the right token at each of the {len(DOORS)} doors, {when}",
        len(asked),
        "; ".join(wrong) or "each opened",
        not wrong,
    )


def _row(found: Cast, what: str, tries: Iterator[tuple[Door, str, str]]) -> Row:
    """Ask the doors; none may open, and none may fail."""

    def one(trying: tuple[Door, str, str]) -> tuple[Door, str, int]:
        door, why, shown = trying
        return door, why, door.ask(found, _as_sent(door, shown)).status

    answers = at_once(one, list(tries))
    opened = Counter(
        f"{door.name} {'opened to' if status in door.opens else f'answered {status} to'} {why}"
        for door, why, status in answers
        if status in door.opens or not 300 <= status < 500
    )
    counts = Counter(status for _, _, status in answers)
    told = "; ".join(list(opened)[:4])
    return Row(what, len(answers), told or f"none opened anything: {in_words(counts)}", not opened)


def _as_sent(door: Door, shown: str) -> str:
    # A header holds the bytes of UTF-8; http.client wants each as a character.
    return shown.encode().decode("latin-1") if door.in_cookie else shown


def _forged(found: Cast) -> Iterator[tuple[Door, str, str]]:
    for door in DOORS:
        for why, shown in forgeries(door.key, found.right[door.key]):
            # A value with these is no cookie at all (RFC 6265), so nothing would be shown.
            if not (door.in_cookie and NOT_IN_COOKIES & set(shown)):
                yield door, why, shown


def forgeries(kind: str, right: str) -> Iterator[tuple[str, str]]:
    """(what was done, the forged token), from one that is right; none of them equals it."""
    # The last character of a session's signature has two bits that mean nothing.
    last = len(right) - (kind == "session")
    for at in range(last):
        yield f"one bit of character {at}", _flipped(right, at)
        yield f"the first {at} characters", right[:at]
    yield from (("nonsense", text) for text in NONSENSE)
    yield "one more character", f"{right}A"
    yield "a dot before it", f".{right}"
    yield "itself twice", f"{right}.{right}"
    yield "swapped case", right.swapcase()
    yield "something huge", secrets.token_urlsafe(HUGE)
    yield "something longer than any header", "A" * LONGER_THAN_ANY
    yield "a million of digits", f"{'9' * HUGE}.{right}"
    body, _, signature = right.rpartition(".")
    yield "another signature of the right length", f"{body}.{secrets.token_urlsafe(18)[:24]}"
    yield "no signature", f"{body}."
    for place, changed in _changed_fields(body):
        yield f"field {place} changed under the old signature", f"{changed}.{signature}"
    digits = str.maketrans("0123456789", "".join(chr(0xFF10 + n) for n in range(10)))
    if right.translate(digits) != right:
        yield "digits of another script", right.translate(digits)
    yield from _signed_otherwise(kind, body)


def _flipped(text: str, at: int) -> str:
    # The last bit, or where that makes a character that ends a cookie, the one before.
    other = chr(ord(text[at]) ^ 1)
    if not other.isalnum() and other not in "-_.":
        other = "A" if text[at] != "A" else "B"
    return text[:at] + other + text[at + 1 :]


def _changed_fields(body: str) -> Iterator[tuple[int, str]]:
    fields = body.split(".")
    for place, value in enumerate(fields):
        near = [str(int(value) + by) for by in (1, -1)] if value.isdigit() else [value[::-1]]
        for changed in (*near, "0", ""):
            if changed != value:
                yield place, ".".join([*fields[:place], changed, *fields[place + 1 :]])


def _signed_otherwise(kind: str, body: str) -> Iterator[tuple[str, str]]:
    if kind in KINDS:
        yield "the signature of another key", sign(kind, body, OTHER_KEY)
        yield "the signature of an empty key", sign(kind, body, "")
        yield "another purpose with the same fields", sign(f"{kind}.1", body, SECRET_KEY)
    yield "itsdangerous, with the right key", URLSafeTimedSerializer(SECRET_KEY, kind).dumps(body)
    yield "a session of another key", session_cookie({"_user_id": body, "form": body}, OTHER_KEY)


def _swapped(found: Cast) -> Iterator[tuple[Door, str, str]]:
    keys = {**found.right, **found.worthless}
    for door in DOORS:
        for kind, shown in keys.items():
            if kind != door.key:
                yield door, f"a token of the kind {kind}", shown


def _others(found: Cast) -> Iterator[tuple[Door, str, str]]:
    for door in DOORS:
        if not door.bearer and door.key in found.others:
            yield door, f"somebody else's {door.key}", found.others[door.key]
