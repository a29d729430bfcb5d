from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.config import SettingError, load, load_run

ROOT = Path(__file__).resolve().parents[1]

NEEDED = {
    "SECRET_KEY": "a secret key of thirty-two characters",
    "DATABASE_URL": "postgresql://fairqueue@db.example/fairqueue",
    "REDIS_URL": "redis://line.example/0",
    "JOBS_REDIS_URL": "redis://jobs.example/0",
    "PAYSTACK_SECRET_KEY": "sk_live_0123456789abcdef",
    "SMTP_URL": "smtp://mail.example",
}


class Asked(dict[str, str]):
    """An environment that notes which names are asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


def documented() -> dict[str, str]:
    """Name and default of each setting in the README's table."""
    rows = re.findall(r"^\| `([A-Z_]+)` \|.*\| ([^|]*) \|$", (ROOT / "README.md").read_text(), re.M)
    return {name: default.strip().strip("`") for name, default in rows}


def test_the_needed_settings_are_enough() -> None:
    settings = load(NEEDED)
    assert settings.environment == "production"
    assert not settings.development


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_needed_setting_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} is not set\\.$"):
        load({key: value for key, value in NEEDED.items() if key != name})


def test_every_setting_is_in_the_readme_and_nothing_else_is() -> None:
    asked = Asked(NEEDED)
    load(asked)
    load_run(asked)
    assert sorted(asked.names) == sorted(documented())


@pytest.mark.parametrize("name", sorted(documented()))
def test_the_readme_tells_the_true_default(name: str) -> None:
    default = documented()[name]
    if default == "-":
        assert name in NEEDED
        return
    given = NEEDED if name not in NEEDED else NEEDED | {name: default}
    assert load(given | {name: default}) == load(given)
    assert load_run(given | {name: default}) == load_run(given)


def test_in_production_the_site_is_reached_by_https_or_on_its_own_machine() -> None:
    with pytest.raises(SettingError, match=r"^PUBLIC_URL must be https:// in production"):
        load(NEEDED | {"PUBLIC_URL": "http://tickets.example"})
    development = {"FAIRQUEUE_ENV": "development", "PUBLIC_URL": "http://tickets.example"}
    assert load(NEEDED | development).cookie_prefix == ""
    assert load(NEEDED | {"PUBLIC_URL": "http://localhost:8000"}).cookie_prefix == ""
    assert load(NEEDED | {"PUBLIC_URL": "https://tickets.example"}).cookie_prefix == "__Host-"


def test_https_is_ordered_for_the_names_below_ours_too_if_the_operator_says_so() -> None:
    https = NEEDED | {"PUBLIC_URL": "https://tickets.example"}
    assert load(https).https_only == "max-age=31536000"
    below = load(https | {"HSTS_SUBDOMAINS": "1"})
    assert below.https_only == "max-age=31536000; includeSubDomains"
    assert load(NEEDED | {"PUBLIC_URL": "http://localhost:8000"}).https_only == ""


@pytest.mark.parametrize("name", ["SECRET_KEY", "PAYSTACK_SECRET_KEY"])
def test_no_secret_has_a_default_outside_development(name: str) -> None:
    without = {key: value for key, value in NEEDED.items() if key != name}
    assert load(without | {"FAIRQUEUE_ENV": "development"})
    with pytest.raises(SettingError, match=name):
        load(without | {"FAIRQUEUE_ENV": "production"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAIRQUEUE_ENV", "staging"),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "shop.example"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", "postgresql://host:port/x"),
        ("REDIS_URL", "localhost:6379"),
        ("JOBS_REDIS_URL", "postgresql://x/y"),
        ("PAYSTACK_URL", "ftp://x"),
        ("SMTP_URL", "mail.example:25"),
        ("TRUSTED_PROXIES", "-1"),
        ("GATEWAY_NETWORKS", "192.0.2.0/33"),
        ("GATEWAY_NETWORKS", "192.0.2.1, gateway.example"),
        ("REDIS_TIMEOUT", "soon"),
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "nan"),
        ("GATEWAY_TIMEOUT", "inf"),
        ("HSTS_SUBDOMAINS", "yes"),
        ("LOG_LEVEL", "chatty"),
    ],
)
def test_an_odd_setting_names_itself(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name} is .*[.…]$"):
        load(NEEDED | {name: value})


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("REDIS_TIMEOUT", "LOCK_TIMEOUT"),
        ("LOCK_TIMEOUT", "STATEMENT_TIMEOUT"),
        ("STATEMENT_TIMEOUT", "TRANSACTION_TIMEOUT"),
        ("TRANSACTION_TIMEOUT", "LEASE"),
    ],
)
def test_deadlines_out_of_order_are_refused(earlier: str, later: str) -> None:
    with pytest.raises(SettingError, match=f"^{earlier} .* must be shorter than {later} "):
        load(NEEDED | {later: str(getattr(load(NEEDED), earlier.lower()))})


@pytest.mark.parametrize("value", ["0", "70000", "x", "80.5"])
def test_an_odd_port_names_itself(value: str) -> None:
    with pytest.raises(SettingError, match=r"^PORT is "):
        load_run({"PORT": value})


def test_an_empty_setting_counts_as_not_set() -> None:
    assert load(NEEDED | {"LOG_LEVEL": " "}) == load(NEEDED)


def test_only_a_development_machine_may_have_a_wrong_clock() -> None:
    wrong = {**NEEDED, "CLOCK_OFFSET": "300"}
    assert load({**wrong, "FAIRQUEUE_ENV": "development"}).clock_offset == 300
    with pytest.raises(SettingError, match="CLOCK_OFFSET is for development only"):
        load(wrong)


def test_a_web_process_forgets_what_it_was_told_and_nothing_else() -> None:
    asked = Asked(NEEDED)
    load(asked)
    told = {name: NEEDED.get(name, "") for name in asked.names}
    found = subprocess.run(
        [sys.executable, "-c", "import os, wsgi; print(*os.environ)"],
        cwd=ROOT,
        env={**told, "FAIRQUEUE_ENV": "development", "PATH": "/usr/bin", "PGSSLMODE": "prefer"},
        capture_output=True,
        text=True,
        check=True,
    )
    left = set(found.stdout.split())
    assert left >= {"PATH", "PGSSLMODE"}
    assert left & asked.names == {"FAIRQUEUE_ENV"}
