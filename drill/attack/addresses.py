"""Every address of the product, and whose it is: the one list of the walk that tries them all with
what belongs to somebody else, run on the product (drill/attack/foreign.py) and as a test
(tests/views/test_foreign_identifiers.py). An address that is in no row fails both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from flask import Flask

# Whose an address is: what a row of it says is only ever said to them.
EVERYONE = "everyone"
PLACE = "the fan who holds the place"
CLAIM = "the fan who made the claim"
LINK = "who was given the link"
EVENT = "organisers of the event's organisation"
CASE = "support of the event's organisation"
DESK = "organisers, each with events of their own"
COUNTER = "support, each with claims of their own"
SELF = "staff, each with a log-in of their own"
TRAIL = "admins, each with an organisation of their own"
PEOPLE = "admins of that person's organisation"
GATEWAY = "the gateway"

# By endpoint, each by name: a new page is not taken for one of its neighbours.
_THEIRS: dict[str, str] = {
    EVERYONE: """
        static public.index public.event health.live health.ready health.counters line.join
        staff.log_in staff.log_in_form staff.code staff.code_form arrivals.forgotten arrivals.ask
    """,
    PLACE: """
        line.wait line.status line.history line.leave carry.ask carry.offer turn.ask turn.give
        appeal.ask appeal.send
        verify.verify verify.submit claims.form claims.make claims.more_for_form
        proof.show proof.by_work proof.by_address
    """,
    CLAIM: """
        claims.claim claims.status claims.pay claims.release claims.more claims.back
        claims.show_tickets claims.calendar
    """,
    LINK: """
        carry.arrive carry.take arrivals.look_at_reset arrivals.reset arrivals.look_at_invitation
        arrivals.accept
    """,
    GATEWAY: "webhooks.paystack",
    DESK: """
        organiser.events organiser.new organiser.create organiser.check addresses.show
        addresses.change
    """,
    EVENT: """
        organiser.event organiser.live organiser.story organiser.readiness organiser.try_out
        organiser.report organiser.payments_sheet organiser.refunds_sheet organiser.tickets_sheet
        organiser.samples_sheet organiser.edit organiser.save organiser.publish
        organiser.open_sale organiser.pause organiser.say_more organiser.resume organiser.close
        organiser.rate organiser.pass_capacity organiser.capacity organiser.message
        marked.show marked.ask marked.decide previews.index previews.looked previews.preview
    """,
    COUNTER: "support.search support.ticket support.check_ticket",
    CASE: """
        support.claim support.give_back support.send_tickets support.ask support.refund
        support.settle
    """,
    SELF: """
        staff.home staff.log_out account.account account.password account.end
        account.log_out_everywhere account.code account.turn_code_on account.turn_code_off
        account.recovery_codes
    """,
    TRAIL: "trail.actions people.everybody people.invite people.require",
    PEOPLE: """
        people.disable people.enable people.log_out people.role people.take_code_away
        people.withdraw
    """,
}
WHOSE = {endpoint: whose for whose, names in _THEIRS.items() for endpoint in names.split()}

STRANGER, FAN, ORGANISER, SUPPORT, ADMIN = "stranger", "fan", "organiser", "support", "admin"
ROLES = (STRANGER, FAN, ORGANISER, SUPPORT, ADMIN)
OF_STAFF = (ORGANISER, SUPPORT, ADMIN)
# Which roles of staff open what is theirs.
ROLES_OF: dict[str, tuple[str, ...]] = {
    EVENT: (ORGANISER, ADMIN),
    DESK: (ORGANISER, ADMIN),
    CASE: (SUPPORT, ADMIN),
    COUNTER: (SUPPORT, ADMIN),
    SELF: OF_STAFF,
    TRAIL: (ADMIN,),
    PEOPLE: (ADMIN,),
}
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
# After these nobody is logged in any more.
GOING = frozenset({"staff.log_out", "account.log_out_everywhere"})
# What a place or a claim of somebody else is answered with.
NOT_YOURS = frozenset({403, 404})


@dataclass(frozen=True, slots=True)
class Address:
    """One method of one route. `pattern` has its parameters in angle brackets."""

    method: str
    pattern: str
    endpoint: str
    whose: str

    def path(self, names: Mapping[str, str]) -> str:
        """The address with these identifiers: `slug`, `reference` and so on."""
        found = self.pattern
        for name, value in names.items():
            for kind in ("", "int:", "path:"):
                found = found.replace(f"<{kind}{name}>", value)
        assert "<" not in found, f"{self.pattern}: add an example of it to the world of the walk"
        return found


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as the walk judges it."""

    status: int
    location: str
    text: str


# Sends (method, path, form) as somebody.
Ask = Callable[[str, str, Mapping[str, str]], Said]


@dataclass(slots=True)
class World:
    """Two fans and an organisation with what is theirs (`theirs`), and intruders by role, each
    with something of the same kind of their own. `secrets` are texts that only they may read;
    `form` is what a form that is not about anybody in particular may say."""

    theirs: Mapping[str, str]
    secrets: tuple[str, ...]
    intruders: Mapping[str, Ask]
    form: Mapping[str, str] = field(default_factory=dict)


def addresses(app: Flask) -> list[Address]:
    """Every address of the application. Raises AssertionError for one in no row."""
    found = []
    for rule in app.url_map.iter_rules():
        assert rule.endpoint in WHOSE, (
            f"{rule.endpoint} ({rule.rule}) is new: say in drill/attack/addresses.py whose it is"
        )
        for method in sorted((rule.methods or set()) & METHODS):
            found.append(Address(method, rule.rule, rule.endpoint, WHOSE[rule.endpoint]))
    gone = WHOSE.keys() - {rule.endpoint for rule in app.url_map.iter_rules()}
    assert not gone, f"{gone}: no such address any more"
    return found


def wrong_answer(address: Address, role: str, said: Said) -> str | None:
    """What is wrong with this answer to somebody who asked for what is another's."""
    if said.status >= 500:
        return f"{said.status}"
    to_log_in = said.status == 303 and said.location.startswith("/staff/login")
    if address.whose in (PLACE, CLAIM):
        return None if said.status in NOT_YOURS else f"{said.status} for another's"
    if address.whose == LINK:
        return None if said.status in (404, 410) else f"{said.status} for a link of elsewhere"
    if address.whose == GATEWAY:
        return None if said.status == 401 else f"{said.status} without a signature"
    allowed = ROLES_OF.get(address.whose, ())
    if not allowed or address.whose == EVERYONE:
        return None
    if role not in OF_STAFF:
        return None if to_log_in else f"{said.status} for who is not logged in"
    if role not in allowed:
        return None if said.status == 403 else f"{said.status} for a role without this page"
    if address.whose in (EVENT, CASE, PEOPLE):
        return None if said.status == 404 else f"{said.status} for another organisation's"
    return None


def walk(found: list[Address], world: World) -> Iterator[tuple[Address, str, str | None]]:
    """Try every address as every role with what is another's: (address, role, what was wrong)."""
    for address in found:
        if address.endpoint in GOING:
            continue
        for role, ask in world.intruders.items():
            said = ask(address.method, address.path(world.theirs), world.form)
            wrong = wrong_answer(address, role, said)
            for secret in world.secrets:
                if secret in said.text:
                    wrong = f"says {secret}, which is another's"
            yield address, role, wrong
