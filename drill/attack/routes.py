"""Every address of the product with examples of its identifiers, for attacks that walk them all."""

from __future__ import annotations

import re
from dataclasses import replace

from app.factory import create_app
from drill.attack.addresses import Address, addresses
from drill.attack.site import Site

_PARAMETER = re.compile(r"<(?:([^:<>]+):)?([^<>]+)>")


def all_of(site: Site) -> list[Address]:
    """Asked from an application that is made with the running one's settings."""
    # What this copy logs would stand between the rows.
    return addresses(create_app(replace(site.settings, log_level="ERROR")))


def example(address: Address, site: Site) -> str:
    """One path of this address: the site's event, and a number or a word for the rest."""

    def one(found: re.Match[str]) -> str:
        if found[2] == "slug":
            return site.slug
        return "1" if found[1] == "int" else "site.css" if found[1] == "path" else "abcd-efgh"

    return _PARAMETER.sub(one, address.pattern)
