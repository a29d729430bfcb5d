"""For operators."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from prometheus_client import REGISTRY

from app import metrics
from app.line.client import line_client
from tests import factories
from tests.views.browsing import join


def test_a_living_process_says_so(client):
    assert client.get("/health/live").status_code == 200


def test_ready_means_that_postgres_and_redis_answer(client):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json == {"ready": True, "postgres": True, "redis": True}


def test_without_redis_it_is_not_ready_and_says_which(client, monkeypatch):
    monkeypatch.setattr(line_client, "alive", lambda: False)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json == {"ready": False, "postgres": True, "redis": False}


def test_the_counters_count(client):
    event = factories.an_event()
    join(client, event)
    text = client.get("/metrics").text
    assert 'fairqueue_requests_count{endpoint="line.join",method="POST",status="303"}' in text


def test_no_request_is_counted_twice_or_not_at_all_when_threads_count_together():
    labels = {"endpoint": "somewhere", "method": "GET", "status": "200"}

    def count_a_thousand(_: int) -> None:
        for _ in range(1_000):
            metrics.answered("somewhere", "GET", 200, 0.5)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count_a_thousand, range(8)))

    assert REGISTRY.get_sample_value("fairqueue_requests_count", labels) == 8_000
    assert REGISTRY.get_sample_value("fairqueue_requests_sum", labels) == 4_000
