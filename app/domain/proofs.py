"""Proof of work, ALTCHA's scheme: find the number below a limit of which a salt and it have a given
SHA-256.

Whoever searches tries half of the numbers on average; whoever checks makes one hash. The worker of
our page was measured at half a million hashes a second in Chromium on one core of a server; a phone
is taken to do a quarter of that. Native code does eight million on the same core, Python two.
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest

OFF, LIGHT, HEAVY = "off", "light", "heavy"
LEVELS = (OFF, LIGHT, HEAVY)
# Below which number the answer is: a light one takes a phone some four seconds, a heavy one half a
# minute or more.
MOST = {LIGHT: 1_000_000, HEAVY: 10_000_000}
# How a place has proven that it is worth a turn.
WORK, ADDRESS = "work", "address"
# From the page to its answer (s). A phone that sleeps meanwhile begins anew.
LASTS = 30 * 60

_A_NUMBER = re.compile(r"[0-9]{1,8}")


def digest(salt: str, number: int | str) -> str:
    """What the searcher is given instead of the number: 64 hexadecimal digits."""
    return sha256(f"{salt}{number}".encode()).hexdigest()


def solves(salt: str, challenge: str, typed: str) -> bool:
    """Whether this is the number."""
    if not _A_NUMBER.fullmatch(typed):
        return False
    return compare_digest(digest(salt, typed), challenge)
