"""The real product, for tests from outside."""

from __future__ import annotations

import os
import time
from typing import Any

import httpx

from app.config import Settings
from drill.product import product

__all__ = ["environment_of", "mail_to", "product"]


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a program that is to use the servers of these settings."""
    return {
        **os.environ,
        "FAIRQUEUE_ENV": "development",
        "SECRET_KEY": settings.secret_key,
        "DATABASE_URL": settings.database_url,
        "MIGRATIONS_DATABASE_URL": settings.migrations_database_url,
        "REDIS_URL": settings.redis_url,
        "JOBS_REDIS_URL": settings.jobs_redis_url,
        "SMTP_URL": settings.smtp_url,
    }


def mail_to(run: dict[str, Any], address: str, about: str, patience: float = 20) -> dict[str, Any]:
    """The newest mail to this address whose subject holds `about`."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for mail in httpx.get(run["mailbox_url"] + "/messages.json").json():
            if address in str(mail["to"]) and about in mail["subject"]:
                return mail
        time.sleep(0.1)
    raise AssertionError(f"no mail about {about!r} to {address}")
