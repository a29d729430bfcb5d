"""Every use case of those who wait, killed at each of its points (docs/faults.md)."""

from __future__ import annotations

import pytest

from tests.faults.failpoint_waiting import USE_CASES
from tests.faults.failpoint_world import UseCase, World

# A case takes seconds; on a busy machine each of its deaths does.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.__name__)
def test_it_may_die_at_any_point(world: World, case: UseCase) -> None:
    world.kill_everywhere(case)
