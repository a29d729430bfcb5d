"""Every address of the product with examples of its identifiers, for attacks that walk them all."""

from __future__ import annotations

import re
from dataclasses import replace

from app import config
from app.factory import create_app
from drill.attack.addresses import Address, addresses
from drill.attack.site import Site
from drill.stage import Stage

_PARAMETER = re.compile(r"<(?:([^:<>]+):)?([^<>]+)>")


def all_of(site: Site) -> list[Address]:
    """Asked from an application that is made with the running one's settings."""
    stage = Stage(site.run, site.data_dir)
    try:
        settings = config.load(stage.environment())
    finally:
        stage.close()
    # What this copy logs would stand between the rows.
    return addresses(create_app(replace(settings, log_level="ERROR")))


def example(address: Address, site: Site) -> str:
    """One path of this address: the site's event, and a number or a word for the rest."""

    def one(found: re.Match[str]) -> str:
        if found[2] == "slug":
            return site.slug
        return "1" if found[1] == "int" else "site.css" if found[1] == "path" else "abcd-efgh"

    return _PARAMETER.sub(one, address.pattern)
