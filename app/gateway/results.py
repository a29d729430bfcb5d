"""What a call to the gateway can end in: each answer becomes exactly one of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The transaction is open; the fan pays at this address."""

    authorization_url: str


@dataclass(frozen=True, slots=True)
class DuplicateReference:
    """The gateway knows this reference already: an earlier call got through after all."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The gateway has never heard of this reference."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway says no, and will say no to the same question again."""

    why: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """No telling what happened: a timeout, an outage, a limit, an answer that makes no sense.

    `after` is the least number of seconds to wait, as far as the gateway named one;
    `untouched` says that the gateway did nothing with the call: it turned us away at the door, or
    was never reached; `silent` that nobody with a mind of their own spoke.
    """

    why: str
    after: float = 0.0
    untouched: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """A refund as the gateway has it; `transaction` is the id of the charge it gives back.

    Amounts are in the smallest unit.
    """

    gateway_id: int
    status: str
    amount: int
    currency: str
    transaction: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RefundPage:
    """One page of the gateway's refunds, newest first."""

    refunds: tuple[RefundAnswer, ...]
    pages: int
