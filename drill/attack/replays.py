"""What was worth something once: used already, run out, taken back, or somebody's who shows it at
the wrong place. And hints, which the browser keeps unsigned and nobody may believe."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pyotp

from app.domain import second_factor
from app.domain.tokens import PassToken, ResetToken, new_id
from drill.attack import cast, doors
from drill.attack.cast import Fan, a_network
from drill.attack.doors import SESSION, session_cookie
from drill.attack.site import SECRET_KEY, Row, Site, Visitor

PASSWORD = "a password of the attack only"


@dataclass(frozen=True, slots=True)
class Case:
    """One try: what was shown, the answer's status, and those that are right."""

    what: str
    status: int
    right: tuple[int, ...]


def attack(site: Site) -> list[Row]:
    return [
        _row("tokens of a fan used twice, run out, or another's", list(_of_fans(site))),
        _row("hints that a browser made up", list(_hints(site))),
        _row("links, codes and sessions of staff used twice or run out", list(_of_staff(site))),
        _row("webhooks: forged signatures, and a true one again and again", list(_webhooks(site))),
    ]


def _row(what: str, cases: list[Case]) -> Row:
    wrong = [f"{case.what}: {case.status}" for case in cases if case.status not in case.right]
    found = "; ".join(wrong[:5]) or "each was answered as it has to be, the first uses as well"
    return Row(what, len(cases), found, not wrong)


def _of_fans(site: Site) -> Iterator[Case]:
    yield from _passes(site)
    yield from _codes_of_fans(site)
    yield from _carried(site)
    yield from _sums(site)


def _passes(site: Site) -> Iterator[Case]:
    show = cast.a_show(site, pass_capacity=1)
    first, second = cast.at_the_head(show), cast.proven(show)
    page = f"{show.path}/claim"
    thief = second.copy("place", "fan")
    thief.cookies[first.cookie("pass")] = first.carried("pass")
    yield Case("another's pass, beside one's own place", thief.ask("GET", page).status, (403,))
    sent = thief.ask("POST", page, second.form()).status
    yield Case("a claim with another's pass", sent, (403,))
    form = first.form()
    yield Case("the first claim of a pass", first.browser.ask("POST", page, form).status, (303,))
    again = first.copy("place", "pass", "fan")
    yield Case("the same form again", again.ask("POST", page, form).status, (303,))
    yield Case("another form of a used pass", again.ask("POST", page, first.form()).status, (409,))
    ((held,),) = site.rows(
        "SELECT count(*) FROM tickets WHERE event_id = %(id)s AND claim_id IS NOT NULL", id=show.id
    )
    yield Case("tickets held by all of these", held, (1,))
    cast.admitted(second)
    yield from _pass_that_is_over(second)


def _pass_that_is_over(fan: Fan) -> Iterator[Case]:
    page = f"{fan.show.path}/claim"
    over = PassToken.read(fan.carried("pass"), SECRET_KEY)
    assert over is not None
    old = PassToken(*(getattr(over, name) for name in over.__slots__[:-1]), over.pass_until - 10**7)
    kept = fan.copy("place", "pass", "fan")
    left = fan.browser.ask("POST", f"{fan.show.path}/line/leave").status
    yield Case("leaving", left, (303,))
    # The form is shown, for the pass says that it lives; Postgres knows better when it is sent.
    shown = kept.ask("GET", page).status
    yield Case("the form for the pass of a place that has left", shown, (200, 403))
    sent = kept.ask("POST", page, fan.form()).status
    yield Case("a claim with the pass of a place that has left", sent, (403,))
    kept.cookies[fan.cookie("pass")] = old.sign(SECRET_KEY)
    yield Case("a pass that ran out", kept.ask("GET", page).status, (403,))
    yield Case("a claim with it", kept.ask("POST", page, fan.form()).status, (403,))


