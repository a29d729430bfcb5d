"""Every kind of token there is, and every door that one of them opens.

A door is asked with something shown as its key, by a browser that has all else that the door wants,
so that nothing but the key decides. Nothing that a door lets in is used up by it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from app.domain import proofs, tokens
from app.domain.tokens import new_id
from drill.attack import cast
from drill.attack.cast import Fan, Show, a_network
from drill.attack.site import SAME_SITE, SECRET_KEY, Answer, Site, Visitor
from drill.stage import wait_until

# Every signed kind by its purpose; a test compares them with those of the code.
KINDS: dict[str, type[Any]] = {
    "visitor": tokens.VisitorToken,
    "place": tokens.PlaceToken,
    "pass": tokens.PassToken,
    "fan": tokens.FanToken,
    "claim": tokens.ClaimLink,
    "ticket": tokens.TicketToken,
    "carry": tokens.CarryToken,
    "challenge": tokens.ChallengeToken,
    "form": tokens.FormToken,
    "reset": tokens.ResetToken,
    "invitation": tokens.InvitationToken,
    "halfway": tokens.HalfwayToken,
}
# Purposes of secrets that are no tokens: codes of addresses and of the second factor, and what
# passwords are hashed with. What tries them is in codes.py, replays.py and log_ins.py.
DERIVED = frozenset({"code", "password", "totp"})
# Cookies that hold one of the above, and those that hold a hint, which is signed by nobody.
SIGNED_COOKIES = frozenset({"fq_visitor", "fq_place", "fq_pass", "fq_fan", "fq_claim"})
HINTS = frozenset({"fq_proven", "fq_worked", "fq_asked", "fq_lang"})
SESSION = "fq_staff"
ANSWER_TO_THE_SUM = "7"
_LINK = (
    "SELECT id FROM staff_links WHERE email = %(email)s AND kind = %(kind)s AND ended_at IS NULL"
)


def session_cookie(values: Mapping[str, Any], key: str = SECRET_KEY) -> str:
    """A session of staff as Flask signs it."""
    return str(_serializer(key).dumps(dict(values)))


def _serializer(key: str) -> Any:
    app = Flask("forger")
    app.secret_key = key
    return SecureCookieSessionInterface().get_signing_serializer(app)


@dataclass(slots=True)
class Cast:
    """`one` is who is robbed: a fan whose turn it is. `reference` is that of a claim that is paid.
    `right` are the keys to the doors by kind, `others` those of somebody else to other things, and
    `worthless` is what is no key anywhere."""

    site: Site
    show: Show
    one: Fan
    reference: str
    admin: Visitor
    right: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    worthless: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """`key` is the kind that opens it; `bearer` says that somebody else's does, too, for whoever
    shows it is let in."""

    name: str
    key: str
    ask: Callable[[Cast, str], Answer]
    opens: frozenset[int]
    bearer: bool = False
    # A form or an address may carry what a cookie cannot.
    in_cookie: bool = True


def assembled(site: Site) -> Cast:
    """The fans and colleagues, and every key of theirs."""
    show = cast.a_show(site, pass_seconds=3600)
    one, paid = cast.at_the_head(show), cast.at_the_head(show)
    codes = paid.pay(paid.claim())
    found = Cast(site, show, one, paid.reference, cast.colleague(site, "admin"))
    found.right |= _keys_of(one, paid)
    elsewhere = cast.a_show(site, organisation_id=cast.an_organisation(site))
    stranger, holder = cast.at_the_head(elsewhere), cast.at_the_head(elsewhere)
    found.others["ticket"] = _signed("ticket", holder.pay(holder.claim())[0])
    found.others |= _keys_of(stranger, holder)
    found.right["ticket"] = _signed("ticket", codes[0])
    _staff_keys(found)
    found.worthless |= {
        "ticket code": codes[0],
        "reference": paid.reference,
        "form key": secrets.token_urlsafe(16),
        "id": new_id(),
        "session": session_cookie({"form": "a", "halfway": "b"}),
    }
    return found


def _keys_of(fan: Fan, buyer: Fan) -> dict[str, str]:
    return {
        **{kind: fan.carried(kind) for kind in ("visitor", "place", "pass")},
        **{kind: buyer.carried(kind) for kind in ("claim", "fan")},
        "carry": a_carry(fan),
        "form": _signed("form", fan.carried("visitor").partition(".")[0]),
        "challenge": a_challenge(fan),
    }


def a_carry(fan: Fan) -> str:
    """What is in the link that takes this fan's place to another browser."""
    page = fan.browser.ask("POST", f"{fan.show.path}/line/carry")
    assert page.status == 200, page
    return page.text.partition("/line/carry/")[2].partition("?")[0]


