"""Mails that tell somebody of staff what was done with the own log-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.said import say
from app.domain.staff import Origin
from app.services import mail, outbox
from app.services.links import link
from app.store.staff import Db

_SUBJECTS = {
    "code again": say("A used code of your app"),
    "new place": say("Your log-in to FairQueue was used in a new place"),
}
_CHANGED = say("Your log-in to FairQueue was changed")


def owe(session: Db, email: str, what: str, origin: Origin) -> None:
    """Owe somebody the word that a secret of the own log-in was changed or used; `what` is one of
    those in templates/mail/log_in_changed.txt."""
    payload = {"email": email, "what": what, "language": origin.language}
    outbox.owe(session, outbox.MAIL, "send_log_in_news", payload)


def send(payload: Mapping[str, Any]) -> None:
    """The handler of `send_log_in_news`."""
    mail.send(
        "log_in_changed",
        payload["email"],
        _SUBJECTS.get(payload["what"], _CHANGED),
        payload["language"],
        what=payload["what"],
        link=link("/staff/forgotten", payload["language"]),
    )