def _codes_of_fans(site: Site) -> Iterator[Case]:
    show = cast.a_show(site)
    page = f"{show.path}/verify"
    fan, thief = cast.joined(show), cast.joined(show)
    for one in (fan, thief):
        asked = one.browser.ask("POST", page, {"email": one.email}).status
        yield Case("asking for a code", asked, (303,))
    code = cast.code_for(fan)
    stolen = thief.copy("place")
    stolen.cookies[fan.cookie("asked")] = fan.carried("asked")
    yield Case("another's code", stolen.ask("POST", page, {"code": code}).status, (422,))
    site.rows(
        "UPDATE verifications SET sent_at = now() - interval '11 minutes', created_at = now() -"
        " interval '12 minutes' WHERE email = %(email)s RETURNING id",
        email=fan.email,
    )
    late = fan.copy("place", "asked").ask("POST", page, {"code": code}).status
    yield Case("a code after eleven minutes", late, (422,))
    mine = cast.code_for(thief)
    yield Case("the own code", thief.browser.ask("POST", page, {"code": mine}).status, (303,))
    site.rows(
        "UPDATE verifications SET proven_at = now() - interval '2 minutes' WHERE email = %(email)s"
        " RETURNING id",
        email=thief.email,
    )
    again = thief.copy("place").ask("POST", page, {"code": mine}).status
    yield Case("a code that was used two minutes ago", again, (422,))


def _carried(site: Site) -> Iterator[Case]:
    show, elsewhere = cast.a_show(site), cast.a_show(site)
    fans = cast.joined(show), cast.joined(show)
    used, late = map(doors.a_carry, fans)
    path = f"{show.path}/line/carry/{used}"
    first, second = Visitor(site, a_network()), Visitor(site, a_network())
    for browser in (first, second):
        yield Case("looking at a link", browser.ask("GET", path).status, (200,))
    yield Case("taking it", first.ask("POST", path).status, (303,))
    yield Case("the same browser again", first.ask("POST", path).status, (303,))
    yield Case("another browser, later", second.ask("POST", path).status, (410,))
    other = f"{elsewhere.path}/line/carry/{late}"
    yield Case("a link of another event", second.ask("POST", other).status, (404,))
    site.rows(
        "UPDATE carries SET expires_at = now() WHERE place_id = %(id)s RETURNING id",
        id=fans[1].carried("place").split(".")[2],
    )
    path = f"{show.path}/line/carry/{late}"
    yield Case("a link that ran out", second.ask("GET", path).status, (410,))
    yield Case("taking a link that ran out", second.ask("POST", path).status, (410,))


def _sums(site: Site) -> Iterator[Case]:
    show = cast.a_show(site, proof="light")
    one, other = cast.joined(show), cast.joined(show)
    page = f"{show.path}/proof"
    over, good = doors.a_challenge(one, over_in=-1), doors.a_challenge(one)
    form = {"challenge": good, "number": doors.ANSWER_TO_THE_SUM}
    late = one.browser.ask("POST", page, {**form, "challenge": over}).status
    yield Case("a sum after its time", late, (422,))
    wrong = one.browser.ask("POST", page, {**form, "number": "8"}).status
    yield Case("a wrong answer to a sum", wrong, (422,))
    yield Case("another place's sum", other.browser.ask("POST", page, form).status, (422,))
    yield Case("the own sum", one.browser.ask("POST", page, form).status, (303,))
    again = one.copy("place").ask("POST", page, form).status
    yield Case("the same sum for the same place", again, (303,))
    yield Case("a used sum of another place", other.browser.ask("POST", page, form).status, (422,))


