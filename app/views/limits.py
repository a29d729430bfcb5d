"""How often one network may ask, in a minute, for what Flask answers: Flask-Limiter on Redis.

A network is that of app/domain/networks.py; a mobile operator puts thousands of fans behind one, so
that the limits stop machines, not crowds. What is worth guessing, and what costs a mail, may be
asked for a fraction as often; the pages of staff from a wider network as well, for who tries
passwords has many addresses. Not counted here:

- Pages, polls and whatever else changes nothing, but the search of support: they are cheap.
- Joining, which is counted in its own script on the way (app/line/lua/join.lua).
- Claims, payments and webhooks that the short way answers (app/fast_writes.py). A claim takes a
  signed pass, which claims once, and its form counts once; a payment takes a signed claim or fan,
  and a claim has one open payment; a webhook takes the gateway's key. Whatever is refused there
  goes on to Flask and is counted, a wrong signature among it.
- Codes of one address and of one place, and the tries of one code: Postgres counts them
  (app/store/sql), for Redis may lose its memory.

While Redis is away each process counts by itself.
"""

from __future__ import annotations

from flask import Flask, Response, request
from flask_limiter import Limit, Limiter, RateLimitExceeded
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.domain.errors import TooManyRequests
from app.domain.networks import network, wider_network
from app.extensions import settings
from app.views import staff
from app.views.errors import refused

# Part of FORMS_PER_MINUTE that these may have: one in so many. By endpoint, else by blueprint.
ONE_IN = {
    "staff": 100,
    "arrivals": 100,
    "support.search": 5,
    "verify.submit": 5,
    # Who works out the sum needs no address for it; many addresses of one network are no people.
    "proof.by_address": 100,
    "carry": 10,
    "appeal": 10,
    "webhooks.paystack": 10,
}
UNCOUNTED = frozenset({"line.join"})
COUNTED_PAGES = frozenset({"support.search", "carry.arrive"})
# Of those with the smallest part, this many times as much from a wider network.
WIDER = 10


def register(app: Flask) -> None:
    Limiter(
        key_func=_network,
        default_limits=[Limit(_of_network), Limit(_of_wider, key_function=_wider)],
        storage_uri=settings.jobs_redis_url.replace("unix://", "redis+unix://", 1),
        storage_options={
            "socket_timeout": settings.redis_timeout,
            "socket_connect_timeout": settings.redis_timeout,
            "retry": Retry(NoBackoff(), 0),  # type: ignore[dict-item]
        },
        # Its default answers everybody with a 500 while Redis is away.
        in_memory_fallback_enabled=True,
        key_prefix="fq",
    ).init_app(app)
    app.register_error_handler(RateLimitExceeded, exceeded)


def exceeded(_: RateLimitExceeded) -> Response:
    return refused(TooManyRequests())


def _most() -> int:
    """How often this request may be made in a minute; 0 for as often as one likes."""
    endpoint = request.endpoint
    if endpoint is None or endpoint in UNCOUNTED:
        return 0
    if request.method in staff.SAFE and endpoint not in COUNTED_PAGES:
        return 0
    return -(-settings.forms_per_minute // _one_in())


def _one_in() -> int:
    return ONE_IN.get(request.endpoint or "", ONE_IN.get(request.blueprint or "", 1))


def _of_network() -> str:
    most = _most()
    return f"{most} per minute" if most else ""


def _of_wider() -> str:
    most = _most() if _one_in() == max(ONE_IN.values()) else 0
    return f"{most * WIDER} per minute" if most else ""


def _network() -> str:
    return network(request.remote_addr or "") or "none"


def _wider() -> str:
    return f"wider {wider_network(request.remote_addr or '') or 'none'}"
