"""Guessing the code that proves an address: of one place, and of many."""

from __future__ import annotations

from collections import Counter

from app.domain.codes import MINUTES, TRIES, code_of
from drill.attack.site import SECRET_KEY, Row, Site, Visitor, at_once

GUESSES = 10_000
_CODES = "SELECT id, tries FROM verifications WHERE email = %(email)s ORDER BY created_at"
_SENT = (
    "UPDATE verifications SET sent_at = coalesce(sent_at, now()) WHERE email = %(email)s"
    " RETURNING id"
)


def attack(site: Site, scale: float) -> list[Row]:
    """10,000 wrong codes for one address, and then the right one."""
    victim = f"victim-{site.till.rows('SELECT count(*) FROM verifications')[0][0]}@example.com"
    thief = Visitor(site, "198.51.100.20")
    thief.join()
    asked = thief.ask("POST", f"{site.event_path}/verify", {"email": victim})
    assert asked.status == 303, asked
    site.rows(_SENT, email=victim)
    (code, _), *_ = site.rows(_CODES, email=victim)
    right = code_of(code, SECRET_KEY)
    wrong = [f"{n * 97 % 1_000_000:06}" for n in range(max(20, int(GUESSES * scale)))]
    answers = at_once(lambda typed: _try(site, thief, typed), [w for w in wrong if w != right])
    found = Counter(answers)
    ((_, tries),) = site.rows(_CODES, email=victim)
    after = _try(site, thief, right)
    return [
        Row(
            "wrong codes for one address, from a hundred networks",
            len(answers),
            f"{found[303]} opened it; {tries} were compared, the rest told that it is over or"
            f" asked to wait ({found[429]:,} times)",
            not found[303] and tries == TRIES and not found.keys() - {303, 422, 429},
        ),
        Row(
            f"the right code after the {TRIES} wrong ones, within its {MINUTES} minutes",
            1,
            "it opened nothing" if after == 422 else f"answered {after}",
            after == 422,
        ),
        *_control(site),
    ]


def _control(site: Site) -> list[Row]:
    """Without this, a product that opens for nobody would pass."""
    fan = Visitor(site, "203.0.113.7")
    fan.join()
    mine = f"fan-{id(fan)}@example.com"
    fan.ask("POST", f"{site.event_path}/verify", {"email": mine})
    site.rows(_SENT, email=mine)
    ((code, _),) = site.rows(_CODES, email=mine)
    typed = code_of(code, SECRET_KEY)
    found = fan.ask("POST", f"{site.event_path}/verify", {"code": typed}).status
    return [Row("an honest fan's own code, afterwards", 1, f"answered {found}", found == 303)]


def _try(site: Site, thief: Visitor, typed: str) -> int:
    # One browser's cookies, but each time another network: the limit of a network is not what is
    # to hold here.
    one = Visitor(site, f"198.51.100.{int(typed) % 100 + 100}", dict(thief.cookies))
    return one.ask("POST", f"{site.event_path}/verify", {"code": typed}).status
