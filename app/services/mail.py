"""Mails: plain text, written from templates/mail, handed to the mail server of SMTP_URL.

The functions named after an outbox kind are its handlers. One that raises is tried again.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select

from app import metrics
from app.domain import codes, words
from app.domain.claims import CONFIRMED
from app.extensions import settings
from app.services import claims
from app.services.links import claim_link
from app.store import verifications
from app.store.db import transaction
from app.store.models import Claim

TIMEOUT = 10.0
_FOLDER = Path(__file__).parents[2] / "templates" / "mail"


def send_code(payload: Mapping[str, Any]) -> None:
    """Send the code of a verification, unless it was used or a newer one asked for.

    Its ten minutes start when the mail server has taken the mail.
    """
    verification_id = payload["verification_id"]
    with transaction() as session:
        found = verifications.code_mail(session, verification_id)
    if found is None:
        return
    code = codes.code_of(verification_id, settings.secret_key)
    subject = f"{code} is your code for {found.title}"
    link = f"{settings.public_url}/events/{found.slug}/verify"
    send(
        "code",
        found.email,
        subject,
        code=code,
        minutes=codes.MINUTES,
        title=found.title,
        link=link,
    )
    with transaction() as session:
        verifications.mark_sent(session, verification_id)


def send_tickets(payload: Mapping[str, Any]) -> None:
    """Send the tickets of a paid claim with a link that opens it in any browser."""
    with transaction() as session:
        reference = session.scalar(select(Claim.reference).where(Claim.id == payload["claim_id"]))
    if reference is None:
        return
    claim = claims.look(reference)
    if claim.state != CONFIRMED:
        return
    send(
        "tickets",
        claim.email,
        f"Your tickets for {claim.event.title} ({claim.reference})",
        claim=claim,
        event=claim.event,
        link=claim_link(claim.reference, "tickets"),
    )


def send(template: str, to: str, subject: str, **values: Any) -> None:
    """Write one mail from templates/mail/<template>.txt and hand it to the mail server.

    Raises OSError or smtplib.SMTPException; the outbox tries again.
    """
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = to
    # A title may hold anything; a header must not hold line breaks.
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=urlsplit(settings.public_url).hostname)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_templates().get_template(f"{template}.txt").render(values))
    try:
        _hand_over(message)
    except Exception:
        metrics.MAILS.labels(template, "failed").inc()
        raise
    metrics.MAILS.labels(template, "sent").inc()


def _hand_over(message: EmailMessage) -> None:
    parts = urlsplit(settings.smtp_url)
    host, port = parts.hostname or "localhost", parts.port or 0
    tls = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=tls)
        if parts.scheme == "smtps"
        else smtplib.SMTP(host, port, timeout=TIMEOUT)
    )
    with server:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=tls)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


@cache
def _templates() -> Environment:
    # Plain text: nothing is escaped, and a forgotten value is an error, not a gap.
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=False,  # noqa: S701  (text/plain)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        money=words.money, moment=words.moment, clock=words.clock, count=words.count
    )
    return environment
