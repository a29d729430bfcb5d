"""Those who have something that a stranger would like: fans with places, turns, claims and
tickets, and colleagues who are logged in. Each came by it over HTTP, as people do."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

from app.domain.codes import code_of
from drill.attack.site import SECRET_KEY, Answer, Site, Visitor
from drill.stage import wait_until
from drill.till import Held

PATIENCE = 30
CAPACITY = 200
_SET = "UPDATE events SET {} WHERE id = %(id)s RETURNING slug"
_ASKED = "SELECT id FROM verifications WHERE email = %(email)s ORDER BY created_at DESC LIMIT 1"
_SENT = "UPDATE verifications SET sent_at = coalesce(sent_at, now()) WHERE id = %(id)s RETURNING id"
_CLAIM = "SELECT id, amount FROM claims WHERE reference = %(reference)s"
_GROUP = "INSERT INTO organisations (name) VALUES ('Mallory and Sons') RETURNING id"
_COLLEAGUE = (
    "INSERT INTO staff (organisation_id, email, name, role, password_hash)"
    " SELECT %(group)s, %(mine)s, 'Mallory', role, password_hash FROM staff"
    " WHERE email = %(like)s RETURNING id"
)


def a_network() -> str:
    """An address of any network, so that no try is held back by the limits of one."""
    first, second, third = (secrets.randbelow(most) for most in (40, 256, 256))
    return f"{60 + first}.{second}.{third}.9"


@dataclass(frozen=True, slots=True)
class Show:
    """An event on sale that is the attack's own."""

    site: Site
    id: int
    slug: str

    @property
    def path(self) -> str:
        return f"/events/{self.slug}"

    def set(self, **columns: Any) -> None:
        """Change the event's row; browsers see it a second later."""
        assignments = ", ".join(f"{name} = %({name})s" for name in columns)
        self.site.rows(_SET.format(assignments), id=self.id, **columns)


def a_show(site: Site, capacity: int = CAPACITY, **columns: Any) -> Show:
    """An event of the demo's organisation, which lets in whoever comes."""
    event_id = site.till.event(capacity)
    pace = {"admit_per_minute": 6000, "pass_capacity": capacity, **columns}
    assignments = ", ".join(f"{name} = %({name})s" for name in pace)
    ((slug,),) = site.rows(_SET.format(assignments), id=event_id, **pace)
    return Show(site, event_id, slug)


@dataclass(slots=True)
class Fan:
    """One fan and what the browser carries; `reference` is that of the claim, once there is one."""

    show: Show
    browser: Visitor
    email: str
    reference: str = ""

    @property
    def site(self) -> Site:
        return self.show.site

    def carried(self, kind: str) -> str:
        """What the browser carries of this kind, such as `place` or `fan`."""
        return self.browser.cookies[self.cookie(kind)]

    def cookie(self, kind: str) -> str:
        if kind == "claim":
            return f"fq_claim_{self.reference}"
        return f"fq_{kind}" if kind in ("fan", "visitor") else f"fq_{kind}_{self.show.id}"

    def copy(self, *kinds: str, network: str = "") -> Visitor:
        """Another browser that carries these of the fan's cookies, in another network."""
        kept = {self.cookie(kind): self.carried(kind) for kind in kinds}
        return Visitor(self.site, network or a_network(), kept)

    def form(self, **changes: str) -> dict[str, str]:
        """A claim as the page would send it."""
        form = {"name": "Ada Obi", "email": self.email, "phone": "", "quantity": "1"}
        return {**form, "form_key": secrets.token_urlsafe(16), **changes}

    def claim(self, quantity: int = 1) -> Held:
        """Hold tickets."""
        answer = self.browser.ask(
            "POST", f"{self.show.path}/claim", self.form(quantity=str(quantity))
        )
        assert answer.status == 303, answer
        self.reference = answer.location.rpartition("/")[2]
        ((claim_id, amount),) = self.site.rows(_CLAIM, reference=self.reference)
        return Held(self.site.till, claim_id, self.reference, self.email, amount)

    def pay(self, held: Held) -> list[str]:
        """Pay at the stand-in, and wait for the tickets: their codes."""
        held.at_checkout(held.open_checkout(PATIENCE), "pay")
        held.wait(lambda: held.state == "CONFIRMED", PATIENCE)
        return held.tickets()


def joined(show: Show) -> Fan:
    """A fan in line."""
    browser = Visitor(show.site, a_network())
    answer = browser.join(show.path)
    assert answer.status == 303, answer
    return Fan(show, browser, f"fan-{secrets.token_hex(5)}@example.com")


def proven(show: Show) -> Fan:
    """A fan in line whose address is proven."""
    fan = joined(show)
    path = f"{show.path}/verify"
    asked = fan.browser.ask("POST", path, {"email": fan.email})
    assert asked.status == 303, asked
    answer = fan.browser.ask("POST", path, {"code": code_for(fan)})
    assert answer.status == 303, answer
    return fan


def at_the_head(show: Show) -> Fan:
    """A fan whose address is proven and whose turn it is."""
    fan = proven(show)
    admitted(fan)
    return fan


def admitted(fan: Fan) -> None:
    """Wait for the fan's turn, as the waiting page does."""

    def look() -> bool:
        fan.browser.ask("GET", f"{fan.show.path}/line")
        return fan.cookie("pass") in fan.browser.cookies

    assert wait_until(look, PATIENCE, every=0.3), "nobody was let in"


def code_for(fan: Fan) -> str:
    """The code that the fan finds in the newest mail."""
    ((asked,),) = fan.site.rows(_ASKED, email=fan.email)
    fan.site.rows(_SENT, id=asked)
    return code_of(asked, SECRET_KEY)


def colleague(site: Site, role: str) -> Visitor:
    """Somebody of the demo's organisation, logged in."""
    browser = Visitor(site, a_network())
    answer = browser.log_in(**site.run["staff"][role])
    assert answer.status == 303, answer
    return browser


def an_organisation(site: Site) -> int:
    """Another one than the demo's; its number."""
    return int(site.rows(_GROUP)[0][0])


def colleague_of(site: Site, role: str, group: int) -> Visitor:
    """Somebody of another organisation, logged in: with the password of the demo's same role."""
    own = site.run["staff"][role]
    email = f"{role}-{secrets.token_hex(4)}@mallory.example"
    site.rows(_COLLEAGUE, group=group, mine=email, like=own["email"])
    browser = Visitor(site, a_network())
    answer = browser.log_in(email, own["password"])
    assert answer.status == 303, answer
    return browser


def form_token(page: Answer) -> str:
    """The token of the first form of a page."""
    found = re.search(r'name="form_token" value="([^"]*)"', page.text)
    assert found, page.text[:300]
    return found[1]
