"""Staff: logging in and out, and the one place that says who may open what."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.blueprints import BlueprintSetupState
from flask_login import UserMixin, current_user, login_user, logout_user
from htmx_flask import request
from werkzeug.wrappers import Response

from app.domain.errors import (
    CrossSite,
    Invalid,
    LogInRefused,
    LogInRequired,
    NotAllowed,
    PasswordCommon,
    TooManyTries,
    Unknown,
)
from app.domain.said import say
from app.domain.staff import ADMIN, ORGANISER, ROLES, SUPPORT, Origin, StaffMember
from app.extensions import login_manager, settings
from app.services import second_factor, sessions, staff, staff_links
from app.views.language import language, said

blueprint = Blueprint("staff", __name__, url_prefix="/staff")

# Which roles open which pages, by blueprint. A page in no row is for everybody.
ALLOWED: dict[str, frozenset[str]] = {
    "staff": frozenset(ROLES),
    "organiser": frozenset({ORGANISER, ADMIN}),
    "addresses": frozenset({ORGANISER, ADMIN}),
    "marked": frozenset({ORGANISER, ADMIN}),
    "previews": frozenset({ORGANISER, ADMIN}),
    "support": frozenset({SUPPORT, ADMIN}),
    "account": frozenset(ROLES),
    "arrivals": frozenset(ROLES),
    "people": frozenset({ADMIN}),
    "trail": frozenset({ADMIN}),
}
BEFORE_LOG_IN = frozenset(
    {
        "staff.log_in",
        "staff.log_in_form",
        "staff.code",
        "staff.code_form",
        "arrivals.forgotten",
        "arrivals.ask",
        "arrivals.look_at_reset",
        "arrivals.reset",
        "arrivals.look_at_invitation",
        "arrivals.accept",
    }
)
# What opens for somebody who still has to turn the second factor on.
WITHOUT_CODE = frozenset({"account.code", "account.turn_code_on", "staff.log_out"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Of plain letters: browsers read other characters in ways of their own.
PAGE_OF_STAFF = re.compile(r"/(organiser|support)(/[A-Za-z0-9/_-]*)?")


class Person(UserMixin):
    """Who is logged in, as Flask-Login wants it."""

    def __init__(self, member: StaffMember) -> None:
        self.member = member

    def get_id(self) -> str:
        return self.member.key


def me() -> StaffMember:
    """Who is logged in."""
    member: StaffMember = g.member
    return member


def go_on(sentence: str, endpoint: str, **values: Any) -> Response:
    """Lead on to a page, which says what was done."""
    flash(said(sentence))
    return redirect(url_for(endpoint, **values), code=303)


@blueprint.record_once
def bind(state: BlueprintSetupState) -> None:
    # Not by init_app(): that would look into the session after every fan's request too, and
    # mark pages that are the same for everyone as different for each cookie.
    state.app.login_manager = login_manager  # type: ignore[attr-defined]
    state.app.permanent_session_lifetime = timedelta(seconds=settings.staff_session)
    state.app.config["SESSION_REFRESH_EACH_REQUEST"] = False


@login_manager.user_loader
def load(key: str) -> Person | None:
    member = sessions.load(key)
    return Person(member) if member else None


@blueprint.before_app_request
def admit() -> Response | None:
    """Lets staff in by their role; raises NotAllowed, LogInRequired, CrossSite or Unknown."""
    allowed = ALLOWED.get(request.blueprint or "")
    if allowed is None:
        return None
    # Postgres keeps no NUL, so nothing that is there can be meant by one.
    if "\0" in request.path or any("\0" in value for value in request.values.values()):
        raise Unknown
    if request.endpoint not in BEFORE_LOG_IN:
        if not current_user.is_authenticated:
            return _to_log_in()
        g.member = replace(current_user.member, origin=origin())
        if me().role not in allowed:
            raise NotAllowed
        if me().must_have_code and not me().has_code and request.endpoint not in WITHOUT_CODE:
            return _to_code()
        # A session is idle since the last page that was opened, not since the last figures that
        # a page left open has asked for.
        if not request.htmx:
            sessions.seen(me())
    if request.method not in SAFE:
        check_form_token()
    return None


def origin() -> Origin:
    """Where this request comes from, for the trail."""
    browser = request.user_agent.string
    return Origin(request.remote_addr or "", g.request_id, browser, language())


def _to_code() -> Response:
    if request.htmx:
        raise LogInRequired
    return redirect(url_for("account.code"), code=303)


def _to_log_in() -> Response:
    if request.htmx:
        # A fragment cannot show a log-in page; the whole page goes there.
        raise LogInRequired
    wanted = f"?next={quote(request.path)}" if request.method in SAFE else ""
    return redirect(url_for("staff.log_in_form") + wanted, code=303)


def form_token() -> str:
    """What every form of staff carries: a secret that only this session's own pages know."""
    if "form" not in session:
        session["form"] = secrets.token_urlsafe(16)
    return str(session["form"])


