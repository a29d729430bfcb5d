"""Every address of the product, asked by every role with what belongs to somebody else: the walk of
drill/attack/addresses.py, on the running product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from app.domain.tokens import TicketToken, VisitorToken, new_id
from app.views.previews import PREVIEWS
from drill.attack import addresses, cast, doors
from drill.attack.addresses import Ask, Said, World
from drill.attack.cast import Fan, Show, a_network
from drill.attack.routes import all_of
from drill.attack.site import SECRET_KEY, Row, Site, Visitor, in_words, thinned

FORM = {"name": "Ada Obi", "email": "ada@example.com", "phone": "", "quantity": "1"}
# What an owner may be told instead of being served: nothing there says that it is another's.
SERVED = frozenset({200, 204, 303, 409, 410, 422, 429})
# What those who are attacked have. Whoever is refused must leave every row of it as it was.
_THEIRS = (
    "SELECT e::text FROM events e WHERE id = %(event)s",
    "SELECT concat(id, fan_id, state, number) FROM places WHERE event_id = %(event)s",
    "SELECT c::text FROM claims c WHERE event_id = %(event)s",
    "SELECT t::text FROM tickets t WHERE event_id = %(event)s",
    "SELECT p::text FROM payments p JOIN claims c ON c.id = p.claim_id WHERE event_id = %(event)s",
    "SELECT r::text FROM refunds r JOIN payments p ON p.id = r.payment_id"
    " JOIN claims c ON c.id = p.claim_id WHERE event_id = %(event)s",
    "SELECT v::text FROM verifications v JOIN places p ON p.id = place_id"
    " WHERE event_id = %(event)s",
    "SELECT y::text FROM carries y JOIN places p ON p.id = place_id WHERE event_id = %(event)s",
    "SELECT concat(id, role, password_hash, disabled_at, totp_since) FROM staff"
    " WHERE organisation_id = %(group)s",
    "SELECT l::text FROM staff_links l WHERE organisation_id = %(group)s",
    "SELECT concat(s.id, s.ended_at) FROM staff_sessions s JOIN staff f ON f.id = s.staff_id"
    " WHERE organisation_id = %(group)s",
    "SELECT o::text FROM organisations o WHERE id = %(group)s",
)


def attack(site: Site, scale: float) -> list[Row]:
    found = list(thinned(all_of(site), scale))
    show = cast.a_show(site, pass_seconds=3600)
    ((group,),) = site.rows("SELECT organisation_id FROM events WHERE id = %(id)s", id=show.id)
    world, owners = _world(site, show)
    before = _rows(site, show, group)
    wrong, counts = [], Counter[str]()
    for address, role, what in addresses.walk(found, _counting(world, counts)):
        if what:
            wrong.append(f"{role}: {address.method} {address.pattern}: {what}")
    changed = sorted(before - _rows(site, show, group))
    refused = [
        f"{address.method} {address.pattern}: {said.status}"
        for address in found
        if (ask := owners.get(address.whose)) and address.method == "GET"
        for said in [ask("GET", address.path(world.theirs), {})]
        if said.status not in SERVED or said.location.startswith("/staff/login")
    ]
    return [
        Row(
            f"{len(found)} addresses, by {len(world.intruders)} roles, with what is another's",
            counts.total(),
            "; ".join(wrong[:4]) or f"nothing seen: {in_words(counts)}",
            not wrong,
        ),
        Row(
            "rows of theirs that all this has changed",
            len(before),
            "; ".join(changed[:2])[:300] or "none",
            not changed,
        ),
        Row(
            "the owners at the same pages, afterwards",
            sum(address.method == "GET" and address.whose in owners for address in found),
            "; ".join(refused[:4]) or "all served",
            not refused,
        ),
    ]


def _world(site: Site, show: Show) -> tuple[World, dict[str, Ask]]:
    one, paid = cast.at_the_head(show), cast.at_the_head(show)
    held = paid.claim()
    codes = paid.pay(held)
    ((payment, place),) = site.rows(
        "SELECT p.reference, c.place_id FROM payments p JOIN claims c ON c.id = p.claim_id"
        " WHERE c.id = %(id)s",
        id=held.id,
    )
    admin = cast.colleague(site, "admin")
    invitation = doors.an_invitation(admin, "somebody.new@example.com")
    ((session, colleague),) = site.rows(
        "SELECT s.id, staff_id FROM staff_sessions s JOIN staff f ON f.id = staff_id"
        " WHERE address = %(address)s AND ended_at IS NULL",
        address=admin.network,
    )
    mine = cast.at_the_head(cast.a_show(site, organisation_id=cast.an_organisation(site)))
    theirs = {
        "slug": show.slug,
        "reference": held.reference,
        "token": doors.a_carry(mine),
        "session_id": str(session),
        "staff_id": str(colleague),
        "link_id": invitation.split(".")[0],
        "name": next(iter(PREVIEWS)),
        "filename": "style.css",
    }
    secrets = (one.email, paid.email, payment, place, one.carried("place").split(".")[2], *codes)
    form = {**FORM, "payment": payment, "reason": "a guess", "note": "a guess"}
    form["ticket"] = TicketToken(codes[0]).sign(SECRET_KEY)
    desk = _ask(admin)
    owners: dict[str, Ask] = {
        addresses.PLACE: _ask(one.browser),
        addresses.CLAIM: _ask(paid.browser),
    }
    owners |= dict.fromkeys((addresses.EVENT, addresses.CASE, addresses.TRAIL), desk)
    return World(theirs, secrets, _intruders(site, mine, show, held.reference), form), owners


def _intruders(site: Site, mine: Fan, show: Show, reference: str) -> dict[str, Ask]:
    """Each role with what is its own; and a fan who puts it in the place of what is another's."""
    thief = mine.copy("visitor", "place", "pass", "fan")
    for kind in ("place", "pass"):
        thief.cookies[f"fq_{kind}_{show.id}"] = mine.carried(kind)
    thief.cookies[f"fq_claim_{reference}"] = mine.carried("fan")
    ((group,),) = site.rows("SELECT organisation_id FROM events WHERE id = %(id)s", id=mine.show.id)
    return {
        addresses.STRANGER: _ask(Visitor(site, a_network())),
        addresses.FAN: _ask(mine.browser),
        "fan with swapped cookies": _ask(thief),
        **{role: _ask(cast.colleague_of(site, role, group)) for role in addresses.OF_STAFF},
    }


