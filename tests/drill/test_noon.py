"""The noon with two thousand fans, judged by what must hold and not by its time."""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drill.noon import Scenario, noon, tell
from drill.noon_judge import inversions
from drill.product import product
from drill.till import Till
from tests.factories import a_place, an_event, utc_now


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_thousand_fans_and_two_hundred_tickets(tmp_path: Path) -> None:
    scenario = Scenario.of(2000, 200, seed=12, processes=2)
    with tempfile.TemporaryDirectory(prefix="fq-noon-", ignore_cleanup_errors=True) as folder:
        data_dir = Path(folder) / "var"
        with product(data_dir, **scenario.environment()) as run:
            till = Till(run, "")
            found = noon(till, data_dir, scenario)
            till.close()
    assert {what: count for what, count in found.must.items() if count} == {}, found.examples
    assert found.outcomes["sold out"] > 1000
    assert found.outcomes["bought"] >= 50
    assert {"left", "did not pay"} <= found.outcomes.keys()

    tell(found, tmp_path)
    written = json.loads((tmp_path / "drill.json").read_text())
    assert written["holds"] is True
    assert written["looks"][-1]["sold"] == 200
    assert len(list(tmp_path.glob("*.svg"))) == 3
    for picture in tmp_path.glob("*.svg"):
        ElementTree.parse(picture)


def test_who_is_let_in_before_an_earlier_one_is_found(app: object, settings: object) -> None:
    event = an_event()
    now = utc_now()

    def came(number: int, let_in_after: int | None = None, left_after: int | None = None) -> None:
        a_place(
            event,
            number=number,
            state="left" if left_after else "admitted" if let_in_after else "waiting",
            admitted_at=now + timedelta(seconds=let_in_after) if let_in_after else None,
            ended_at=now + timedelta(seconds=left_after) if left_after else None,
        )

    came(1, let_in_after=5)
    came(2, left_after=6)
    came(3, let_in_after=7)
    till = Till({"database_url": settings.database_url}, "")  # type: ignore[attr-defined]
    try:
        assert inversions(till, event.id) == 0
        # Number 3 was let in after 7 s, and these two were asking then.
        came(4, let_in_after=6)
        came(5)
        assert inversions(till, event.id) == 1
        came(6, let_in_after=9)
        assert inversions(till, event.id) == 2
    finally:
        till.close()
