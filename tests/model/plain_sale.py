"""The plain sale of test_whole_model.py, and the steps by which the real one is made to follow."""

from __future__ import annotations

from dataclasses import dataclass
from time import sleep
from typing import Any

import pytest

from app.domain import errors
from app.domain.claims import ClaimForm
from app.domain.codes import code_of
from app.domain.tokens import FanToken
from app.extensions import db
from app.line import inventory
from app.services import catalogue, claims, line, outbox, payments, verification
from tests.factories import an_id
from tests.model.gateway import Gateway, rows
from tests.model.test_line_model import ADMITTED, TICKETS, WAITING, Lines

USED, MERGED = "used", "merged"
HELD, CONFIRMED, RELEASED, RUN_OUT, REFUNDED = (
    "HELD",
    "CONFIRMED",
    "RELEASED",
    "EXPIRED",
    "REFUNDED",
)
TOO_FEW = (errors.FewerLeft, errors.NoneFreeNow, errors.NoneLeft, errors.SoldOut)
DAMAGE = [
    "none",
    "free number lost",
    "taken number offered",
    "lease ran out",
    "place lost",
    "place of nobody",
    "ended place alive",
]


@dataclass
class Claimed:
    """One claim: whose, on which place, how many tickets."""

    reference: str
    email: str
    place: str
    quantity: int
    state: str = HELD

    @property
    def live(self) -> bool:
        return self.state in (HELD, CONFIRMED)


@dataclass
class Charge:
    """One charge at the gateway; `becomes` is ticket or refund once we have heard of it."""

    reference: str
    claim: Claimed
    wrong: bool = False
    paid: bool = False
    becomes: str | None = None


