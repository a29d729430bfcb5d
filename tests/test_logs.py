"""What is written to the logs, and what never is: a whole journey, and all logs read."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask, g

from app import logs
from tests.product import mail_to, product
from tests.views.desk import hidden_fields

NAME, EMAIL, PHONE = "Adaeze Okonkwo-Nwosu", "adaeze.okonkwo@example.com", "+2348031234567"
CARD = "4084084084084081"


def written(words: str, **fault: Any) -> str:
    record = logging.LogRecord("x", logging.ERROR, "", 1, words, None, fault.get("exc_info"))
    return logs.Discreet("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize(
    "words",
    [
        "could not send to ada@example.com",
        "Key (email)=(ada.o+x@mail.example.com) already exists",
        "duplicate key\nDETAIL:  Key (name)=(Ada Obi) already exists, for ada@example.com.",
        "[SQL: INSERT]\n[parameters: {'name': 'Ada Obi', 'email': 'ada@example.com'}]",
        "<ada@example.com>: refused",
    ],
)
def test_what_is_somebodys_own_is_left_out(words: str) -> None:
    found = written(words)
    assert "ada" not in found.lower()
    assert "…" in found


def test_so_is_what_a_fault_says_of_it() -> None:
    import sys

    try:
        raise ValueError("Key (email)=(ada@example.com) exists\nDETAIL:  of Ada Obi")
    except ValueError:
        found = written("failed", exc_info=sys.exc_info())
    assert "Traceback" in found
    assert "ada" not in found.lower()


def test_nobody_writes_a_line_of_their_own_into_the_log() -> None:
    forged = "2026-11-26T10:00:00.000Z INFO fairqueue: all is well"
    found = written(f"no event \r\n{forged}\x1b[2K\u2028{forged}")
    assert found.splitlines() == ["ERROR no event …", f"  {forged}…[2K…{forged}"]


def test_a_line_begins_with_its_time_in_utc() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, "begun", None, None)
    record.created, record.msecs = 0.25, 250.0
    assert (
        logs.Discreet("%(asctime)s %(message)s").format(record) == "1970-01-01T00:00:00.250Z begun"
    )


def test_a_line_names_its_request() -> None:
    assert "request=" not in written("at rest")
    with Flask("x").test_request_context("/"):
        g.request_id = "0123456789abcdef"
        assert written("asked").endswith(" request=0123456789abcdef")


def test_an_error_of_the_database_does_not_name_the_row(app: Any) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from app.extensions import db

    with pytest.raises(SQLAlchemyError) as caught:
        db.session.execute(text("SELECT 1 / :zero, CAST(:name AS text)"), {"zero": 0, "name": NAME})
    assert NAME not in str(caught.value)
    db.session.rollback()


class Fan:
    """A browser at the running product; `secrets` are what no log may hold."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.run = run
        self.http = httpx.Client(
            base_url=run["url"],
            timeout=30,
            follow_redirects=True,
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        self.secrets = {NAME, "Okonkwo", EMAIL, PHONE, PHONE[-7:], CARD}

    def ask(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        answer = self.http.request(method, path, **kwargs)
        for cookie in self.http.cookies.jar:
            if cookie.value and len(cookie.value) > 8:
                self.secrets.add(cookie.value)
                # The signature is what makes a token.
                self.secrets.add(cookie.value.rpartition(".")[2])
        self.secrets |= set(re.findall(r'name="form_(?:token|key)" value="([^"]+)"', answer.text))
        return answer

    def until(self, path: str, words: str) -> httpx.Response:
        end = monotonic() + 40
        while words not in (answer := self.ask("GET", path)).text:
            assert monotonic() < end, answer.text
            sleep(0.3)
        return answer


def buy(fan: Fan) -> str:
    """From the line to the tickets; the claim's reference. Some of it goes wrong on the way."""
    event = f"/events/{fan.run['events'][0]}"
    assert fan.ask("POST", f"{event}/line").status_code == 200
    form = {"email": EMAIL}
    assert fan.ask("POST", f"{event}/verify", data=form).status_code == 200
    code = re.search(r"\d{6}", mail_to(fan.run, EMAIL, "code")["subject"])[0]
    wrong = f"{(int(code) + 1) % 10**6:06}"
    fan.secrets |= {code, wrong}
    assert fan.ask("POST", f"{event}/verify", data={"code": wrong}).status_code == 422
    assert fan.ask("POST", f"{event}/verify", data={"code": code}).status_code == 200
    link = re.search(r"line/carry/([\w.-]+)", fan.ask("POST", f"{event}/line/carry").text)[1]
    fan.secrets.add(link)
    fan.until(f"{event}/line", "Choose your tickets")
    form = {"name": NAME, "email": EMAIL, "phone": PHONE, "quantity": "2"}
    assert fan.ask("POST", f"{event}/claim", data=form | {"email": "x"}).status_code == 422
    made = fan.ask("POST", f"{event}/claim", data=form | {"form_key": "a-key-of-sixteen-letters"})
    claim = urlsplit(str(made.url)).path
    assert re.fullmatch(r"/claims/FQ-[\w-]+", claim), made.text
    fan.ask("POST", f"{claim}/pay")
    address = re.search(r'href="([^"]+/checkout/[^"]+)"', fan.until(claim, "/checkout/").text)[1]
    fan.secrets.add(address.rpartition("/")[2])
    httpx.post(f"{address}/pay", data={"card": CARD, "cvv": "408"})
    fan.until(claim, "tickets")
    key = re.search(r"key=([\w.-]+)", str(mail_to(fan.run, EMAIL, "ickets")))
    if key:
        fan.secrets.add(key[1])
    tickets = fan.until(f"{claim}/tickets", "<svg").text
    fan.secrets |= set(re.findall(r'class="[^"]*code[^"]*">([A-Z0-9 -]{16,24})<', tickets))
    return claim.rpartition("/")[2]


def help_out(fan: Fan, reference: str) -> None:
    """Support logs in, with a wrong password first, and finds the fan by what fans say."""
    login = fan.run["staff"]["support"]
    fan.secrets |= {login["password"], "a wrong password", login["email"]}
    for password in ("a wrong password", login["password"]):
        page = fan.ask("GET", "/staff/login").text
        form = hidden_fields(page, "/staff/login")
        fan.ask("POST", "/staff/login", data=form | {"email": login["email"], "password": password})
    for text in (EMAIL, NAME, reference):
        assert fan.ask("GET", "/support/", params={"q": text}).status_code == 200


def go_wrong(fan: Fan) -> None:
    """Forged webhooks, odd forms, addresses of nothing."""
    body = {"event": "charge.success", "data": {"customer": {"email": EMAIL}, "card": CARD}}
    fan.ask("POST", "/webhooks/paystack", json=body)
    fan.ask("POST", f"/claims/FQ-0000-0000-00/pay?key={EMAIL}", data={"name": NAME})
    fan.ask("GET", f"/nothing/{EMAIL}?name={NAME}")
    fan.ask("POST", f"/events/{fan.run['events'][0]}/verify", data={"email": f"{EMAIL} x"})
    fan.ask("POST", "/staff/login", headers={"Sec-Fetch-Site": "cross-site"}, data={"name": NAME})


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_logs_of_a_whole_journey_tell_of_nobody(tmp_path: Path) -> None:
    with product(tmp_path / "var", LOG_LEVEL="DEBUG") as run:
        fan, staff = Fan(run), Fan(run)
        with fan.http, staff.http:
            reference = buy(fan)
            help_out(staff, reference)
            go_wrong(fan)
    # The stand-ins for the gateway and the mail server are somebody else's.
    theirs = {"gateway", "mailbox"}
    files = [
        file
        for file in (tmp_path / "var" / "log").iterdir()
        if file.name.split(".")[0] not in theirs
    ]
    texts = {file.name: file.read_text(errors="replace") for file in files}
    assert {"web", "beats-0", "money", "mail", "beat"} <= {name.split(".")[0] for name in texts}
    assert "request=" in "".join(texts.values())
    for name, text in texts.items():
        found = [secret for secret in fan.secrets | staff.secrets if secret in text]
        assert not found, (name, found)
