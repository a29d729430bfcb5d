"""What staff do with a browser, for the tests of their pages."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.store.models import Organisation, Staff
from tests import factories

PASSWORD = "password"


class Desk:
    """A browser in which somebody is logged in; every form is sent from the page that has it."""

    def __init__(self, app: Flask, role: str, organisation: Organisation | None = None) -> None:
        self.organisation = organisation or factories.an_organisation()
        self.member: Staff = factories.a_staff_member(role, self.organisation)
        self.email, self.name, self.id = self.member.email, self.member.name, self.member.id
        self.client: FlaskClient = app.test_client()
        answer = log_in(self.client, self.email)
        assert answer.status_code == 303, answer.text

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, **kwargs)

    def send(self, page: str, action: str | None = None, **fields: str) -> TestResponse:
        """Open a page, fill in its form with this action (or the page's own) and send it."""
        html = self.client.get(page).text
        path = action or page
        return self.client.post(path, data=hidden_fields(html, action) | fields)


def log_in(
    client: FlaskClient, email: str, password: str = PASSWORD, **fields: str
) -> TestResponse:
    html = client.get("/staff/login").text
    form = hidden_fields(html, "/staff/login") | {"email": email, "password": password}
    return client.post("/staff/login", data=form | fields)


def hidden_fields(html: str, action: str | None) -> dict[str, str]:
    """The hidden fields of the form with this action; of one without an action for None."""
    for tag, body in re.findall(r"<form([^>]*)>(.*?)</form>", html, re.DOTALL):
        found = re.search(r'action="([^"]*)"', tag)
        if (found[1] if found else None) == action and 'method="post"' in tag:
            inputs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', body)
            return {name: unescape(value) for name, value in inputs}
    raise AssertionError(f"no form with the action {action} in {html}")


def has_form(html: str, action: str) -> bool:
    return f'action="{action}"' in html