def _hints(site: Site) -> Iterator[Case]:
    """`fq_proven` and `fq_worked` are copied from the place, `fq_asked` is a number of a code."""
    show = cast.a_show(site, proof="light")
    fan = cast.joined(show)
    cast.admitted(fan)
    place_id = fan.carried("place").split(".")[2]
    robbed = cast.proven(show)
    liar = fan.copy("place", "pass")
    liar.cookies |= {fan.cookie("proven"): place_id, fan.cookie("worked"): place_id}
    page = f"{show.path}/claim"
    yield Case("a made-up proof of an address", liar.ask("POST", page, fan.form()).status, (403,))
    liar.cookies["fq_fan"] = robbed.carried("fan")
    sent = liar.ask("POST", page, robbed.form()).status
    yield Case("and somebody else's fan beside it", sent, (403,))
    cast.admitted(robbed)
    worked = robbed.copy("place", "pass", "fan")
    worked.cookies[robbed.cookie("worked")] = robbed.carried("place").split(".")[2]
    sent = worked.ask("POST", page, robbed.form()).status
    yield Case("a made-up proof of work", sent, (403,))
    for asked in ("", "x" * 16, new_id(), "'" * 16, "0" * 5_000):
        liar.cookies[fan.cookie("asked")] = asked
        sent = liar.ask("POST", f"{show.path}/verify", {"code": "123456"}).status
        yield Case("a made-up number of a code", sent, (422,))
    for spoken in ("xx", "../../etc/passwd", "fr'", "%0d%0a", "{{7*7}}"):
        liar.cookies["fq_lang"] = spoken
        yield Case("a made-up language", liar.ask("GET", f"{show.path}/line").status, (200,))


def _of_staff(site: Site) -> Iterator[Case]:
    yield from _links(site)
    yield from _sessions(site)
    yield from _second_steps(site)


def _links(site: Site) -> Iterator[Case]:
    admin = cast.colleague(site, "admin")
    email = f"{secrets.token_hex(5)}@example.com"
    invitation = doors.an_invitation(admin, email)
    form = {"name": "Ngozi Obi", "password": PASSWORD}
    answers = [_send(site, f"/staff/invitation/{invitation}", form) for _ in range(2)]
    yield Case("an invitation", answers[0], (303,))
    yield Case("the same invitation again", answers[1], (410,))
    earlier = doors.a_reset(site, email)
    invited = f"{secrets.token_hex(5)}@example.com"
    late = doors.an_invitation(admin, invited)
    answers = [_send(site, f"/staff/reset/{earlier}", {"password": PASSWORD}) for _ in range(2)]
    yield Case("a link for a new password", answers[0], (303,))
    yield Case("the same link again", answers[1], (410,))
    over = doors.a_reset(site, email)
    site.rows(
        "UPDATE staff_links SET expires_at = now() WHERE email = ANY(%(emails)s) RETURNING id",
        emails=[email, invited],
    )
    for path in (f"/staff/reset/{over}", f"/staff/invitation/{late}"):
        yield Case(
            "a link that ran out", Visitor(site, a_network()).ask("GET", path).status, (410,)
        )
        yield Case("sending its form", _send(site, path, {**form, "password": PASSWORD}), (410,))
    unknown = ResetToken(new_id()).sign(SECRET_KEY)
    looked = Visitor(site, a_network()).ask("GET", f"/staff/reset/{unknown}").status
    yield Case("a link that nobody was sent", looked, (410,))


def _send(site: Site, path: str, form: dict[str, str]) -> int:
    """Send the form of a page of those who are not logged in."""
    browser = Visitor(site, a_network())
    token = cast.form_token(browser.ask("GET", "/staff/login"))
    return browser.ask("POST", path, {**form, "form_token": token}).status


def _sessions(site: Site) -> Iterator[Case]:
    page = "/staff/account/"
    browser = cast.colleague(site, "support")
    token = cast.form_token(browser.ask("GET", page))
    thief = Visitor(site, a_network(), {SESSION: browser.cookies[SESSION]})
    yield Case("a copied session while it lives", thief.ask("GET", page).status, (200,))
    kept = dict(thief.cookies)
    out = browser.ask("POST", "/staff/logout", {"form_token": token}).status
    yield Case("logging out", out, (303,))
    yield Case(
        "the copy afterwards", Visitor(site, a_network(), kept).ask("GET", page).status, (303,)
    )
    idle = cast.colleague(site, "organiser")
    site.rows(
        "UPDATE staff_sessions SET seen_at = now() - interval '31 minutes' WHERE ended_at IS NULL"
        " AND address = %(address)s RETURNING id",
        address=idle.network,
    )
    yield Case("a session that was idle", idle.ask("GET", "/organiser/").status, (303,))


