"""How often one may try to log in, and the like."""

from __future__ import annotations

from dataclasses import dataclass

Limit = tuple[int, int]
_QUARTER = 15 * 60
_HOUR = 60 * 60


@dataclass(frozen=True, slots=True)
class Limits:
    """Each is (how many, within so many seconds): of one account from one network, of one network
    with whatever account, and of one account from wherever its owner has not been before."""

    pair: Limit
    of_network: Limit
    of_account: Limit


LOG_IN = "log in"
RESET = "reset"
CODE = "code"

# A person mistypes a password two or three times. An office is one network with many people.
LIMITS = {
    LOG_IN: Limits((5, _QUARTER), (50, _QUARTER), (50, _HOUR)),
    # Each of these is a mail to somebody who may not have asked for it.
    RESET: Limits((3, _HOUR), (20, _HOUR), (5, _HOUR)),
    # A code of six digits that counts for 90 s: a thousandth of a percent for each try.
    CODE: Limits((5, _QUARTER), (50, _QUARTER), (15, _HOUR)),
}
