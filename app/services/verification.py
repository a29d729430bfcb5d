"""Proving an e-mail address by a code, and what follows: one place per fan and event.

The answer is the same for addresses that we know and that we do not know.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email

from app.domain import codes, errors
from app.domain.events import EventFacts
from app.domain.places import LIVE, MERGED, USED
from app.domain.said import say, say_n
from app.domain.tokens import FanToken, PlaceToken, new_id
from app.extensions import settings
from app.languages import ENGLISH
from app.line import verbs as line
from app.services import claims, outbox
from app.store import timeline
from app.store import verifications as store
from app.store.db import transaction
from app.store.models import Place

# A second press of the button within this time does not send a second mail.
_ONE_PRESS = timedelta(seconds=20)
_LIMIT_WITHIN = timedelta(hours=1)
_CODES_PER_PLACE = 6
_CODES_PER_ADDRESS = 20
_BIND_TRIES = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a place has come: the address it proved, or the one that a code went to."""

    proven_email: str | None
    asked_email: str | None
    sent_at: datetime | None
    code_alive: bool
    tries_left: int


@dataclass(frozen=True, slots=True)
class Proof:
    """A proven address: the fan, the place that is the fan's from now on (the lower of two),
    and the reference of the claim that the fan already has for this event."""

    fan: FanToken
    place: PlaceToken
    email: str
    claim_reference: str | None


def as_address(text: str) -> str:
    """The address in the one form in which we keep it. Raises Invalid.

    No DNS is asked: a slow name server must not hold up the line.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise errors.Invalid(
            {"email": say("Please write an e-mail address such as ada@example.com.")}
        ) from None
    return str(found.ascii_email).lower()


def ask_code(facts: EventFacts, token: PlaceToken, email: str, language: str = ENGLISH) -> None:
    """Owe a mail with a code to this address, in this language.

    Raises Invalid, NoPlace when the place has ended, TooManyCodes, StoreUnavailable.
    """
    address = as_address(email)
    with transaction() as session:
        place = _live_place(session, facts, token)
        if place.fan_id is not None and store.fan_email(session, place.fan_id) != address:
            # Whose it is stays untold: this browser may not be the one that proved it.
            raise errors.Invalid({"email": say("This place belongs to another address by now.")})
        latest = store.newest(session, place.id)
        if latest and latest.alive and latest.email == address and _just_asked(session, latest):
            return
        by_place, by_address = store.sent_lately(session, place.id, address, _LIMIT_WITHIN)
        if by_place >= _CODES_PER_PLACE or by_address >= _CODES_PER_ADDRESS:
            raise errors.TooManyCodes
        verification_id = new_id()
        store.add(session, verification_id, place.id, address)
        payload = {"verification_id": verification_id, "language": language}
        outbox.owe(session, outbox.MAIL, "send_code", payload)
    settings.wake(outbox.MAIL)


def standing(facts: EventFacts, token: PlaceToken, fan: FanToken | None) -> Standing:
    """What the page about the address shows.

    A browser that has lost its proof is asked for it again: the place alone does not tell whose
    it is. Raises NoPlace, AlreadyClaimed, StoreUnavailable.
    """
    with transaction() as session:
        place = _live_place(session, facts, token)
        mine = fan is not None and place.fan_id == fan.fan_id
        proven = store.fan_email(session, place.fan_id) if mine and place.fan_id else None
        latest = store.newest(session, place.id)
    if latest is None:
        return Standing(proven, None, None, False, codes.TRIES)
    tries_left = codes.TRIES - latest.tries
    alive = latest.alive and tries_left > 0
    return Standing(proven, latest.email, latest.sent_at, alive, tries_left)


def prove(facts: EventFacts, token: PlaceToken, typed: str, language: str = ENGLISH) -> Proof:
    """Compare a code with the newest one sent for this place, and bind the place to the fan, who
    is written to in this language from now on.

    The same code typed twice in a moment has the same answer twice.

    Raises CodeWrong, CodeOver, NoPlace, Conflict, StoreUnavailable.
    """
    code = codes.as_code(typed)
    if code is None:
        raise errors.CodeWrong({"code": say("The code is six digits long.")})
    with transaction() as session:
        place_id = _live_place(session, facts, token).id
        # The answer to the code that merged this place into another may have been lost.
        asked = store.count_try(session, {place_id, token.place_id})
    if asked is None:
        raise errors.CodeOver({"code": say("This code has run out. Please ask for a new one.")})
    if not codes.matches(code, codes.code_of(asked.id, settings.secret_key)):
        raise _wrong(codes.TRIES - asked.tries)
    if not asked.alive:
        return _bound(facts, token, asked)
    for _ in range(_BIND_TRIES - 1):
        # The journal may be writing the same places in another order.
        with suppress(errors.Conflict):
            return _bind(facts, token, place_id, asked, language)
    return _bind(facts, token, place_id, asked, language)


def proven_address(facts: EventFacts, token: PlaceToken, fan: FanToken | None) -> str:
    """The address this place is bound to, for the browser that proved it. Raises NotProven."""
    with transaction() as session:
        place = store.place(session, facts.id, token.place_id)
        if fan is None or place is None or place.fan_id != fan.fan_id:
            raise errors.NotProven
        email = store.fan_email(session, fan.fan_id)
    assert email is not None
    return email


def _bind(
    facts: EventFacts, token: PlaceToken, place_id: str, asked: store.Asked, language: str
) -> Proof:
    with transaction() as session:
        fan_id = store.lock_fan(session, asked.email, language)
        if not store.use_up(session, asked.id):
            return _bound(facts, token, asked)
        winner, *others = _places_of(session, facts.id, place_id, fan_id)
        for other in others:
            other.state, other.merged_into = MERGED, winner.id
            other.ended_at = store.now(session)
        # The index allows a fan one live place, so the others must end before this one is bound.
        session.flush()
        winner.fan_id = fan_id
        detail = {"merged": [other.id for other in others]} if others else {}
        timeline.note(session, facts.id, "address_proven", "fan", place_id=winner.id, detail=detail)
        place = PlaceToken(facts.id, winner.epoch, winner.id, winner.number)
        ended = [other.id for other in others]
    _tell_the_line(facts, ended)
    return _proof(facts, fan_id, place, asked.email)


def _bound(facts: EventFacts, token: PlaceToken, asked: store.Asked) -> Proof:
    """The answer to a code that has just bound this place."""
    with transaction() as session:
        place = _live_place(session, facts, token)
        if place.fan_id is None or store.fan_email(session, place.fan_id) != asked.email:
            raise errors.CodeOver({"code": say("This code was used already.")})
        found = PlaceToken(facts.id, place.epoch, place.id, place.number)
        fan_id = place.fan_id
    return _proof(facts, fan_id, found, asked.email)


def _proof(facts: EventFacts, fan_id: int, place: PlaceToken, email: str) -> Proof:
    return Proof(FanToken(fan_id), place, email, claims.live_reference(facts.id, fan_id))


def _places_of(session: store.Db, event_id: int, place_id: str, fan_id: int) -> list[Place]:
    """The fan's live places with this one, lowest number first."""
    places = [p for p in store.lock_places(session, event_id, place_id, fan_id) if p.state in LIVE]
    mine = next((place for place in places if place.id == place_id), None)
    if mine is None or mine.fan_id not in (None, fan_id):
        raise errors.NoPlace
    return places


