"""The cookies a fan's browser carries: one signed token each, good for one purpose.

`fq_visitor` (the browser) · `fq_place_<event>` · `fq_pass_<event>` · `fq_fan` (a proven address)
· `fq_claim_<reference>` (opens one claim) · `fq_proven_<event>`, `fq_worked_<event>` and
`fq_asked_<event>` (hints that spare a question to Postgres, trusted by nobody) · `fq_lang` (the
language that was chosen, not signed). Staff have a session of their own, `fq_staff`.

With an https PUBLIC_URL all names begin with `__Host-`: browsers then take them over https only,
from this very host only, so that no other site under the same domain can plant one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from flask import request
from werkzeug.wrappers import Response

from app.domain import tokens
from app.domain.errors import NoPlace
from app.domain.events import EventFacts, joinable, phase
from app.domain.tokens import ClaimLink, FanToken, PassToken, PlaceToken, VisitorToken
from app.extensions import settings
from app.services import catalogue

Answer = TypeVar("Answer", bound=Response)

LANGUAGE = "fq_lang"

DAY = 86_400
# A place must outlive the wait before a sale; a claim and its address, the event itself.
PLACE_DAYS = 60
LONG_DAYS = 400


def named(name: str) -> str:
    """The name of a cookie on this site."""
    return f"{settings.cookie_prefix}{name}"


def jar_of(header: str) -> dict[str, str]:
    """The cookies of a header, as far as they are ours: our values need no quoting."""
    jar: dict[str, str] = {}
    for pair in header.split("; "):
        name, _, value = pair.partition("=")
        # Of two with one name the first counts, as in request.cookies.
        jar.setdefault(name, value)
    return jar


def visitor(jar: Mapping[str, str] | None = None) -> VisitorToken | None:
    """This browser; `jar` are its cookies where there is no Flask request."""
    carried = request.cookies if jar is None else jar
    return VisitorToken.read(carried.get(named("fq_visitor")), settings.secret_key)


def place(event_id: int, jar: Mapping[str, str] | None = None) -> PlaceToken | None:
    """The place that this browser holds at this event; a forged one is none."""
    carried = request.cookies if jar is None else jar
    token = PlaceToken.read(carried.get(named(f"fq_place_{event_id}")), settings.secret_key)
    return token if token and token.event_id == event_id else None


def held_place(facts: EventFacts) -> PlaceToken:
    """The place that this browser holds at the event. Raises NoPlace."""
    token = place(facts.id)
    if token is None:
        raise NoPlace(can_join=joinable(phase(facts, catalogue.moment(facts))))
    return token


def turn(event_id: int, jar: Mapping[str, str] | None = None) -> PassToken | None:
    """The pass that this browser holds at this event; a forged one is none."""
    carried = request.cookies if jar is None else jar
    token = PassToken.read(carried.get(named(f"fq_pass_{event_id}")), settings.secret_key)
    return token if token and token.event_id == event_id else None


def shows_pass(event_id: int) -> bool:
    """Whether this browser shows something as its pass, true or forged."""
    return named(f"fq_pass_{event_id}") in request.cookies


def carries_pass(token: PassToken, jar: Mapping[str, str]) -> bool:
    """Whether the browser shows this very pass already."""
    return jar.get(named(f"fq_pass_{token.event_id}")) == token.sign(settings.secret_key)


def proven(token: PlaceToken, jar: Mapping[str, str] | None = None) -> bool:
    """Whether this browser remembers that the place's address is proven. A hint that spares the
    waiting page a question to Postgres; whoever decides something asks."""
    carried = request.cookies if jar is None else jar
    return carried.get(named(f"fq_proven_{token.event_id}")) == token.place_id


def worked(token: PlaceToken, jar: Mapping[str, str] | None = None) -> bool:
    """Whether this browser remembers that the place has proven itself: a hint, as proven()."""
    carried = request.cookies if jar is None else jar
    return carried.get(named(f"fq_worked_{token.event_id}")) == token.place_id


def asked(event_id: int) -> str:
    """The id of the newest code that this browser asked for, as far as it remembers."""
    given = request.cookies.get(named(f"fq_asked_{event_id}"), "")
    return given if tokens.AN_ID.fullmatch(given) else ""


def fan(jar: Mapping[str, str] | None = None) -> FanToken | None:
    carried = request.cookies if jar is None else jar
    return FanToken.read(carried.get(named("fq_fan")), settings.secret_key)


def opens_claim(reference: str, jar: Mapping[str, str] | None = None) -> bool:
    """Whether this browser came by the link in the mail, or made this claim."""
    carried = request.cookies if jar is None else jar
    link = ClaimLink.read(carried.get(named(f"fq_claim_{reference}")), settings.secret_key)
    return link is not None and link.reference == reference


def keep_visitor(response: Answer, token: VisitorToken) -> Answer:
    return _add(response, of_visitor(token))


def keep_place(response: Answer, token: PlaceToken) -> Answer:
    return _add(response, of_place(token))


def keep_pass(response: Answer, token: PassToken) -> Answer:
    return _add(response, of_pass(token))


def keep_proven(response: Answer, token: PlaceToken) -> Answer:
    return _add(response, of_proven(token))


def keep_worked(response: Answer, token: PlaceToken) -> Answer:
    return _add(response, _header(f"fq_worked_{token.event_id}", token.place_id, PLACE_DAYS))


def keep_asked(response: Answer, event_id: int, asked: str) -> Answer:
    return _add(response, _header(f"fq_asked_{event_id}", asked, 1))


def keep_fan(response: Answer, token: FanToken) -> Answer:
    return _add(response, _signed("fq_fan", token, LONG_DAYS))


def keep_claim(response: Answer, link: ClaimLink) -> Answer:
    return _add(response, of_claim(link))


def of_visitor(token: VisitorToken) -> str:
    """The Set-Cookie header that makes a browser known. So below."""
    return _signed("fq_visitor", token, LONG_DAYS)


def of_place(token: PlaceToken) -> str:
    return _signed(f"fq_place_{token.event_id}", token, PLACE_DAYS)


def of_pass(token: PassToken) -> str:
    return _signed(f"fq_pass_{token.event_id}", token, 1)


def of_proven(token: PlaceToken) -> str:
    return _header(f"fq_proven_{token.event_id}", token.place_id, PLACE_DAYS)


def of_claim(link: ClaimLink) -> str:
    return _signed(f"fq_claim_{link.reference}", link, LONG_DAYS)


def of_language(language: str) -> str:
    return _header(LANGUAGE, language, LONG_DAYS)


def _signed(
    name: str,
    token: VisitorToken | PlaceToken | PassToken | FanToken | ClaimLink,
    days: int,
) -> str:
    return _header(name, token.sign(settings.secret_key), days)


def _header(name: str, value: str, days: int) -> str:
    # Names and values are letters, digits, dots, hyphens and underscores, so none needs quoting.
    secure = "; Secure" if settings.secure_cookies else ""
    name = named(name)
    return f"{name}={value}; Max-Age={days * DAY}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _add(response: Answer, header: str) -> Answer:
    response.headers.add("Set-Cookie", header)
    return response
