"""How much of what is sent is read."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.domain.tokens import VisitorToken, new_id
from app.extensions import settings
from app.services import catalogue
from app.views import guard
from sandbox.paystack.desk import signature
from tests import factories
from tests.views.browsing import heading

FORM = "application/x-www-form-urlencoded"


class Body(BytesIO):
    """What a browser sends; `taken` is how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def send(app: Any, path: str, body: Body, **environ: str) -> tuple[str, str]:
    """Status and text of a POST; with neither CONTENT_LENGTH nor a body it comes in chunks."""
    builder = EnvironBuilder(path=path, method="POST")
    asked = builder.get_environ()
    builder.close()
    for name in ("CONTENT_LENGTH", "HTTP_CONTENT_LENGTH"):
        asked.pop(name, None)
    visitor = VisitorToken(new_id()).sign(settings.secret_key)
    asked |= {
        "HTTP_COOKIE": f"fq_visitor={visitor}",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "CONTENT_TYPE": FORM,
        "wsgi.input": body,
        # As Granian has it, which takes chunks apart.
        "wsgi.input_terminated": True,
        **environ,
    }
    pieces, status, _ = run_wsgi_app(app.wsgi_app, asked)
    return status[:3], b"".join(pieces).decode()


@pytest.fixture
def paths(app: Any) -> dict[str, int]:
    """Addresses that take a POST, and the most that each reads."""
    event = factories.an_event()
    catalogue.facts(event.slug)
    claim = factories.a_claim(event)
    fans, line = f"/events/{event.slug}", f"/events/{event.slug}/line"
    small = dict.fromkeys(
        (
            line,
            f"{line}/leave",
            f"{line}/carry",
            f"{line}/more",
            f"{fans}/verify",
            f"{fans}/claim",
            f"/claims/{claim.reference}/pay",
            f"/claims/{claim.reference}/release",
            "/nothing",
            fans,
        ),
        guard.LONGEST,
    )
    staff = dict.fromkeys(("/staff/login", "/organiser/new"), guard.LONGEST_OF_STAFF)
    return small | staff | {"/webhooks/paystack": 64 * 1024}


def test_what_is_too_long_is_refused_before_any_of_it_is_read(
    app: Any, paths: dict[str, int]
) -> None:
    for path, most in paths.items():
        for length in (most + 1, 10**9, int("9" * 30)):
            body = Body(b"x" * 100)
            status, text = send(app, path, body, CONTENT_LENGTH=str(length))
            assert (status, body.taken) == ("413", 0), path
            assert heading(text) == "Too much"


def test_chunks_are_read_up_to_the_limit_at_most(app: Any, paths: dict[str, int]) -> None:
    for path, most in paths.items():
        body = Body(b"x" * 10**6)
        status, text = send(app, path, body, HTTP_TRANSFER_ENCODING="chunked")
        assert (status, body.taken) == ("413", most + 1), path
        assert heading(text) == "Too much"


def test_chunks_that_are_short_enough_are_a_body_like_any_other(
    app: Any, paths: dict[str, int]
) -> None:
    body = b'{"event": "charge.success", "data": {"id": 1}}'
    signed = {"HTTP_X_PAYSTACK_SIGNATURE": signature(body, settings.paystack_secret_key)}
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked", **signed}
    assert send(app, "/webhooks/paystack", Body(body), **chunks)[0] == "200"
    (line, *_) = paths
    assert send(app, line, Body(b""), HTTP_TRANSFER_ENCODING="chunked")[0] == "303"


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "x", " 5 "])
def test_an_odd_length_is_no_fault(app: Any, paths: dict[str, int], length: str) -> None:
    for path in paths:
        status, _ = send(app, path, Body(b"x" * 9), CONTENT_LENGTH=length)
        assert status < "500", path


def test_as_much_as_a_form_holds_is_read(app: Any, paths: dict[str, int]) -> None:
    for path, most in paths.items():
        body = b"name=" + b"x" * (most - 5)
        assert send(app, path, Body(body), CONTENT_LENGTH=str(len(body)))[0] not in ("413", "500")
