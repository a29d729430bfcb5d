"""Domains of addresses that anybody gets by the thousand, for an hour: no code is sent there.

A domain on the list stands for all below it.
"""

from __future__ import annotations

import re

from app.domain.errors import Invalid
from app.domain.said import say

# The list of an organisation that has not made one of its own.
USUAL = frozenset(
    {
        "10minutemail.com",
        "dispostable.com",
        "fakeinbox.com",
        "getnada.com",
        "grr.la",
        "guerrillamail.com",
        "maildrop.cc",
        "mailinator.com",
        "mailnesia.com",
        "mintemail.com",
        "mohmal.com",
        "sharklasers.com",
        "temp-mail.org",
        "tempmail.com",
        "throwawaymail.com",
        "trashmail.com",
        "yopmail.com",
    }
)
MOST = 500

_DOMAIN = re.compile(r"(?=.{4,100}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z]")


def check_domains(text: str) -> list[str]:
    """The domains of a text, each once, in order of the alphabet.

    Raises Invalid (field `domains`).
    """
    found = {word.strip(".@") for word in re.split(r"[\s,;]+", text.lower()) if word.strip(".@")}
    for word in sorted(found):
        if not _DOMAIN.fullmatch(word):
            raise Invalid(
                {"domains": say("%(word)s is no domain like example.com.", word=word[:100])}
            )
    if len(found) > MOST:
        raise Invalid({"domains": say("%(most)s domains are the most.", most=MOST)})
    return sorted(found)


def domains_of(address: str) -> list[str]:
    """The domain of an address and those above it, but the last: a.example.com, example.com."""
    labels = address.rpartition("@")[2].split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]