def _tell_the_line(facts: EventFacts, ended: list[str]) -> None:
    # Dying before this line leaves an ended place in Redis: Postgres lets it claim nothing, and
    # reconciliation takes it out.
    for place_id in ended:
        with suppress(errors.LineUnavailable):
            line.end_place(facts.id, facts.epoch, place_id)


def _live_place(session: store.Db, facts: EventFacts, token: PlaceToken) -> Place:
    """The row of this place, or of the one it was merged into.

    Raises NoPlace if it has ended, AlreadyClaimed if it ended in a claim that stands.
    """
    place = store.place(session, facts.id, token.place_id)
    if place is None:
        store.ensure_place(session, facts.id, token.place_id, token.number, token.epoch)
        place = store.place(session, facts.id, token.place_id)
    while place is not None and place.merged_into is not None:
        place = store.place(session, facts.id, place.merged_into)
    if place is None:
        raise errors.NoPlace
    if place.state == USED and place.fan_id is not None:
        reference = claims.live_reference(facts.id, place.fan_id)
        if reference is not None:
            raise errors.AlreadyClaimed(reference)
    if place.state not in LIVE:
        raise errors.NoPlace(say("This place has ended. You may join the line again."))
    return place


def _just_asked(session: store.Db, latest: store.Asked) -> bool:
    return store.now(session) - latest.created_at < _ONE_PRESS


def _wrong(left: int) -> errors.Invalid:
    if left == 0:
        over = say("That was the fifth wrong code. Please ask for a new one.")
        return errors.CodeOver({"code": over})
    wrong = say_n(
        "That is not the code we sent. You have 1 try left.",
        "That is not the code we sent. You have %(number)s tries left.",
        left,
    )
    return errors.CodeWrong({"code": wrong})
