"""Use cases of the line: what fans and beats do before anybody claims."""

from __future__ import annotations

from time import sleep

from app.domain.codes import code_of
from app.domain.tokens import PlaceToken, new_id
from app.extensions import settings
from app.services import catalogue, heads, line, verification
from app.services.rebuild import rebuild_once
from jobs import ticks
from tests import factories
from tests.faults.failpoint_world import Life, Sale, UseCases, World, a_sale

USE_CASES = UseCases()

PLACES = "SELECT number, state FROM places ORDER BY number"


def join(sale: Sale, count: int) -> list[PlaceToken]:
    return [line.join(sale.slug, new_id()) for _ in range(count)]


def states(world: World) -> list[str]:
    return [state for _, state in world.rows(PLACES)]


def lose_the_copy(world: World) -> None:
    world.line_redis.flushall()
    catalogue.forget_all()


# -- fans


@USE_CASES
def a_fan_joins(world: World) -> Life:
    sale, visitor = a_sale(0), new_id()
    yield lambda: line.join(sale.slug, visitor)
    first = line.join(sale.slug, visitor)
    assert line.join(sale.slug, visitor).place_id == first.place_id
    world.beats()
    assert world.rows("SELECT id, number FROM places") == [(first.place_id, 1)]


@USE_CASES
def a_fan_leaves(world: World) -> Life:
    sale, visitor = a_sale(0), new_id()
    token = line.join(sale.slug, visitor)
    yield lambda: line.leave(sale.slug, token)
    line.leave(sale.slug, token)
    world.beats()
    assert world.rows(PLACES) == [(1, "left")]
    assert line.status(sale.slug, token).state == "left"
    assert line.join(sale.slug, visitor).number == 2, "joining again is the end of the line"


@USE_CASES
def a_crowd_asks_at_the_head(world: World) -> Life:
    sale = a_sale(0)
    first, second = join(sale, 2)
    catalogue.forget_all()
    facts = catalogue.facts(sale.slug)

    def polls() -> None:
        for _ in range(2 * heads.CROWD):
            line.without_asking(facts, second)

    yield polls
    polls()
    assert [line.status(sale.slug, token).number for token in (first, second)] == [1, 2]


@USE_CASES
def a_fan_of_the_lost_second_leaves(world: World) -> Life:
    sale = a_sale(0)
    token = PlaceToken(sale.id, 1, new_id(), 7)
    yield lambda: line.leave(sale.slug, token)
    line.leave(sale.slug, token)
    assert world.rows(PLACES) == [(7, "left")]
    assert line.status(sale.slug, token).state == "left"