class PlainSale(Lines):
    """Beside the line: who holds what, and what became of each charge."""

    bank: Any
    secret: str
    secret_key: str

    def begin_sale(self) -> None:
        self.gateway = Gateway(self.bank, self.secret)
        self.claims: list[Claimed] = []
        self.charges: list[Charge] = []
        # The address that a place is bound to, and each address's fan.
        self.email_of: dict[str, str] = {}
        self.fans: dict[str, FanToken] = {}
        self.state = "on_sale"

    # The plain sale

    @property
    def open(self) -> bool:  # type: ignore[override]
        return self.state == "on_sale"

    def free(self) -> int:
        return TICKETS - sum(claim.quantity for claim in self.claims if claim.live)

    def is_live(self, place: str) -> bool:
        return (self.live if self.valid else self.known).get(place) in (WAITING, ADMITTED)

    def is_over(self, place: str) -> bool:
        if self.live[place] != USED:
            return super().is_over(place)
        return not any(claim.live for claim in self.claims if claim.place == place)

    def shown(self, state: str) -> str:
        if state not in (WAITING, ADMITTED):
            return "claimed" if state == USED else state
        if not self.open:
            return self.state
        if self.free():
            return state
        held = any(claim.state == HELD for claim in self.claims)
        if not held:
            return "sold_out"
        return "none_free" if state == WAITING else state

    def hear(self, charge: Charge) -> None:
        """A webhook about a charge that was paid."""
        if not charge.paid:
            return
        self.gateway.tell_success(charge.reference)
        self.deliver()
        if charge.becomes:
            return
        claim = charge.claim
        others = [c for c in self.claims if c is not claim and c.email == claim.email and c.live]
        late = claim.state == RUN_OUT and not others and self.free() >= claim.quantity
        if not charge.wrong and (claim.state == HELD or late):
            claim.state, charge.becomes = CONFIRMED, "ticket"
        else:
            charge.becomes = "refund"

    def broken(self, damage: str) -> int:
        """Do this to the copy; how many differences that makes."""
        client, keys = self.redis(), self.keys
        free = client.zrange(keys.free, 0, -1)
        taken = [str(n) for n in range(1, TICKETS + 1) if str(n) not in free]
        waiting = self.those(WAITING)
        ended = [place for place, state in self.known.items() if state not in (WAITING, ADMITTED)]
        if damage == "free number lost" and free:
            return client.zrem(keys.free, free[-1])
        if damage == "taken number offered" and taken:
            return client.zadd(keys.free, {taken[0]: taken[0]})
        if damage == "lease ran out" and free:
            epoch = rows("SELECT epoch FROM lines")[0].epoch
            inventory.take([inventory.Wanted(self.event.id, epoch, 0, an_id(), 1)], lease_ms=1)
            sleep(0.003)
            return 1
        if damage == "place lost" and waiting:
            return client.zrem(keys.line, waiting[0])
        if damage == "place of nobody":
            return client.zadd(keys.line, {an_id(): 0})
        if damage == "ended place alive" and ended:
            number = self.number[ended[0]]
            client.hset(keys.places, ended[0], f"{number}:0:{an_id()}")
            return client.zadd(keys.line, {ended[0]: number})
        return 0

    # The real one

    def deliver(self) -> None:
        # A worker comes without a transaction, and may not call the gateway within one.
        db.session.rollback()
        self.fresh(outbox.deliver_once, "money")

    def may(self, allowed: bool, verb: Any, *arguments: Any) -> None:
        if allowed:
            self.fresh(verb, *arguments)
        else:
            with pytest.raises(errors.StateGone):
                self.fresh(verb, *arguments)

    def press_pay(self, claim: Claimed) -> None:
        self.may(claim.state == HELD, payments.pay, claim.reference)
        self.deliver()
        known = {charge.reference for charge in self.charges}
        for charge in self.gateway.charges():
            if charge["reference"] not in known:
                assert claim.state == HELD
                self.charges.append(Charge(charge["reference"], claim))

    def pays(self, charge: Charge, wrong: bool) -> None:
        if wrong:
            self.bank.order(pay=["wrong_amount"])
        self.bank.act(charge.reference, "pay")
        charge.paid, charge.wrong = True, wrong

    def pay(self, claim: Claimed | None, wrong: bool = False) -> Charge | None:
        """Press the button and pay at the gateway; nobody has told us yet."""
        if claim is None:
            return None
        self.press_pay(claim)
        charge = self.charges[-1]
        assert charge.claim is claim
        self.pays(charge, wrong)
        return charge

    def somebody_proven(self, email: str = "") -> str | None:
        """A place with a pass and a proven address, a given one perhaps; there may be none."""
        if self.state == "closed":
            return None
        known = self.live if self.valid else self.known
        if self.valid and not self.those(ADMITTED):
            self.change("UPDATE lines SET guard_until = now() WHERE event_id = :id")
            self.guard = None
            self.strangers_join(2)
            self.some_are_admitted()
        places = [token.place_id for _, token in self.browsers]
        inside = [place for place in places if known.get(place) == ADMITTED]
        unbound = [place for place in inside if place not in self.email_of]
        chosen = next(iter((unbound if email else []) or inside), None)
        if chosen is None or not self.prove(chosen, email):
            return None
        # Proving may have merged the place into an earlier one of the same fan.
        email = self.email_of[chosen]
        return next(p for p in self.email_of if self.email_of[p] == email and self.is_live(p))

    def prove(self, place: str, email: str = "") -> bool:
        """Bind a place to an address, a new one if none is given; False when that cannot be now."""
        if place in self.email_of:
            return True
        if not self.valid:
            return False
        # A code comes by mail, which takes longer than the journal does.
        self.the_journal_is_written()
        email = email or f"fan-{len(self.fans)}@example.com"
        facts, token = self.fresh(catalogue.facts, self.event.slug), self.token_of(place)
        verification.ask_code(facts, token, email)
        newest = rows("SELECT id FROM verifications ORDER BY created_at DESC LIMIT 1")[0].id
        proof = verification.prove(facts, token, code_of(newest, self.secret_key))
        mine = [p for p in self.email_of if self.email_of[p] == email and self.is_live(p)]
        self.email_of[place], self.fans[email] = email, proof.fan
        winner, *losers = sorted([place, *mine], key=self.number.__getitem__)
        assert proof.place.place_id == winner
        for loser in losers:
            self.live[loser] = self.known[loser] = MERGED
            told = self.fresh(line.status, self.event.slug, self.token_of(loser))
            assert told.place_token.place_id == winner, "both browsers get the winner's place"
            self.browsers = [b for b in self.browsers if b[1].place_id != loser]
        return True

    def claim(self, place: str | None, quantity: int) -> Claimed | None:
        """Claim and expect what the plain sale expects; the claim, if one was made."""
        if place is None:
            return None
        email = self.email_of[place]
        turn = self.fresh(line.current_pass, self.event.slug, self.token_of(place))
        known = self.live if self.valid else self.known
        if turn is None:
            assert place in self.run_out or known[place] != ADMITTED
            return None
        refusals: list[Any] = [*TOO_FEW] if quantity > self.free() else []
        refusals += [errors.NotOnSale] if not self.open else []
        refusals += [errors.NoPass] if place in self.run_out else []
        if any(claim.live for claim in self.claims if claim.email == email):
            refusals.append(errors.AlreadyClaimed)
        form, key = ClaimForm("Ada Obi", email, "", quantity), an_id()
        facts = self.fresh(catalogue.facts, self.event.slug)
        attempt = (claims.claim, facts, turn, self.fans[email].fan_id, form, key)
        if refusals:
            with pytest.raises(tuple(refusals)):
                self.fresh(*attempt)
            return None
        reference = self.fresh(*attempt)
        assert self.fresh(*attempt) == reference, "the same form makes one claim"
        made = Claimed(reference, email, place, quantity)
        self.claims.append(made)
        self.known[place] = USED
        if self.valid:
            self.live[place] = USED
        return made

    def token_of(self, place: str) -> Any:
        return next(token for _, token in self.browsers if token.place_id == place)
