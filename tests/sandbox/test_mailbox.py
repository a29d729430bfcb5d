"""The mail catcher shows what was sent and delivers nothing."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.mailbox import MailCatcher


@pytest.fixture
def catcher(tmp_path):
    found = MailCatcher(keep=tmp_path)
    found.start()
    yield found
    found.stop()


def send(catcher: MailCatcher, to: str, subject: str, body: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "FairQueue <t@example.com>", to, subject
    message.set_content(body)
    message.add_attachment(b"x", maintype="image", subtype="png", filename="ticket.png")
    parts = urlsplit(catcher.smtp_url)
    with smtplib.SMTP(parts.hostname or "", parts.port or 0) as server:
        server.send_message(message)


def test_mails_are_listed_newest_first(catcher):
    send(catcher, "ada@example.com", "Your code – é", "123456")
    send(catcher, "chidi@example.com", "Your tickets", "<b> http://localhost/x?a=1&b=2")
    mails = httpx.get(f"{catcher.url}/messages.json").json()
    assert [mail["subject"] for mail in mails] == ["Your tickets", "Your code – é"]
    assert mails[1]["to"] == "ada@example.com"
    assert mails[1]["text"].strip() == "123456"
    assert mails[0]["attachments"] == ["ticket.png"]
    only = httpx.get(f"{catcher.url}/messages.json", params={"to": "ada@", "limit": "1"}).json()
    assert [mail["to"] for mail in only] == ["ada@example.com"]


def test_a_whole_address_finds_its_own_mails_newest_first_among_the_most_that_are_kept(
    catcher, monkeypatch
):
    monkeypatch.setattr("sandbox.mailbox.MOST_KEPT", 3)
    for subject in ("one", "two", "three"):
        send(catcher, "Ada@example.com", subject, "x")
    send(catcher, "chidi@example.com", "four", "x")
    asked = {"to": "ada@example.com"}
    mails = httpx.get(f"{catcher.url}/messages.json", params=asked).json()
    assert [mail["subject"] for mail in mails] == ["three", "two"]
    assert len(httpx.get(f"{catcher.url}/messages.json").json()) == 3
    asked = {"to": "nobody@example.com"}
    assert httpx.get(f"{catcher.url}/messages.json", params=asked).json() == []


def test_the_page_shows_the_text_escaped_and_its_links(catcher):
    send(catcher, "chidi@example.com", "Hello <script>", "<b> http://localhost/x?a=1&b=2")
    page = httpx.get(catcher.url).text
    assert "Hello &lt;script&gt;" in page
    assert "&lt;b&gt;" in page
    assert '<a href="http://localhost/x?a=1&amp;b=2">' in page


def test_a_restart_keeps_the_mails(catcher, tmp_path):
    send(catcher, "ada@example.com", "Kept", "body")
    again = MailCatcher(keep=tmp_path)
    again.start()
    try:
        send(again, "ada@example.com", "Newer", "body")
        subjects = [mail["subject"] for mail in httpx.get(f"{again.url}/messages.json").json()]
    finally:
        again.stop()
    assert subjects == ["Newer", "Kept"]
