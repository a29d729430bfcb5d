"""The settings: the only reader of the environment.

Every setting is listed in the README; tests/test_config.py compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

DEVELOPMENT = "development"
PRODUCTION = "production"

# What is asked for on the machine itself crosses no network.
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

# Only a development machine gets secrets that anyone can read here.
_DEVELOPMENT_SECRETS = {
    "SECRET_KEY": "development-secret-key-that-signs-nothing-of-worth",
    "PAYSTACK_SECRET_KEY": "sk_test_development_only",
}


class SettingError(Exception):
    """A setting is missing or odd; the message names it in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, typed. Durations are in seconds unless the name says otherwise."""

    environment: str
    secret_key: str
    public_url: str
    database_url: str
    migrations_database_url: str
    redis_url: str
    jobs_redis_url: str
    paystack_url: str
    paystack_secret_key: str
    paystack_channels: tuple[str, ...]
    smtp_url: str
    mail_from: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: int
    joins_per_minute: int
    forms_per_minute: int
    redis_timeout: float
    lock_timeout: float
    statement_timeout: float
    transaction_timeout: float
    lease: float
    pool_size: int
    pool_wait: float
    claims_at_once: int
    gateway_timeout: float
    gateway_networks: tuple[IPv4Network | IPv6Network, ...]
    payment_grace: float
    hard_limit: float
    rebuild_guard: float
    appeal_time: float
    clock_offset: float
    hsts_subdomains: bool
    staff_idle: float
    staff_session: float
    keep_fans_days: int
    keep_inbox_days: int
    keep_outbox_days: int
    keep_lines_days: int
    log_level: str

    @property
    def development(self) -> bool:
        return self.environment == DEVELOPMENT

    @property
    def secure_cookies(self) -> bool:
        """Browsers drop Secure cookies on http, so they are asked for with https only."""
        return self.public_url.startswith("https://")

    @property
    def https_only(self) -> str:
        """What Strict-Transport-Security says: https for a year. Empty on http."""
        if not self.secure_cookies:
            return ""
        return "max-age=31536000" + ("; includeSubDomains" if self.hsts_subdomains else "")

    @property
    def cookie_prefix(self) -> str:
        """Tells browsers to take a cookie from this very host and over https only (RFC 6265bis)."""
        return "__Host-" if self.secure_cookies else ""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Raises SettingError with one sentence that names the setting.
    """
    env = _Reader(os.environ if environ is None else environ)
    settings = Settings(
        environment=env.choice("FAIRQUEUE_ENV", (DEVELOPMENT, PRODUCTION), PRODUCTION),
        secret_key=env.secret("SECRET_KEY"),
        public_url=env.url("PUBLIC_URL", ("http", "https"), "http://localhost:8000").rstrip("/"),
        database_url=env.url("DATABASE_URL", ("postgresql",)),
        migrations_database_url=env.url(
            "MIGRATIONS_DATABASE_URL", ("postgresql",), env.text("DATABASE_URL")
        ),
        redis_url=env.url("REDIS_URL", ("redis", "rediss", "unix")),
        jobs_redis_url=env.url("JOBS_REDIS_URL", ("redis", "rediss", "unix")),
        paystack_url=env.url("PAYSTACK_URL", ("http", "https"), "https://api.paystack.co").rstrip(
            "/"
        ),
        paystack_secret_key=env.secret("PAYSTACK_SECRET_KEY"),
        paystack_channels=tuple(env.words("PAYSTACK_CHANNELS", "card,bank,ussd,mobile_money")),
        smtp_url=env.url("SMTP_URL", ("smtp", "smtps", "smtp+starttls")),
        mail_from=env.text("MAIL_FROM", "FairQueue <tickets@fairqueue.example>"),
        allowed_hosts=tuple(name.lower() for name in env.words("ALLOWED_HOSTS", "")),
        trusted_proxies=int(env.number("TRUSTED_PROXIES", 0, at_least=0, at_most=10)),
        joins_per_minute=env.a_minute("JOINS_PER_MINUTE", 3000),
        forms_per_minute=env.a_minute("FORMS_PER_MINUTE", 3000),
        redis_timeout=env.number("REDIS_TIMEOUT", 0.3, at_least=0.05),
        lock_timeout=env.number("LOCK_TIMEOUT", 0.5, at_least=0.05),
        statement_timeout=env.number("STATEMENT_TIMEOUT", 2, at_least=0.1),
        transaction_timeout=env.number("TRANSACTION_TIMEOUT", 5, at_least=0.2),
        lease=env.number("LEASE", 10, at_least=0.3),
        pool_size=int(env.number("POOL_SIZE", 8, at_least=1, at_most=200)),
        pool_wait=env.number("POOL_WAIT", 0.5, at_least=0.05),
        claims_at_once=int(env.number("CLAIMS_AT_ONCE", 7, at_least=1, at_most=200)),
        gateway_timeout=env.number("GATEWAY_TIMEOUT", 10, at_least=0.1),
        gateway_networks=env.networks("GATEWAY_NETWORKS"),
        payment_grace=env.number("PAYMENT_GRACE", 120, at_least=0),
        hard_limit=env.number("HARD_LIMIT", 1200, at_least=0),
        rebuild_guard=env.number("REBUILD_GUARD", 40, at_least=0),
        appeal_time=env.number("APPEAL_TIME", 1800, at_least=0),
        clock_offset=env.number("CLOCK_OFFSET", 0, at_least=-86_400),
        hsts_subdomains=env.choice("HSTS_SUBDOMAINS", ("0", "1"), "0") == "1",
        staff_idle=env.number("STAFF_IDLE", 1800, at_least=60),
        staff_session=env.number("STAFF_SESSION", 43_200, at_least=300),
        keep_fans_days=env.days("KEEP_FANS_DAYS", 730),
        keep_inbox_days=env.days("KEEP_INBOX_DAYS", 180),
        keep_outbox_days=env.days("KEEP_OUTBOX_DAYS", 90),
        keep_lines_days=env.days("KEEP_LINES_DAYS", 7),
        log_level=env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
    )
    _check_order_of_deadlines(settings)
    own = urlsplit(settings.public_url).hostname in THIS_MACHINE
    if not (settings.development or settings.secure_cookies or own):
        raise SettingError("PUBLIC_URL must be https:// in production: cookies are worth a place.")
    if settings.clock_offset and not settings.development:
        raise SettingError("CLOCK_OFFSET is for development only: it makes the clock wrong.")
    return settings


