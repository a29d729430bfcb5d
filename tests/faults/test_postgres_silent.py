"""Postgres stops answering without closing anything: nobody waits longer than 3 s for a no."""

from __future__ import annotations

from time import monotonic, sleep

import pytest

from app.domain import errors
from app.services import catalogue, claims
from tests import factories
from tests.faults.standstill import stopped


def test_a_silent_postgres_costs_one_deadline_and_then_nothing(app, client, postgres):
    event = factories.an_event()
    reference = factories.a_claim(event).reference
    catalogue.facts(event.slug)
    with stopped(postgres.pid):
        asked = monotonic()
        with pytest.raises(errors.NotNow):
            claims.look(reference)
        assert monotonic() - asked < 3
        asked = monotonic()
        with pytest.raises(errors.StoreUnavailable):
            claims.look(reference)
        assert monotonic() - asked < 0.1
        asked = monotonic()
        answer = client.get(f"/claims/{reference}")
        assert (answer.status_code, monotonic() - asked < 3) == (503, True)
        assert answer.headers["Retry-After"]
    sleep(0.6)
    assert claims.look(reference).reference == reference
