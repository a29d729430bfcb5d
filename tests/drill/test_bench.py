"""The benchmark against the real product: every kind of request is answered rightly, and costs no
more round trips than promised. How fast it is says nothing on a machine that is busy testing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from drill import load
from drill.bench import COUNTED, SECRETS, WARM_UP_S, Bench, count_trips, first_of
from drill.bench_kinds import KINDS, Kind, Supplies, Supply
from drill.bench_report import Row
from drill.load import NotAMeasurement

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
# The line for the polls.
LINE = 1_200


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if not load.present():
        if "CI" in os.environ:
            pytest.fail(load.MISSING)
        pytest.skip(load.MISSING)
    with ExitStack() as stack:
        yield Bench(stack, tmp_path_factory.mktemp("bench") / "var")


@pytest.fixture(scope="module")
def supplies(bench: Bench) -> dict[str, Supply]:
    made = Supplies(bench.stock, bench.site, SECRETS["PAYSTACK_SECRET_KEY"], LINE)
    return {kind.name: made.of(kind, first_of(kind) + COUNTED) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_under_load_every_answer_has_the_right_status(
    bench: Bench, supplies: dict[str, Supply], kind: Kind
) -> None:
    found = bench.kind(kind, supplies[kind.name], WARM_UP_S, first_of(kind))

    assert found.per_second > 0
    assert 0 < found.p50_ms <= found.p99_ms


def test_no_kind_takes_more_round_trips_than_promised(
    bench: Bench, supplies: dict[str, Supply]
) -> None:
    rows = [Row(kind) for kind in KINDS]

    count_trips(bench, rows, [supplies[kind.name] for kind in KINDS])

    judged = [bar for row in rows for bar in row.bars()]
    assert len(judged) == sum(kind.trips is not None for kind in KINDS)
    assert [bar for bar in judged if not bar.met] == []
    # Both servers are counted: an organiser's figures come from both.
    organiser = next(row for row in rows if row.kind.name == "organiser")
    assert min(organiser.trips or (0, 0)) >= 1


def test_an_answer_with_another_status_is_no_measurement(
    bench: Bench, supplies: dict[str, Supply]
) -> None:
    page = supplies["event"].take(1)

    with pytest.raises(NotAMeasurement, match=r"303 was expected of every answer; .* of 200"):
        load.run(bench.site, page, 1, 303)


def test_running_out_of_prepared_requests_is_no_measurement(
    bench: Bench, supplies: dict[str, Supply]
) -> None:
    page = supplies["event"].take(1)

    with pytest.raises(NotAMeasurement, match="ran out"):
        load.run(bench.site, page * 10, 1, 200, once=True)


def test_one_refusal_is_no_measurement_even_without_a_look(
    bench: Bench, supplies: dict[str, Supply]
) -> None:
    page = supplies["event"].take(1)
    missing = load.request("GET", "/events/nowhere", bench.site.host)

    load.run(bench.site, page, 1, 200, look=False)
    with pytest.raises(NotAMeasurement, match=r"[1-9][0-9]* of [0-9]+ answers were refusals"):
        load.run(bench.site, [*page * 500, missing], 1, 200, look=False)
