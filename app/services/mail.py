"""Mails: plain text, written from templates/mail, handed to the mail server of SMTP_URL.

The functions named after an outbox kind are its handlers. One that raises is tried again.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import languages, metrics
from app.domain import codes, words
from app.domain.claims import CONFIRMED
from app.domain.said import say
from app.extensions import settings
from app.failpoints import reached
from app.gateway.breaker import Breaker
from app.languages import ENGLISH, said
from app.services import claims, outbox
from app.services.links import claim_link, link
from app.services.outbox import Ending

TIMEOUT = 10.0
_FOLDER = Path(__file__).parents[2] / "templates" / "mail"
# A mail server that is silent costs each mail the whole timeout; then one at a time tries.
_breaker = Breaker()


def send_code(payload: Mapping[str, Any]) -> Ending | None:
    """Send the code of a verification, unless it was used or a newer one asked for.

    Its ten minutes start when the mail server has taken the mail.
    """
    verification_id = payload["verification_id"]
    found = outbox.facts_of("send_code", payload)
    if found is None:
        return None
    code = codes.code_of(verification_id, settings.secret_key)
    subject = say("%(code)s is your code for %(title)s", code=code, title=found["title"])
    language = payload.get("language", ENGLISH)
    send(
        "code",
        found["email"],
        subject,
        language,
        code=code,
        minutes=codes.MINUTES,
        title=found["title"],
        link=link(f"/events/{found['slug']}/verify", language),
    )
    return Ending("code_sent", {"verification_id": verification_id})


def send_tickets(payload: Mapping[str, Any]) -> None:
    """Send the tickets of a paid claim with a link that opens it in any browser."""
    page = outbox.facts_of("send_tickets", payload)
    if page is None:
        return
    claim = claims.view_of_page(page)
    if claim.state != CONFIRMED:
        return
    send(
        "tickets",
        claim.email,
        say(
            "Your tickets for %(title)s (%(reference)s)",
            title=claim.event.title,
            reference=claim.reference,
        ),
        claim.language,
        claim=claim,
        event=claim.event,
        link=claim_link(claim.reference, claim.language, "tickets"),
    )


def send(template: str, to: str, subject: str, language: str, **values: Any) -> None:
    """Write one mail from templates/mail/<template>.txt, in this language, and hand it to the
    mail server.

    Raises OSError, smtplib.SMTPException, or Later while the server is known to be silent; the
    outbox tries again.
    """
    if pause := _breaker.refuses_for():
        raise outbox.Later("not sent: the mail server does not answer now", pause)
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = to
    # A title may hold anything; a header must not hold line breaks.
    message["Subject"] = " ".join(said(subject, language).split())
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=urlsplit(settings.public_url).hostname)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = language
    message.set_content(_templates(language).get_template(f"{template}.txt").render(values))
    try:
        _hand_over(message)
    except Exception as exc:
        metrics.MAILS.labels(template, "failed").inc()
        # A refusal in the server's own words is an answer, too.
        if isinstance(exc, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
            _breaker.answered()
        else:
            _breaker.silent()
        raise
    _breaker.answered()
    metrics.MAILS.labels(template, "sent").inc()


def _hand_over(message: EmailMessage) -> None:
    parts = urlsplit(settings.smtp_url)
    host, port = parts.hostname or "localhost", parts.port or 0
    server = (
        smtplib.SMTP_SSL(host, port, _own_name(), timeout=TIMEOUT, context=_tls())
        if parts.scheme == "smtps"
        else smtplib.SMTP(host, port, _own_name(), timeout=TIMEOUT)
    )
    with server:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=_tls())
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
        reached("mail:", "sent")


# Reading all certificates, or asking for our own name, takes longer than sending a mail: once for
# each process is enough.
@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@cache
def _own_name() -> str:
    return socket.getfqdn()


@cache
def _templates(language: str) -> Environment:
    # Plain text: nothing is escaped, and a forgotten value is an error, not a gap.
    environment = Environment(  # nosec B701 # text/plain
        loader=FileSystemLoader(_FOLDER),
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: said(value, language) if isinstance(value, str) else value,
    )
    environment.policies["ext.i18n.trimmed"] = True
    known = languages.catalogue(language)
    environment.install_gettext_translations(known, newstyle=True)  # type: ignore[attr-defined]
    for local in (words.money, words.moment, words.count, words.duration):
        environment.filters[local.__name__] = partial(local, locale=language)
    environment.filters["clock"] = words.clock
    return environment


def forget_all() -> None:
    """Forget that the mail server was silent (between tests)."""
    _breaker.answered()
