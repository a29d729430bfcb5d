"""Proof of work: what an event may ask of each place, so that many places cost somebody something.

The number is given at join, to everybody. The proof is due before the tickets: a claim of an event
that asks for one is refused while the place has none (sql/functions/claim_tickets.sql). It is work
of the browser, or an address that was proven, which is for those without JavaScript: few of one
network may take that way in a minute (app/views/limits.py).
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass

from app import clock
from app.domain import errors
from app.domain import proofs as rules
from app.domain.events import EventFacts
from app.domain.said import say
from app.domain.tokens import ChallengeToken, FanToken, PlaceToken, new_id
from app.extensions import settings
from app.line import verbs
from app.services.verification import refusal_of
from app.store import proofs as store


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser is to find: the number below `most` of which `salt` and it have the SHA-256
    `digest` (hexadecimal). `token` comes back with the number."""

    salt: str
    digest: str
    most: int
    token: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a place has proven itself ("work", "address", None), whether it still has to, and the
    address that it proved to this fan."""

    proof: str | None
    due: bool
    proven_email: str | None


def standing(facts: EventFacts, token: PlaceToken, fan: FanToken | None) -> Standing:
    """Raises NoPlace, AlreadyClaimed, StoreUnavailable."""
    found = store.standing(token, fan.fan_id if fan else None)
    if found.refusal is not None:
        raise refusal_of(found.refusal, found.reference)
    due = facts.proof != rules.OFF and found.proof is None
    return Standing(found.proof, due, found.proven_email)


def is_due(facts: EventFacts, token: PlaceToken) -> bool:
    """Whether the place has to prove itself before it may claim; an event that asks for nothing
    takes no question to Postgres. Raises as standing()."""
    return facts.proof != rules.OFF and standing(facts, token, None).due


def challenge(facts: EventFacts, token: PlaceToken) -> Challenge:
    """A new one for this place, of the event's weight."""
    most = rules.MOST.get(facts.proof, rules.MOST[rules.LIGHT])
    salt = new_id()
    digest = rules.digest(salt, secrets.randbelow(most))
    over_at = int(clock.now().timestamp()) + rules.LASTS
    signed = ChallengeToken(facts.id, token.place_id, salt, digest, over_at)
    return Challenge(salt, digest, most, signed.sign(settings.secret_key))


def by_work(facts: EventFacts, token: PlaceToken, challenge: str, number: str) -> None:
    """The place's browser found this number. Doing it again changes nothing.

    Raises ProofWrong, NoPlace, AlreadyClaimed, StoreUnavailable.
    """
    signed = checked(facts, token, challenge, number)
    left = max(1, signed.over_at - int(clock.now().timestamp()))
    # While Redis is away nothing counts twice either: a challenge is of one place, and a place is
    # proven or not.
    with suppress(errors.LineUnavailable):
        if not verbs.spend(facts.id, facts.epoch, signed.digest, token.place_id, left):
            raise errors.ProofWrong({"number": say("This sum was counted already.")})
    # Dying before this line spends the challenge; it still counts for the same place.
    _write(token, rules.WORK, None)


def by_address(token: PlaceToken, fan: FanToken | None) -> None:
    """The place's proven address counts instead of work.

    Raises NotProven, NoPlace, AlreadyClaimed, StoreUnavailable.
    """
    if fan is None:
        raise errors.NotProven
    _write(token, rules.ADDRESS, fan.fan_id)


def checked(facts: EventFacts, token: PlaceToken, challenge: str, number: str) -> ChallengeToken:
    """The challenge, if this place was given it, in time, and this is its number: one signature and
    one hash. Raises ProofWrong."""
    signed = ChallengeToken.read(challenge, settings.secret_key)
    if (
        signed is None
        or (signed.event_id, signed.place_id) != (facts.id, token.place_id)
        or signed.over_at <= clock.now().timestamp()
    ):
        raise errors.ProofWrong({"number": say("The time for this sum is over. Here is another.")})
    if not rules.solves(signed.salt, signed.digest, number):
        raise errors.ProofWrong({"number": say("That is not the answer to the sum.")})
    return signed


def _write(token: PlaceToken, proof: str, fan_id: int | None) -> None:
    outcome, reference = store.prove(token, proof, fan_id)
    match outcome:
        case "done":
            return
        case "unproven":
            raise errors.NotProven
    raise refusal_of(outcome, reference)
