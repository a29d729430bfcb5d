"""Proving an e-mail address by a code, and what follows: one place per fan and event.

The answer is the same for addresses that we know and that we do not know.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from app.domain import codes, errors
from app.domain.events import EventFacts
from app.domain.said import say, say_n
from app.domain.tokens import FanToken, PlaceToken, new_id
from app.extensions import settings
from app.languages import ENGLISH
from app.line import verbs as line
from app.services import outbox
from app.store import verifications as store

# A second press of the button within this time (s) does not send a second mail.
_ONE_PRESS = 20
# Within an hour.
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


def ask_code(facts: EventFacts, token: PlaceToken, email: str, language: str = ENGLISH) -> str:
    """Owe a mail with a code to this address, in this language; the id of the code, which tells
    nothing of it.

    Raises Invalid, NoPlace when the place has ended, AlreadyClaimed when it ended in a claim that
    stands, TooManyCodes, StoreUnavailable.
    """
    address = as_address(email)
    answer = store.ask_code(
        facts.id,
        token,
        address,
        new_id(),
        language,
        press=_ONE_PRESS,
        of_place=_CODES_PER_PLACE,
        of_address=_CODES_PER_ADDRESS,
    )
    match answer.outcome:
        case "asked":
            settings.wake(outbox.MAIL)
        case "too_many":
            raise errors.TooManyCodes
        case "other_address":
            # Whose it is stays untold: this browser may not be the one that proved it.
            raise errors.Invalid({"email": say("This place belongs to another address by now.")})
        case "refused":
            raise errors.Invalid(
                {"email": say("This sale takes no addresses of this kind. Please use another one.")}
            )
    if answer.asked is None:
        raise refusal_of(answer.outcome, answer.reference)
    return answer.asked


def standing(facts: EventFacts, token: PlaceToken, fan: FanToken | None) -> Standing:
    """What the page about the address shows.

    A browser that has lost its proof is asked for it again: the place alone does not tell whose
    it is. Raises NoPlace, AlreadyClaimed, StoreUnavailable.
    """
    found = store.standing(facts.id, token, fan.fan_id if fan else None)
    if found.refusal is not None:
        raise refusal_of(found.refusal, found.reference)
    tries_left = codes.TRIES - (found.tries or 0)
    alive = bool(found.alive) and tries_left > 0
    return Standing(found.proven_email, found.asked_email, found.sent_at, alive, tries_left)


def prove(
    facts: EventFacts, token: PlaceToken, typed: str, language: str = ENGLISH, asked: str = ""
) -> Proof:
    """Compare a code with the newest one sent for this place, and bind the place to the fan, who
    is written to in this language from now on.

    The same code typed twice in a moment has the same answer twice. `asked` is the id of the code
    that this browser believes to be the newest; it is trusted by nobody, and spares a question to
    Postgres when it is right.

    Raises CodeWrong, CodeOver, NoPlace, AlreadyClaimed, Conflict, StoreUnavailable.
    """
    code = codes.as_code(typed)
    if code is None:
        raise errors.CodeWrong({"code": say("The code is six digits long.")})
    tried = _try(facts, token, language, asked, right=_right(code, asked))
    if tried.outcome == "compare" and _right(code, tried.compared):
        tried = _try(facts, token, language, tried.compared or "", right=True, counted=True)
    match tried.outcome:
        case "proven":
            return _proven(facts, tried)
        case "wrong" | "compare":
            raise _wrong(codes.TRIES - (tried.tries or 0))
        case "over":
            raise errors.CodeOver({"code": say("This code has run out. Please ask for a new one.")})
        case "used":
            raise errors.CodeOver({"code": say("This code was used already.")})
    raise refusal_of(tried.outcome, tried.claim)


def at_the_till(
    facts: EventFacts, token: PlaceToken, fan: FanToken
) -> tuple[str | None, str | None]:
    """(reference of the fan's live claim for the event, address that this place is bound to if it
    is this fan's), each None if there is none. Raises StoreUnavailable."""
    return store.at_the_till(facts.id, token.place_id, fan.fan_id)


def proven_address(facts: EventFacts, token: PlaceToken, fan: FanToken | None) -> str:
    """The address this place is bound to, for the browser that proved it. Raises NotProven."""
    email = at_the_till(facts, token, fan)[1] if fan else None
    if email is None:
        raise errors.NotProven
    return email


def _right(code: str, asked: str | None) -> bool:
    return bool(asked) and codes.matches(code, codes.code_of(asked or "", settings.secret_key))


def _try(
    facts: EventFacts,
    token: PlaceToken,
    language: str,
    compared: str,
    *,
    right: bool,
    counted: bool = False,
) -> store.Tried:
    def once() -> store.Tried:
        return store.prove_code(facts.id, token, language, compared, right=right, counted=counted)

    for _ in range(_BIND_TRIES - 1):
        # Somebody may hold one of these rows for a moment.
        with suppress(errors.Conflict):
            return once()
    return once()


def _proven(facts: EventFacts, tried: store.Tried) -> Proof:
    _tell_the_line(facts, tried.merged or [])
    assert tried.fan is not None
    assert tried.place is not None
    assert tried.number is not None
    assert tried.epoch is not None
    place = PlaceToken(facts.id, tried.epoch, tried.place, tried.number)
    return Proof(FanToken(tried.fan), place, tried.email or "", tried.claim)


def refusal_of(outcome: str, reference: str | None) -> errors.Refusal:
    """What placerefusal_of() says, as an error."""
    match outcome:
        case "claimed":
            return errors.AlreadyClaimed(reference or "")
        case "suspended":
            return errors.PlaceSuspended()
        case "ended":
            return errors.NoPlace(say("This place has ended. You may join the line again."))
    return errors.NoPlace()


def _tell_the_line(facts: EventFacts, ended: list[str]) -> None:
    # Dying before this line leaves an ended place in Redis: Postgres lets it claim nothing, and
    # reconciliation takes it out.
    for place_id in ended:
        with suppress(errors.LineUnavailable):
            line.end_place(facts.id, facts.epoch, place_id)


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