def forget() -> None:
    """Take what the settings were made of out of the environment of this process: Granian copies
    all of it into each request, where whoever writes a request down would find every secret."""
    for field in fields(Settings):
        os.environ.pop(field.name.upper(), None)


def by_command() -> bool:
    """Whether this process is a `flask` command, whose stderr belongs to what it says."""
    return "FLASK_RUN_FROM_CLI" in os.environ


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What `make run` needs to know before there is an application."""

    data_dir: Path
    host: str
    port: int


def load_run(environ: Mapping[str, str] | None = None) -> RunSettings:
    """Read the settings that only `make run` knows. Raises SettingError."""
    env = _Reader(os.environ if environ is None else environ)
    # The stand-ins take the three ports after this one.
    port = env.number("PORT", 8000, at_least=1, at_most=65_532)
    if port != int(port):
        raise SettingError(f"PORT is {port:g}; it must be a whole number.")
    return RunSettings(
        data_dir=Path(env.text("DATA_DIR", "./var")).absolute(),
        host=env.text("HOST", "127.0.0.1"),
        port=int(port),
    )


def _check_order_of_deadlines(settings: Settings) -> None:
    # Each wait must end before the one that contains it, or a slow server is
    # mistaken for a dead one; the lease must outlive every transaction that uses it.
    names = ("redis_timeout", "lock_timeout", "statement_timeout", "transaction_timeout", "lease")
    values = [getattr(settings, name) for name in names]
    for earlier, later, low, high in zip(names, names[1:], values, values[1:], strict=False):
        if not low < high:
            raise SettingError(
                f"{earlier.upper()} ({low:g} s) must be shorter than {later.upper()} ({high:g} s)."
            )


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._development = environ.get("FAIRQUEUE_ENV") == DEVELOPMENT

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise SettingError(f"{name} is not set.")
        return default

    def secret(self, name: str) -> str:
        value = self.text(name, _DEVELOPMENT_SECRETS[name] if self._development else None)
        if len(value) < 16:
            raise SettingError(f"{name} is shorter than 16 characters.")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise SettingError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
        return value

    def words(self, name: str, default: str) -> list[str]:
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        try:
            return tuple(ip_network(word) for word in self.words(name, ""))
        except ValueError as odd:
            raise SettingError(
                f"{name} is no list of networks such as 192.0.2.0/24: {odd}."
            ) from None

    def a_minute(self, name: str, default: int) -> int:
        # On a development machine a whole crowd comes from one address.
        return int(self.number(name, 0 if self._development else default, at_least=0, at_most=1e6))

    def days(self, name: str, default: int) -> int:
        return int(self.number(name, default, at_least=0, at_most=36_500))

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
            known = parts.scheme in schemes and bool(parts.netloc or parts.path or parts.query)
            # .port raises ValueError when it is not a number.
            _ = parts.port
        except ValueError:
            known = False
        if not known:
            raise SettingError(
                f"{name} is not an address of the form {' or '.join(s + '://' for s in schemes)}…"
            )
        return value

    def number(
        self, name: str, default: float, *, at_least: float, at_most: float = 86_400
    ) -> float:
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            raise SettingError(f"{name} is {value!r}, which is not a number.") from None
        if not at_least <= number <= at_most:
            raise SettingError(f"{name} is {value}; it must be from {at_least:g} to {at_most:g}.")
        return number


def for_a_program(without: str) -> dict[str, str]:
    """The environment for a program that is started, but for what begins with `without`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}
