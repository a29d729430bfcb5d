"""The page of who did what."""

from __future__ import annotations

from tests import factories
from tests.views.desk import Desk


def test_an_admin_sees_who_did_what_from_where_under_which_request(app):
    admin = Desk(app, "admin")
    event = factories.an_event(organisation=admin.organisation, admit_per_minute=60)
    page = f"/organiser/events/{event.slug}"
    answer = admin.send(page, f"{page}/rate", admit_per_minute="90")
    shown = admin.get("/staff/actions").text
    assert "Changed the rate" in shown
    assert "60 → 90" in shown
    assert "127.0.0.1" in shown
    assert answer.headers["X-Request-Id"] in shown
    assert "60 → 90" not in admin.get("/staff/actions?subject=nothing").text
    assert admin.get("/staff/actions?who=x&verb=%00&before=-1").status_code == 404
    assert admin.get("/staff/actions?who=x&verb=y&before=-1").status_code == 200


def test_an_action_of_another_organisation_is_not_shown(app):
    other = Desk(app, "admin", factories.an_organisation("Abuja Stages"))
    assert other.email not in Desk(app, "admin").get("/staff/actions").text
