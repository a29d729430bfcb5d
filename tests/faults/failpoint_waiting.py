"""Use cases of those who wait or whose turn it is: a place carried, more time, mails."""

from __future__ import annotations

from itertools import count
from urllib.parse import urlsplit

from app.domain import errors
from app.domain import proofs as rules
from app.domain.tokens import PlaceToken, new_id
from app.services import carrying, catalogue, claims, more_time, outbox, proofs
from jobs import ticks, wake
from tests.faults.failpoint_line import ask, join, prove
from tests.faults.failpoint_world import Life, Sale, UseCases, World, a_sale, again

USE_CASES = UseCases()


def offer(sale: Sale, token: PlaceToken) -> str:
    """The token in the link of a place."""
    offered = carrying.offer(catalogue.facts(sale.slug), token, "en")
    return urlsplit(offered.address).path.rpartition("/")[2]


@USE_CASES
def a_fan_asks_for_a_link(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    yield lambda: offer(sale, token)
    link = offer(sale, token)
    found = carrying.take(catalogue.facts(sale.slug), link, new_id())
    assert found.place.place_id == token.place_id
    assert world.rows(
        "SELECT count(*) FROM carries WHERE used_at IS NULL AND expires_at > now()"
    ) == [(0,)]


@USE_CASES
def a_fan_looks_at_a_link_and_goes_on_there(world: World) -> Life:
    sale, visitor = a_sale(0), new_id()
    (token,) = join(sale, 1)
    link = offer(sale, token)

    def go_on() -> None:
        facts = catalogue.facts(sale.slug)
        carrying.look(facts, link)
        carrying.take(facts, link, visitor)

    yield go_on
    facts = catalogue.facts(sale.slug)
    assert carrying.take(facts, link, visitor).place.place_id == token.place_id
    again(lambda: carrying.take(facts, link, new_id()), errors.LinkOver)


def with_a_sum(world: World, sale: Sale) -> tuple[PlaceToken, str, str]:
    """A place of a sale that asks for work, its challenge and the number that answers it."""
    world.change("UPDATE events SET proof = 'light'")
    catalogue.forget_all()
    (token,) = join(sale, 1)
    facts = catalogue.facts(sale.slug)
    given = proofs.challenge(facts, token)
    number = next(n for n in count() if rules.digest(given.salt, n) == given.digest)
    return token, given.token, str(number)


@USE_CASES
def a_browser_works_out_its_sum(world: World) -> Life:
    sale = a_sale(0)
    token, challenge, number = with_a_sum(world, sale)

    def answer() -> None:
        proofs.by_work(catalogue.facts(sale.slug), token, challenge, number)

    yield answer
    answer()
    assert world.rows("SELECT id, proof FROM places") == [(token.place_id, "work")]


@USE_CASES
def a_proven_address_counts_instead(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    ask(sale, token)
    fan = prove(world, sale, token).fan
    yield lambda: proofs.by_address(token, fan)
    proofs.by_address(token, fan)
    assert world.rows("SELECT id, proof FROM places") == [(token.place_id, "address")]


@USE_CASES
def a_fan_looks_at_the_page_of_the_sum(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    yield lambda: proofs.standing(catalogue.facts(sale.slug), token, None)
    assert proofs.standing(catalogue.facts(sale.slug), token, None).proof is None


@USE_CASES
def a_fan_needs_more_time_to_choose(world: World) -> Life:
    sale = a_sale()
    (buyer,) = sale.buyers
    facts = catalogue.facts(sale.slug)
    end = buyer.pass_token.pass_until + 180_000
    yield lambda: more_time.for_pass(facts, buyer.pass_token)
    assert more_time.for_pass(facts, buyer.pass_token).pass_until == end
    assert world.rows("SELECT pass_until, extended_turn FROM places") == [(end, 0)]
    assert world.line_redis.zscore(f"fq:{{{sale.id}}}:passes", buyer.pass_token.place_id) == end


@USE_CASES
def a_fan_needs_more_time_to_pay(world: World) -> Life:
    sale = a_sale()
    reference = sale.buyers[0].claim(2, "the form")
    until = claims.look(reference).held_until
    yield lambda: more_time.for_hold(reference)
    more_time.for_hold(reference)
    assert (claims.look(reference).held_until - until).total_seconds() == 300
    assert world.rows("SELECT count(*) FROM timeline WHERE verb = 'had more time'") == [(1,)]


def waiting_with_an_address(world: World, sale: Sale) -> PlaceToken:
    (token,) = join(sale, 1)
    ask(sale, token)
    prove(world, sale, token)
    world.deliver()
    ticks.journal()
    return token


@USE_CASES
def mails_of_turns_are_owed(world: World) -> Life:
    # One inside is all that there is room for.
    sale = a_sale(pass_capacity=1)
    waiting_with_an_address(world, sale)
    world.bind(world.settings, wake.wake)
    yield ticks.turns
    ticks.turns()
    kinds = "SELECT kind, count(*) FROM outbox WHERE key IS NOT NULL GROUP BY 1 ORDER BY 1"
    assert world.rows(kinds) == [("send_soon", 1), ("send_turn", 1)]


@USE_CASES
def mails_of_turns_are_sent(world: World) -> Life:
    # One inside is all that there is room for.
    sale = a_sale(pass_capacity=1)
    waiting_with_an_address(world, sale)
    ticks.turns()
    yield lambda: outbox.deliver_once(outbox.MAIL)
    world.deliver()
    assert world.mails_to(sale.buyers[0].email)[0].subject.startswith("It is your turn")
    assert world.rows("SELECT count(*) FROM carries WHERE fan_id IS NOT NULL") == [(2,)]