def _ask(browser: Visitor) -> Ask:
    """Sends as this browser, each time from another network, with the token of its session. What
    an answer gives is not kept: whoever joins has a place of their own from then on."""
    page = browser.ask("GET", "/staff/account/")
    if page.status != 200:
        page = browser.ask("GET", "/staff/login")
    token = cast.form_token(page)
    # Some forms are for browsers only that are known already.
    browser.cookies.setdefault("fq_visitor", VisitorToken(new_id()).sign(SECRET_KEY))

    def ask(method: str, path: str, form: Mapping[str, str]) -> Said:
        once = Visitor(browser.site, a_network(), dict(browser.cookies))
        said = once.ask(method, path, {**form, "form_token": token})
        return Said(said.status, said.location, said.text)

    return ask


def _counting(world: World, counts: Counter[str]) -> World:
    """The same world, whose answers are counted by their status."""

    def counted(ask: Ask) -> Ask:
        def one(method: str, path: str, form: Mapping[str, str]) -> Said:
            said = ask(method, path, form)
            counts[str(said.status)] += 1
            return said

        return one

    intruders = {role: counted(ask) for role, ask in world.intruders.items()}
    return World(world.theirs, world.secrets, intruders, world.form)


def _rows(site: Site, show: Show, group: Any) -> set[str]:
    return {
        str(row[0]) for query in _THEIRS for row in site.rows(query, event=show.id, group=group)
    }