def _second_steps(site: Site) -> Iterator[Case]:
    """Somebody turns the second factor on, with the code of the half minute before."""
    admin, email = cast.colleague(site, "admin"), f"{secrets.token_hex(5)}@example.com"
    invitation = doors.an_invitation(admin, email)
    form = {"name": "Tobi Ade", "password": PASSWORD}
    yield Case("a log-in", _send(site, f"/staff/invitation/{invitation}", form), (303,))
    own = {"email": email, "password": PASSWORD}
    browser = Visitor(site, a_network())
    yield Case("logging in by the password", browser.log_in(**own).status, (303,))
    page = browser.ask("GET", "/staff/account/code")
    ((seed, now),) = site.rows(
        "SELECT totp_seed, extract(epoch FROM now())::bigint FROM staff WHERE email = %(email)s",
        email=email,
    )
    app = pyotp.TOTP(second_factor.secret(seed, SECRET_KEY))
    sent = {"code": app.at(now - 30), "form_token": cast.form_token(page)}
    on = browser.ask("POST", "/staff/account/code", sent)
    yield Case("turning the second factor on", on.status, (200,))
    recovery = on.text.partition('<li class="reference">')[2].partition("<")[0]

    def step(code: str, session: str = "") -> int:
        one = Visitor(site, a_network(), {SESSION: session} if session else {})
        if not session and one.log_in(**own).status != 303:
            return 0
        token = cast.form_token(one.ask("GET", "/staff/code")) if not session else "a token"
        return one.ask("POST", "/staff/code", {"code": code, "form_token": token}).status

    yield Case("the code that turned it on", step(app.at(now - 30)), (422,))
    yield Case("a code", step(app.at(now)), (303,))
    yield Case("the same code again", step(app.at(now)), (422,))
    yield Case("a recovery code", step(recovery), (303,))
    yield Case("the same recovery code again", step(recovery), (422,))
    late = {"halfway": doors.a_halfway(site, own, lasts=-1), "form": "a token"}
    yield Case("a second step too late", step(app.at(now + 30), session_cookie(late)), (303,))
    entered = Visitor(site, a_network(), {SESSION: session_cookie(late)})
    yield Case("a password without its code", entered.ask("GET", "/staff/account/").status, (303,))


def _webhooks(site: Site) -> Iterator[Case]:
    key = site.settings.paystack_secret_key
    number = secrets.token_hex(8)
    body = json.dumps({"event": "charge.dispute.create", "data": {"id": number}})
    right = hmac.digest(key.encode(), body.encode(), "sha512").hex()
    wrong = {
        "no signature": None,
        "an empty one": "",
        "half of it": right[:64],
        "one more digit": f"{right}0",
        "another key's": hmac.digest(b"another key", body.encode(), "sha512").hex(),
        "an empty key's": hmac.digest(b"\0", body.encode(), "sha512").hex(),
        "SHA-256": hmac.digest(key.encode(), body.encode(), "sha256").hex(),
        "another body's": hmac.digest(key.encode(), b"{}", "sha512").hex(),
        "two of them": f"{right}, {right}",
        "something huge": right * 60,
        "no ASCII": "ÿ" * 128,
    }
    for what, shown in wrong.items():
        yield Case(what, _webhook(site, body, shown), (401,))
    for at in range(0, len(right), 8):
        digit = "0" if right[at] != "0" else "1"
        yield Case("one digit", _webhook(site, body, right[:at] + digit + right[at + 1 :]), (401,))
    for changed in (f"{body} ", body.upper(), "", "null"):
        yield Case("the same with another body", _webhook(site, changed, right), (401,))
    for _ in range(5):
        yield Case("the true one", _webhook(site, body, right), (200,))
    query = "SELECT count(*) FROM inbox WHERE body -> 'data' ->> 'id' = %(number)s"
    yield Case("how often it is kept", site.rows(query, number=number)[0][0], (1,))


def _webhook(site: Site, body: str, signature: str | None) -> int:
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers["X-Paystack-Signature"] = signature
    sent = Visitor(site, a_network())
    return sent.ask("POST", "/webhooks/paystack", headers=headers, body=body.encode()).status
