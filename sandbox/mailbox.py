"""A mail catcher: takes every mail by SMTP, delivers none, shows them on a small page.

    python -m sandbox.mailbox --smtp-port 8025 --http-port 8026 [--keep FOLDER]

`/messages.json` lists the mails, newest first: to, subject, text, html (or null), attachments
(names), at. `?to=ADDRESS` keeps those of one address (or whose addresses hold these letters; only
a whole address is quick among thousands of mails), `?limit=N` the newest N. With --keep each mail
is also a file, read again at the next start.
"""

from __future__ import annotations

import argparse
import logging
import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, Response, jsonify, render_template_string, request
from markupsafe import Markup, escape
from werkzeug.serving import make_server

from sandbox.servers import free_port

# Enough for a drill of some thousand fans; older mails are let go.
MOST_KEPT = 20_000

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Caught mail</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem }
article { border-top: 1px solid #bbb; padding: .5rem 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit }
</style>
<h1>Caught mail</h1>
<p>Mail that FairQueue sent; none of it left this machine. The newest is first.</p>
{% for mail in mails %}
<article>
<h2>{{ mail.subject }}</h2>
<p>To {{ mail.to }}, {{ mail.at }}</p>
<pre>{{ linked(mail.text) }}</pre>
{% if mail.attachments %}<p>Attached: {{ mail.attachments | join(", ") }}</p>{% endif %}
</article>
{% else %}
<p>No mail has come yet.</p>
{% endfor %}
</html>
"""


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str
    html: str | None
    attachments: list[str]
    at: str


class Mailbox:
    """The mails caught so far, oldest first; safe for several threads."""

    def __init__(self, keep: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._mails: deque[Mail] = deque()
        self._by_address: dict[str, list[Mail]] = {}
        self._keep = keep
        self._count = 0
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for path in sorted(keep.glob("*.eml"))[-MOST_KEPT:]:
                at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                self._keep_in_mind(_read(path.read_bytes(), [], at))
                self._count = int(path.stem)

    def add(self, raw: bytes, recipients: Sequence[str]) -> None:
        mail = _read(raw, recipients, datetime.now(UTC))
        with self._lock:
            self._count += 1
            self._keep_in_mind(mail)
            if self._keep is not None:
                (self._keep / f"{self._count:08}.eml").write_bytes(raw)

    def newest_first(self, to: str | None = None, limit: int | None = None) -> list[Mail]:
        with self._lock:
            own = self._by_address.get(to.lower()) if to else None
            mails = list(reversed(self._mails if own is None else own))
        if to and own is None:
            mails = [mail for mail in mails if to.lower() in mail.to.lower()]
        return mails[:limit]

    def _keep_in_mind(self, mail: Mail) -> None:
        self._mails.append(mail)
        self._by_address.setdefault(mail.to.lower(), []).append(mail)
        if len(self._mails) > MOST_KEPT:
            oldest = self._mails.popleft()
            theirs = self._by_address[oldest.to.lower()]
            theirs.remove(oldest)
            if not theirs:
                del self._by_address[oldest.to.lower()]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for each mail."""
        content = envelope.content or b""
        self.add(content if isinstance(content, bytes) else content.encode(), envelope.rcpt_tos)
        return "250 caught"


def _read(raw: bytes, recipients: Sequence[str], at: datetime) -> Mail:
    message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
    return Mail(
        to=str(message["to"] or ", ".join(recipients)),
        subject=str(message["subject"] or ""),
        text=_part(message, "plain") or "",
        html=_part(message, "html"),
        attachments=[part.get_filename() or "unnamed" for part in message.iter_attachments()],
        at=at.isoformat(),
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    body = message.get_body((kind,))
    return None if body is None else str(body.get_content())


def linked(text: str) -> Markup:
    """The text, escaped, with its addresses made into links."""
    parts = re.split(r"(https?://[^\s<>\"]+)", text)
    return Markup("").join(
        Markup('<a href="{0}">{0}</a>').format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def pages(mailbox: Mailbox) -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def page() -> str:
        return render_template_string(PAGE, mails=mailbox.newest_first(limit=200), linked=linked)

    @app.get("/messages.json")
    def messages() -> Response:
        limit = request.args.get("limit", type=int)
        mails = mailbox.newest_first(request.args.get("to"), limit)
        return jsonify([asdict(mail) for mail in mails])

    return app


class MailCatcher:
    """Both servers, for tests and for main(); a port of 0 lets the system choose."""

    def __init__(self, smtp_port: int = 0, http_port: int = 0, keep: Path | None = None) -> None:
        self.mailbox = Mailbox(keep)
        self._http = make_server("127.0.0.1", http_port, pages(self.mailbox), threaded=True)
        self._smtp = Controller(self.mailbox, hostname="127.0.0.1", port=smtp_port or free_port())

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self._smtp.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def start(self) -> None:
        self._smtp.start()
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def serve(self) -> None:
        self._smtp.start()
        self._http.serve_forever()

    def stop(self) -> None:
        self._smtp.stop()
        self._http.shutdown()
        self._http.server_close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="sandbox.mailbox", description="A mail catcher.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--keep", type=Path, help="a folder for the mails")
    options: Any = parser.parse_args(arguments)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    catcher = MailCatcher(options.smtp_port, options.http_port, options.keep)
    try:
        catcher.serve()
    except KeyboardInterrupt:
        catcher.stop()


if __name__ == "__main__":
    main()