@USE_CASES
def a_fan_near_the_head_polls(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    yield lambda: line.status(sale.slug, token)
    assert line.status(sale.slug, token).number == token.number


@USE_CASES
def a_fan_glances(world: World) -> Life:
    """The poll of the fast layer."""
    sale = a_sale(0)
    (token,) = join(sale, 1)
    yield lambda: line.glance(catalogue.facts(sale.slug), token)
    found = line.glance(catalogue.facts(sale.slug), token)
    assert found is not None
    assert found.number == token.number


@USE_CASES
def a_fan_of_the_lost_second_polls(world: World) -> Life:
    sale = a_sale(0)
    lose_the_copy(world)
    assert rebuild_once(sale.id)
    catalogue.forget_all()
    token = PlaceToken(sale.id, 1, new_id(), 7)
    yield lambda: line.status(sale.slug, token)
    assert line.status(sale.slug, token).number == 7
    world.beats()
    assert world.rows("SELECT id, number FROM places") == [(token.place_id, 7)]


# -- beats


@USE_CASES
def the_admission_beat(world: World) -> Life:
    sale = a_sale(0)
    tokens = join(sale, 3)
    # The bucket of a new line is empty; at this pace three are let in after 3 ms.
    sleep(0.01)
    yield ticks.admit
    ticks.admit()
    assert [line.status(sale.slug, token).state for token in tokens] == ["admitted"] * 3
    assert [line.status(sale.slug, token).number for token in tokens] == [1, 2, 3]


@USE_CASES
def the_admission_beat_finds_no_copy(world: World) -> Life:
    sale = a_sale(0)
    tokens = join(sale, 2)
    ticks.journal()
    lose_the_copy(world)
    yield ticks.admit
    assert [line.status(sale.slug, token).number for token in tokens] == [1, 2]
    assert join(sale, 1)[0].number > 1_000_000


@USE_CASES
def the_journal_beat(world: World) -> Life:
    sale = a_sale(0)
    tokens = join(sale, 3)
    line.leave(sale.slug, tokens[1])
    yield ticks.journal
    ticks.journal()
    assert [number for number, _ in world.rows(PLACES)] == [1, 2, 3]
    assert states(world)[1] == "left"


@USE_CASES
def the_journal_beat_meets_a_ghost(world: World) -> Life:
    """A place that ended in Postgres while the line still holds it."""
    sale = a_sale(0)
    (token,) = join(sale, 1)
    world.change(
        "INSERT INTO places (id, event_id, number, epoch, joined_at, state, ended_at)"
        " VALUES (:id, :event, 1, 1, now(), 'left', now())",
        id=token.place_id,
        event=sale.id,
    )
    yield ticks.journal
    ticks.journal()
    assert world.rows(PLACES) == [(1, "left")]
    assert line.status(sale.slug, token).state == "left"


@USE_CASES
def a_line_is_rebuilt(world: World) -> Life:
    sale = a_sale(0)
    tokens = join(sale, 4)
    # The second one's end is what a rebuilt line has to know beside its live places.
    line.leave(sale.slug, tokens[1])
    ticks.journal()
    lose_the_copy(world)
    yield lambda: rebuild_once(sale.id)
    rebuild_once(sale.id)
    catalogue.forget_all()
    found = [line.status(sale.slug, token) for token in tokens]
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert [one.state == "left" for one in found] == [False, True, False, False]
    assert join(sale, 1)[0].number > 1_000_000


@USE_CASES
def the_calendar_beat(world: World) -> Life:
    now = factories.utc_now()
    opens = a_sale(0, state="published", sale_starts_at=now)
    closes = a_sale(0, sale_ends_at=now)
    yield ticks.calendar
    ticks.calendar()
    query = "SELECT e.state, count(t.*) FROM events e LEFT JOIN timeline t ON t.event_id = e.id"
    for sale, state in ((opens, "on_sale"), (closes, "closed")):
        where = " WHERE e.id = :id GROUP BY e.state"
        assert world.rows(query + where, id=sale.id) == [(state, 1)]


# -- proving an address

EMAIL = "ada@example.com"


def ask(sale: Sale, token: PlaceToken) -> None:
    verification.ask_code(catalogue.facts(sale.slug), token, EMAIL)


def prove(world: World, sale: Sale, token: PlaceToken) -> verification.Proof:
    """Type the newest code."""
    newest = "SELECT id FROM verifications ORDER BY created_at DESC LIMIT 1"
    code = code_of(world.rows(newest)[0][0], settings.secret_key)
    return verification.prove(catalogue.facts(sale.slug), token, code)


@USE_CASES
def a_fan_asks_for_a_code(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    yield lambda: ask(sale, token)
    ask(sale, token)
    world.beats()
    assert world.rows("SELECT count(*) FROM verifications") == [(1,)]
    assert world.rows("SELECT sent_at IS NOT NULL FROM verifications") == [(True,)]
    assert prove(world, sale, token).place.place_id == token.place_id


@USE_CASES
def the_mail_with_the_code_is_sent(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    ask(sale, token)
    yield world.deliver
    world.deliver()
    assert prove(world, sale, token).place.place_id == token.place_id


@USE_CASES
def a_fan_proves_the_address(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    ask(sale, token)
    yield lambda: prove(world, sale, token)
    proof = prove(world, sale, token)
    assert (proof.place.place_id, proof.email) == (token.place_id, EMAIL)
    assert world.rows("SELECT fan_id FROM places") == [(proof.fan.fan_id,)]


@USE_CASES
def a_fan_proves_the_address_in_a_second_browser(world: World) -> Life:
    sale = a_sale(0)
    first, second = join(sale, 2)
    ask(sale, first)
    prove(world, sale, first)
    ask(sale, second)
    yield lambda: prove(world, sale, second)
    proof = prove(world, sale, second)
    assert (proof.place.place_id, proof.place.number) == (first.place_id, 1)
    world.beats()
    assert states(world)[1] == "merged"
    assert line.status(sale.slug, second).place_token.place_id == first.place_id


@USE_CASES
def the_first_browser_of_two_polls(world: World) -> Life:
    """It carries the place that ended, and is given the other."""
    sale = a_sale(0)
    first, second = join(sale, 2)
    ask(sale, first)
    prove(world, sale, first)
    ask(sale, second)
    prove(world, sale, second)
    yield lambda: line.status(sale.slug, second)
    assert line.status(sale.slug, second).place_token.place_id == first.place_id


@USE_CASES
def a_fan_types_the_same_code_twice(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    ask(sale, token)
    once = prove(world, sale, token)
    yield lambda: prove(world, sale, token)
    assert prove(world, sale, token) == once


@USE_CASES
def a_fan_looks_at_the_page_about_the_address(world: World) -> Life:
    sale = a_sale(0)
    (token,) = join(sale, 1)
    ask(sale, token)
    fan = prove(world, sale, token).fan

    def look() -> None:
        facts = catalogue.facts(sale.slug)
        verification.standing(facts, token, fan)
        assert verification.proven_address(facts, token, fan) == EMAIL

    yield look
    look()


@USE_CASES
def a_line_that_is_long_over_is_dropped(world: World) -> Life:
    sale = a_sale(0)
    tokens = join(sale, 2)
    line.leave(sale.slug, tokens[1])
    world.change(
        "UPDATE events SET state = 'closed', sale_starts_at = now() - interval '30 days',"
        " sale_ends_at = now() - interval '20 days' WHERE id = :id",
        id=sale.id,
    )
    catalogue.forget_all()

    def two_beats() -> None:
        # The first finds a journal that nobody has read.
        ticks.drop()
        ticks.drop()

    yield two_beats
    two_beats()
    assert world.line_redis.keys(f"fq:{{{sale.id}}}:*") == []
    assert states(world) == ["waiting", "left"]
    assert [line.status(sale.slug, token).state for token in tokens] == ["closed", "left"]