def a_challenge(fan: Fan, over_in: int = 600) -> str:
    """A sum of this fan's place, as the page would give it; its answer is ANSWER_TO_THE_SUM."""
    place = fan.carried("place").split(".")
    salt = new_id()
    ((now,),) = fan.site.rows("SELECT extract(epoch FROM now())::bigint")
    digest = proofs.digest(salt, ANSWER_TO_THE_SUM)
    return _signed("challenge", int(place[0]), place[2], salt, digest, now + over_in)


def _signed(kind: str, *values: Any) -> str:
    return str(KINDS[kind](*values).sign(SECRET_KEY))


def _staff_keys(found: Cast) -> None:
    site, email = found.site, site_email(found.site)
    found.right["reset"] = a_reset(site, email)
    found.right["invitation"] = an_invitation(found.admin, f"{secrets.token_hex(4)}@example.com")
    found.right["halfway"] = a_halfway(site, site.run["staff"]["organiser"])
    found.right["session"] = session = found.admin.cookies[SESSION]
    found.right["session key"] = _serializer(SECRET_KEY).loads(session)["_user_id"]
    found.right["staff form"] = cast.form_token(found.admin.ask("GET", "/staff/account/"))
    another = cast.colleague(site, "support")
    found.others["staff form"] = cast.form_token(another.ask("GET", "/staff/account/"))


def site_email(site: Site) -> str:
    return str(site.run["staff"]["support"]["email"])


def a_reset(site: Site, email: str) -> str:
    """The link for a forgotten password that is in the mail to this address."""
    browser = Visitor(site, a_network())
    page = browser.ask("GET", "/staff/forgotten")
    sent = {"email": email, "form_token": cast.form_token(page)}
    asked = browser.ask("POST", "/staff/forgotten", sent)
    assert asked.status == 200, asked
    rows: list[Any] = []

    def made() -> bool:
        rows[:] = site.rows(_LINK, email=email, kind="reset")
        return bool(rows)

    assert wait_until(made, 30), "no link was made"
    return _signed("reset", rows[-1].id)


def an_invitation(admin: Visitor, email: str) -> str:
    """The link in the mail that invites this address."""
    form = {"email": email, "role": "support"}
    form["form_token"] = cast.form_token(admin.ask("GET", "/staff/people/"))
    answer = admin.ask("POST", "/staff/people/invite", form)
    assert answer.status == 303, answer
    ((link,),) = admin.site.rows(_LINK, email=email, kind="invitation")
    return _signed("invitation", link)


def a_halfway(site: Site, own: Mapping[str, str], lasts: int = 300) -> str:
    """What the session of somebody holds whose password was right, and whose code is awaited."""
    query = (
        "SELECT id, left(encode(sha256(password_hash::bytea), 'hex'), 16) AS mark,"
        " extract(epoch FROM now())::bigint AS now FROM staff WHERE email = %(email)s"
    )
    (row,) = site.rows(query, email=own["email"])
    return _signed("halfway", row.id, row.mark, row.now + lasts)


def _with(found: Cast, cookies: Mapping[str, str]) -> Visitor:
    return Visitor(found.site, a_network(), dict(cookies))


def _robbed(found: Cast, *kinds: str, **shown: str) -> Visitor:
    """A browser with these cookies of `one`, and what is shown in the place of others."""
    browser = found.one.copy(*kinds)
    browser.cookies |= {found.one.cookie(kind): value for kind, value in shown.items()}
    return browser


def waiting(found: Cast, shown: str) -> Answer:
    return _robbed(found, place=shown).ask("GET", f"{found.show.path}/line")


def polling(found: Cast, shown: str) -> Answer:
    return _robbed(found, place=shown).ask("GET", f"{found.show.path}/line/status")


def joining(found: Cast, shown: str) -> Answer:
    return _robbed(found, visitor=shown).ask("POST", f"{found.show.path}/line")


def choosing(found: Cast, shown: str) -> Answer:
    browser = _robbed(found, "place", "fan", **{"pass": shown})
    return browser.ask("GET", f"{found.show.path}/claim")


def claiming(found: Cast, shown: str) -> Answer:
    """A form with a wrong quantity: whose turn it is hears of the quantity."""
    browser = _robbed(found, "place", "fan", **{"pass": shown})
    return browser.ask("POST", f"{found.show.path}/claim", found.one.form(quantity="0"))


