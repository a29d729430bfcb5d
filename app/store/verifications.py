"""Verifications, and the places and fans that a proven address binds together: each step of a fan
is one of the functions in sql/functions/address.sql, whose headers list the outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.addresses import USUAL, domains_of
from app.domain.codes import MINUTES, TRIES
from app.domain.tokens import PlaceToken
from app.store.db import one_statement


@dataclass(frozen=True, slots=True)
class Asked:
    """What ask_code() answered."""

    outcome: str
    asked: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What address_standing() answered."""

    refusal: str | None
    reference: str | None
    proven_email: str | None
    asked_email: str | None
    sent_at: datetime | None
    tries: int | None
    alive: bool | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What prove_code() answered."""

    outcome: str
    compared: str | None
    tries: int | None
    fan: int | None
    email: str | None
    place: str | None
    number: int | None
    epoch: int | None
    merged: list[str] | None
    claim: str | None


def ask_code(
    event_id: int,
    token: PlaceToken,
    email: str,
    asked: str,
    language: str,
    *,
    press: int,
    of_place: int,
    of_address: int,
) -> Asked:
    """Call ask_code() in autocommit: one round trip, all or nothing."""
    domains = domains_of(email)
    parameters = {
        **_place(event_id, token),
        "email": email,
        "asked": asked,
        "language": language,
        "minutes": MINUTES,
        "press": press,
        "of_place": of_place,
        "of_address": of_address,
        "domains": domains,
        "usually_refused": not USUAL.isdisjoint(domains),
    }
    return Asked(*one_statement("ask_code", parameters))


def standing(event_id: int, token: PlaceToken, fan_id: int | None) -> Standing:
    """Call address_standing()."""
    parameters = {**_place(event_id, token), "fan_id": fan_id, "minutes": MINUTES}
    return Standing(*one_statement("address_standing", parameters))


def prove_code(
    event_id: int,
    token: PlaceToken,
    language: str,
    compared: str,
    *,
    right: bool,
    counted: bool,
) -> Tried:
    """Call prove_code() in autocommit: one round trip, all or nothing."""
    parameters = {
        **_place(event_id, token),
        "language": language,
        "compared": compared,
        "right": right,
        "counted": counted,
        "minutes": MINUTES,
        "most_tries": TRIES,
    }
    return Tried(*one_statement("prove_code", parameters))


def at_the_till(event_id: int, place_id: str, fan_id: int) -> tuple[str | None, str | None]:
    """(reference of the fan's live claim, address that the place is bound to if it is this
    fan's)."""
    row = one_statement(
        "at_the_till", {"event_id": event_id, "place_id": place_id, "fan_id": fan_id}
    )
    return row.reference, row.email


def _place(event_id: int, token: PlaceToken) -> Mapping[str, Any]:
    return {
        "event_id": event_id,
        "place_id": token.place_id,
        "number": token.number,
        "epoch": token.epoch,
    }
