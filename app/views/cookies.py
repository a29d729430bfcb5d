"""The cookies a fan's browser carries: one signed token each, good for one purpose.

`fq_visitor` (the browser) · `fq_place_<event>` · `fq_pass_<event>` · `fq_fan` (a proven address)
· `fq_claim_<reference>` (opens one claim) · `fq_proven_<event>` (a hint for the page, trusted by
nobody). Staff have a session of their own, `fq_staff`.
"""

from __future__ import annotations

from typing import TypeVar

from flask import request
from werkzeug.wrappers import Response

from app.domain import tokens
from app.domain.errors import NoPlace
from app.domain.events import EventFacts
from app.domain.tokens import ClaimLink, FanToken, PassToken, PlaceToken, VisitorToken
from app.extensions import settings

Answer = TypeVar("Answer", bound=Response)

DAY = 86_400
# A place must outlive the wait before a sale; a claim and its address, the event itself.
PLACE_DAYS = 60
LONG_DAYS = 400


def visitor() -> VisitorToken | None:
    return VisitorToken.read(request.cookies.get("fq_visitor"), settings.secret_key)


def place(event_id: int) -> PlaceToken | None:
    """The place that this browser holds at this event; a forged one is none."""
    token = PlaceToken.read(request.cookies.get(f"fq_place_{event_id}"), settings.secret_key)
    return token if token and token.event_id == event_id else None


def held_place(facts: EventFacts) -> PlaceToken:
    """The place that this browser holds at the event. Raises NoPlace."""
    token = place(facts.id)
    if token is None:
        raise NoPlace
    return token


def turn(event_id: int) -> PassToken | None:
    """The pass that this browser holds at this event; a forged one is none."""
    token = PassToken.read(request.cookies.get(f"fq_pass_{event_id}"), settings.secret_key)
    return token if token and token.event_id == event_id else None


def proven(token: PlaceToken) -> bool:
    """Whether this browser remembers that the place's address is proven. A hint that spares the
    waiting page a question to Postgres; whoever decides something asks."""
    return request.cookies.get(f"fq_proven_{token.event_id}") == token.place_id


def fan() -> FanToken | None:
    return FanToken.read(request.cookies.get("fq_fan"), settings.secret_key)


def opens_claim(reference: str) -> bool:
    """Whether this browser came by the link in the mail, or made this claim."""
    link = ClaimLink.read(request.cookies.get(f"fq_claim_{reference}"), settings.secret_key)
    return link is not None and link.reference == reference


def new_visitor(response: Answer) -> Answer:
    return _keep(response, "fq_visitor", VisitorToken(tokens.new_id()), LONG_DAYS)


def keep_place(response: Answer, token: PlaceToken) -> Answer:
    return _keep(response, f"fq_place_{token.event_id}", token, PLACE_DAYS)


def keep_pass(response: Answer, token: PassToken) -> Answer:
    return _keep(response, f"fq_pass_{token.event_id}", token, 1)


def keep_proven(response: Answer, token: PlaceToken) -> Answer:
    return _set(response, f"fq_proven_{token.event_id}", token.place_id, PLACE_DAYS)


def keep_fan(response: Answer, token: FanToken) -> Answer:
    return _keep(response, "fq_fan", token, LONG_DAYS)


def keep_claim(response: Answer, link: ClaimLink) -> Answer:
    return _keep(response, f"fq_claim_{link.reference}", link, LONG_DAYS)


def _keep(
    response: Answer,
    name: str,
    token: VisitorToken | PlaceToken | PassToken | FanToken | ClaimLink,
    days: int,
) -> Answer:
    return _set(response, name, token.sign(settings.secret_key), days)


def _set(response: Answer, name: str, value: str, days: int) -> Answer:
    response.set_cookie(
        name,
        value,
        max_age=days * DAY,
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
    )
    return response
