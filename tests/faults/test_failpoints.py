"""No effect without a failpoint, and no failpoint that no use case passes (docs/faults.md)."""

from __future__ import annotations

import pytest

from app import failpoints
from tests.faults import (
    failpoint_claims,
    failpoint_code,
    failpoint_jobs,
    failpoint_line,
    failpoint_money,
    failpoint_staff,
    failpoint_waiting,
)
from tests.faults.failpoint_world import Life, World, a_sale

FILES = (
    failpoint_line,
    failpoint_waiting,
    failpoint_claims,
    failpoint_money,
    failpoint_staff,
    failpoint_jobs,
)
USE_CASES = [case for file in FILES for case in file.USE_CASES]


# -- the code


def without_a_point(texts: dict[str, str]) -> list[str]:
    """The functions that have an effect by themselves and strike no point."""
    found = failpoint_code.functions(texts)
    striking = failpoint_code.strikers(found)
    own = {name for name, one in found.items() if failpoint_code.REACHED in one.calls}
    return [
        f"{name}: {', '.join(one.effects)}"
        for name, one in found.items()
        if one.effects and name not in own and not _struck_by_its_callers(name, found, own)
    ] + [name for name in sorted(striking - set(found)) if name != failpoint_code.REACHED]


def _struck_by_its_callers(
    name: str, found: dict[str, failpoint_code.Function], own: set[str]
) -> bool:
    """A helper may leave the point to those who call it, if each of them strikes one, or leaves
    it to its own callers in the same module."""
    module = found[name].module
    callers = [other for other, one in found.items() if name in one.calls and one.module == module]
    return bool(callers) and all(
        caller in own or _struck_by_its_callers(caller, found, own) for caller in callers
    )


def test_every_effect_strikes_a_point() -> None:
    assert without_a_point(failpoint_code.sources()) == []


@pytest.mark.parametrize(
    "effect",
    [
        "db.session.commit()",
        'connection.send_command("EVALSHA", sha, 0)',
        'connection.execute_command("EVAL", text, 0)',
        'client.stream("POST", "/refund")',
        "server.send_message(mail)",
        'queue.enqueue("jobs.ticks.admit")',
    ],
)
def test_a_new_effect_without_a_point_is_found(effect: str) -> None:
    new = f"def verb(connection, client, server, queue):\n    {effect}\n"
    assert len(without_a_point({"app.services.new": new})) == 1
    struck = f"from app.failpoints import reached\n{new}    reached('new')\n"
    assert without_a_point({"app.services.new": struck}) == []


def test_only_the_borders_speak_to_servers() -> None:
    assert list(failpoint_code.drivers(failpoint_code.sources())) == []


@pytest.mark.parametrize("driver", ["httpx", "smtplib", "redis", "rq", "psycopg", "socket"])
def test_a_new_border_is_found(driver: str) -> None:
    assert list(failpoint_code.drivers({"app.services.new": f"import {driver}\n"}))


# -- the use cases


def not_passed(world: World, cases: list[object]) -> list[str]:
    """The functions with an effect at which no point is passed by these use cases."""
    passed: set[str] = set()
    for case in cases:
        passed |= {point.partition("/")[0] for point in world.only_the_points(case)}  # type: ignore[arg-type]
    found = failpoint_code.functions(failpoint_code.sources())
    return sorted(
        one.point for one in failpoint_code.having_effects(found) if one.point not in passed
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_function_with_an_effect_is_passed_by_a_use_case(world: World) -> None:
    missing = not_passed(world, USE_CASES)
    assert not missing, " ".join(missing)


def test_a_function_that_no_use_case_passes_is_found(world: World) -> None:
    assert "claims.release" in not_passed(world, [failpoint_line.a_fan_joins])


# -- the points themselves


def test_a_point_is_named_by_who_wanted_the_effect_and_how_often(world: World) -> None:
    assert world.only_the_points(failpoint_claims.a_claim_through_redis)[:2] == [
        "claims._try_together/line:take#1",
        "claims._try_together/statement:claim#1",
    ]


def test_a_use_case_in_which_nobody_dies_fails(world: World) -> None:
    with pytest.raises(AssertionError, match="nobody died"):
        world.kill(failpoint_line.a_fan_joins, "line._join/line:join#2")


def test_a_use_case_after_which_something_is_wrong_fails(world: World) -> None:
    def a_ticket_is_sold_twice(world: World) -> Life:
        sale = a_sale()
        yield lambda: sale.buyers[0].claim(2, "the form")
        world.change("UPDATE tickets SET claim_id = NULL WHERE number = 1")

    with pytest.raises(AssertionError, match="Violation"):
        world.kill(a_ticket_is_sold_twice, "claims._try_together/statement:claim#1")


def test_nothing_is_watched_unless_it_was_asked_for() -> None:
    assert failpoints._watch is None