def check_form_token() -> None:
    """Raises CrossSite."""
    sent, kept = request.form.get("form_token", ""), str(session.get("form", ""))
    if not kept or not hmac.compare_digest(sent.encode(), kept.encode()):
        raise CrossSite(
            say(
                "This form was open for too long or did not come from this page, so nothing was"
                " done. Please open the page again."
            )
        )


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the templates of staff know; those of fans must not touch the session."""
    if request.blueprint not in ALLOWED:
        return {}
    # Nothing here asks the database: the page may be the one that says it is away.
    member: StaffMember | None = g.get("member")
    return {
        "form_token": form_token,
        "me": member,
        "opens": lambda name: member is not None and member.role in ALLOWED[name],
    }


@blueprint.get("/")
def home() -> Response:
    return redirect(_home_of(me().role), code=303)


@blueprint.get("/login")
def log_in_form() -> str:
    return render_template("staff/login.html", email="", refusal=None, next=_next())


@blueprint.post("/login")
def log_in() -> Response | tuple[str, int]:
    email = request.form.get("email", "")
    try:
        member = staff.log_in(email, request.form.get("password", ""), origin())
    except (LogInRefused, TooManyTries) as refusal:
        if isinstance(refusal, PasswordCommon):
            staff_links.ask_for_reset(email, origin())
        page = render_template("staff/login.html", email=email, refusal=refusal, next=_next())
        return page, 422 if isinstance(refusal, LogInRefused) else 429
    # A new session: nothing that was in it before belongs to this person.
    session.clear()
    if member.has_code:
        session["halfway"] = second_factor.halfway(member)
        return redirect(url_for("staff.code_form", next=_next() or None), code=303)
    return _enter(member)


@blueprint.get("/code")
def code_form() -> Response | str:
    if "halfway" not in session:
        return redirect(url_for("staff.log_in_form"), code=303)
    return render_template("staff/code.html", refusal=None, next=_next())


@blueprint.post("/code")
def code() -> Response | tuple[str, int]:
    halfway, typed = session.get("halfway", ""), request.form.get("code", "")
    try:
        member = second_factor.log_in(halfway, typed, origin())
    except (Invalid, TooManyTries) as refusal:
        page = render_template("staff/code.html", refusal=refusal, next=_next())
        return page, 422 if isinstance(refusal, Invalid) else 429
    except LogInRequired:
        return redirect(url_for("staff.log_in_form"), code=303)
    return _enter(member)


def _enter(member: StaffMember) -> Response:
    session.clear()
    session.permanent = True
    login_user(Person(member))
    return redirect(_next() or _home_of(member.role), code=303)


@blueprint.post("/logout")
def log_out() -> Response:
    sessions.log_out(me())
    return forget_browser()


def forget_browser() -> Response:
    """This browser holds no session any more."""
    logout_user()
    session.clear()
    return redirect(url_for("staff.log_in_form"), code=303)


def _home_of(role: str) -> str:
    return url_for("support.search" if role == SUPPORT else "organiser.events")


def _next() -> str:
    """Where to go after logging in: a page of staff on this site, or nowhere."""
    wanted = request.values.get("next", "")
    return wanted if PAGE_OF_STAFF.fullmatch(wanted) else ""
