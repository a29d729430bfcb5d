"""The verbs and the details of timelines in words that can be said in every language.

A timeline keeps short English words, because support and programs search for them. What has no row
here is shown as it is kept.
"""

from __future__ import annotations

from app.domain.payments import Reason
from app.domain.said import say

_VERBS = {
    "accepted an invitation": say("Accepted an invitation"),
    "address_proven": say("Address proven"),
    "admitted": say("Let in"),
    "asked for a new password": say("Asked for a new password"),
    "changed a forgotten password": say("Changed a forgotten password"),
    "changed a role": say("Changed a role"),
    "changed the capacity": say("Changed the number of tickets"),
    "changed the pass capacity": say("Changed the pass capacity"),
    "changed the password": say("Changed the password"),
    "changed the rate": say("Changed the rate"),
    "appealed": say("Appealed"),
    "claimed": say("Claimed"),
    "cleared a place": say("Cleared a place"),
    "closed": say("Closed"),
    "code refused": say("Code refused"),
    "confirmed": say("Confirmed"),
    "created": say("Created"),
    "disabled a log-in": say("Disabled a log-in"),
    "downloaded the payments": say("Downloaded the payments"),
    "downloaded the refunds": say("Downloaded the refunds"),
    "downloaded the samples": say("Downloaded the figures over time"),
    "downloaded the tickets": say("Downloaded the tickets"),
    "edited": say("Edited"),
    "enabled a log-in": say("Enabled a log-in"),
    "ended a session": say("Ended a session"),
    "expired": say("Ran out"),
    "gateway asked": say("Gateway asked"),
    "gave a log-in": say("Gave a log-in"),
    "had more time": say("Had more time"),
    "healed": say("Healed"),
    "invited": say("Invited"),
    "joined": say("Joined"),
    "left": say("Left the line"),
    "log-in refused": say("Log-in refused"),
    "logged in": say("Logged in"),
    "logged out everywhere": say("Logged out everywhere"),
    "logged out": say("Logged out"),
    "logged somebody out": say("Logged somebody out"),
    "looked at the pages": say("Looked at the pages"),
    "made recovery codes": say("Made recovery codes"),
    "made the second factor optional": say("Made the second factor optional"),
    "mailed the tickets": say("Mailed the tickets"),
    "merged": say("Became one with the other place"),
    "opened": say("Opened"),
    "paused": say("Paused"),
    "payment failed": say("Payment failed"),
    "payment refused": say("Payment refused"),
    "payment started": say("Payment started"),
    "posted a message": say("Posted a message"),
    "proved the address": say("Proved the address"),
    "published": say("Published"),
    "refund failed": say("Refund failed"),
    "refund needs attention": say("Refund needs a person"),
    "refund owed": say("Refund owed"),
    "refund pending": say("Refund pending"),
    "refund processed": say("Refunded"),
    "refund processing": say("Refund under way"),
    "refund settled by hand": say("Refund settled by hand"),
    "released": say("Given back"),
    "removed a place": say("Removed a place"),
    "required a second factor": say("Required a second factor"),
    "resumed": say("Resumed"),
    "suspended a place": say("Suspended a place"),
    "said more about the pause": say("Said more about the pause"),
    "tickets sent again": say("Sent the tickets again"),
    "took the message away": say("Took the message away"),
    "took the second factor away": say("Took the second factor away"),
    "tried mail and gateway": say("Tried mail and gateway"),
    "turned the second factor off": say("Turned the second factor off"),
    "turned the second factor on": say("Turned the second factor on"),
    "used a recovery code": say("Used a recovery code"),
    "withdrew an invitation": say("Withdrew an invitation"),
}
_DETAILS = {
    "admit_per_minute": say("admitted per minute"),
    "amount": say("amount"),
    "capacity": say("tickets"),
    "email": say("e-mail"),
    "late": say("late"),
    "message": say("message"),
    "name": say("name"),
    "next_word_at": say("next word"),
    "note": say("note"),
    "number": say("number"),
    "numbers": say("numbers"),
    "pass_capacity": say("inside at once"),
    "payment": say("payment"),
    "price": say("price"),
    "quantity": say("quantity"),
    "reason": say("reason"),
    "role": say("role"),
    "sessions": say("sessions"),
    "state": say("state"),
    "status": say("status"),
    "title": say("title"),
}
_WHO = {
    "staff": say("staff"),
    "the fan": say("the fan"),
    "the gateway": say("the gateway"),
    "the system": say("the system"),
}
_REASONS = {
    Reason.WRONG_AMOUNT: say("another sum than the price came in"),
    Reason.WRONG_CURRENCY: say("the sum came in another currency"),
    Reason.PAID_TWICE: say("paid twice"),
    Reason.GIVEN_BACK: say("the claim had been given back"),
    Reason.NONE_LEFT: say("no tickets were left"),
    Reason.OTHER_CLAIM: say("the fan has another claim"),
    Reason.CLAIM_REFUNDED: say("the claim had been refunded"),
}


def verb(kept: str) -> str:
    """Proved the address, Refund owed ..."""
    return _VERBS.get(kept) or _VERBS.get(_plain(kept)) or _plain(kept).capitalize()


def detail(kept: str) -> str:
    """The name of what a happening changed or names."""
    return _DETAILS.get(kept) or _plain(kept)


def who(kept: str) -> str:
    """Who did it: a name stays as it is."""
    return _WHO.get(kept) or kept


def reason(kept: str) -> str:
    """Why money goes back: what a person gave as the reason stays as it is."""
    kept = kept.removeprefix("support: ")
    return _REASONS.get(kept) or kept


def _plain(kept: str) -> str:
    return kept.replace("_", " ").replace("-", " ")
