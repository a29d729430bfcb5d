"""The real product, for tests from outside."""

from __future__ import annotations

import time
from typing import Any

import httpx

from drill.product import product

__all__ = ["mail_to", "product"]


def mail_to(run: dict[str, Any], address: str, about: str, patience: float = 20) -> dict[str, Any]:
    """The newest mail to this address whose subject holds `about`."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for mail in httpx.get(run["mailbox_url"] + "/messages.json").json():
            if address in str(mail["to"]) and about in mail["subject"]:
                return mail
        time.sleep(0.1)
    raise AssertionError(f"no mail about {about!r} to {address}")