def as_fan(found: Cast, shown: str) -> Answer:
    return _robbed(found, fan=shown).ask("GET", f"/claims/{found.reference}")


def by_cookie(found: Cast, shown: str) -> Answer:
    reference = found.reference
    browser = _with(found, {f"fq_claim_{reference}": shown})
    return browser.ask("GET", f"/claims/{reference}/tickets")


def by_mail(found: Cast, shown: str) -> Answer:
    browser = _with(found, {})
    return browser.ask("GET", f"/claims/{found.reference}?key={quote(shown, safe='')}")


def carrying(found: Cast, shown: str) -> Answer:
    path = f"{found.show.path}/line/carry/{quote(shown, safe='')}"
    return _with(found, {}).ask("GET", path)


def own_form(found: Cast, shown: str) -> Answer:
    """A browser that says nothing of who asks needs the token of its form."""
    browser = found.one.copy("visitor", "place")
    form = {"email": "", "form_token": shown}
    return browser.ask("POST", f"{found.show.path}/verify", form, headers={})


def summing(found: Cast, shown: str) -> Answer:
    form = {"challenge": shown, "number": ANSWER_TO_THE_SUM}
    return found.one.copy("place").ask("POST", f"{found.show.path}/proof", form)


def resetting(found: Cast, shown: str) -> Answer:
    return _with(found, {}).ask("GET", f"/staff/reset/{quote(shown, safe='')}")


def accepting(found: Cast, shown: str) -> Answer:
    return _with(found, {}).ask("GET", f"/staff/invitation/{quote(shown, safe='')}")


def halfway(found: Cast, shown: str) -> Answer:
    session = session_cookie({"halfway": shown, "form": "a token of this form"})
    browser = _with(found, {SESSION: session})
    return browser.ask("POST", "/staff/code", {"code": "", "form_token": "a token of this form"})


def staff(found: Cast, shown: str) -> Answer:
    return _with(found, {SESSION: shown}).ask("GET", "/staff/account/")


def staff_key(found: Cast, shown: str) -> Answer:
    """What a session names as its key, in a session that is well signed."""
    session = session_cookie({"_user_id": shown, "_fresh": True})
    return _with(found, {SESSION: session}).ask("GET", "/staff/account/")


def staff_form(found: Cast, shown: str) -> Answer:
    """Chooses a password that is too short, for which nothing is asked or counted."""
    browser = _with(found, {SESSION: found.right["session"]})
    form = {"form_token": shown}
    return browser.ask("POST", "/staff/account/password", form, SAME_SITE)


def checking(found: Cast, shown: str) -> Answer:
    """What a scanner reads at the door; looking uses no ticket up."""
    browser = _with(found, {SESSION: found.right["session"]})
    form = {"ticket": shown, "form_token": found.right["staff form"]}
    return browser.ask("POST", "/support/ticket", form, SAME_SITE)


_OPEN, _ON, _WRONG_BUT_IN = frozenset({200}), frozenset({303}), frozenset({422})
DOORS = (
    Door("the waiting page", "place", waiting, _OPEN),
    Door("a poll", "place", polling, _OPEN),
    Door("joining", "visitor", joining, _ON, bearer=True),
    Door("the claim form", "pass", choosing, _OPEN),
    Door("a claim", "pass", claiming, _WRONG_BUT_IN),
    Door("a claim, as its fan", "fan", as_fan, _OPEN),
    Door("tickets, by the claim's cookie", "claim", by_cookie, _OPEN),
    Door("a claim, by the link in a mail", "claim", by_mail, _ON, in_cookie=False),
    Door("carrying a place", "carry", carrying, _OPEN, in_cookie=False),
    Door("a fan's form", "form", own_form, _WRONG_BUT_IN, in_cookie=False),
    Door("a sum's answer", "challenge", summing, _ON, in_cookie=False),
    Door("a new password", "reset", resetting, _OPEN, in_cookie=False),
    Door("an invitation", "invitation", accepting, _OPEN, in_cookie=False),
    Door("the second step of a log-in", "halfway", halfway, frozenset({422, 429})),
    Door("the pages of staff", "session", staff, _OPEN),
    Door("the key within a session", "session key", staff_key, _OPEN),
    Door("a ticket, at the door", "ticket", checking, _OPEN, in_cookie=False),
    Door("a form of staff", "staff form", staff_form, _WRONG_BUT_IN, in_cookie=False),
)
