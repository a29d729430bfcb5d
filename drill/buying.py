"""What a fan does from the code in the mail to the tickets: prove, claim, pay, come back."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING

from drill.browser import Fragment, fragment, heading, path_of, what_it_says
from drill.habits import (
    ABANDONS,
    DECLINED_GOES,
    DECLINED_NEW,
    DECLINED_ONCE,
    GIVES_BACK,
    LEAVES,
    PAY_AND_GO,
    TRANSFER,
)
from drill.wire import Answer, Broken

if TYPE_CHECKING:
    from drill.fans import Fan

# A fan looks into the mail so often, and asks for another code after so long.
LOOK_INTO_MAIL = 1.0
LONGEST_MAIL = 45.0
CODES = 4
# So long a fan who paid looks for the tickets before giving up on us.
LONGEST_WAIT_FOR_TICKETS = 900.0
# The page says "your turn", the form says "no pass": once may be bad luck, three times in a row
# contradict each other.
CONTRADICTIONS = 3

_CODE = re.compile(r"\d{6}")
_FORM_KEY = re.compile(r'name="form_key" value="([^"]+)"')
_OFFERED = re.compile(r"Only (one|\d+) tickets? (?:is|are) free")
_OVER = ("CONFIRMED", "REFUNDED", "EXPIRED", "RELEASED")


class Buyer:
    """The fan's way from the turn to the tickets."""

    def __init__(self, fan: Fan) -> None:
        self.fan, self.browser, self.site = fan, fan.browser, fan.site
        self.habits, self.story = fan.habits, fan.story
        self._refused_in_turn = 0

    # -- the address

    async def prove(self) -> bool:
        """Ask for a code, read the mail, type the code; whether the address is proven."""
        path = f"{self.site.event_path}/verify"
        for _ in range(CODES):
            answer = await self.browser.insist("ask code", "POST", path, {"email": self.fan.email})
            if answer.status != 303:
                # A turn that is over, or a claim that is made, needs no proof any more.
                if answer.status not in (403, 409, 429):
                    self.browser.unexpected("ask code", answer)
                return False
            proven = await self._type_code(path)
            if proven is not None:
                return proven
        return False

    async def _type_code(self, path: str) -> bool | None:
        """Type the code of the newest mail; None if no code that was taken came in time."""
        asked, typed, refused = time.time(), None, None
        while time.time() - asked < LONGEST_MAIL:
            await asyncio.sleep(LOOK_INTO_MAIL)
            code = await self._code()
            if code in (None, typed):
                continue
            answer = await self.browser.insist("prove", "POST", path, {"code": code})
            if answer.status == 303:
                return True
            if answer.status != 422:
                if answer.status not in (403, 409):
                    self.browser.unexpected("prove", answer)
                return False
            # The code of an earlier mail: who asks again, also because an answer was lost, is
            # sent another one, which may still be on its way.
            typed, refused = code, answer
        if refused is not None:
            self.browser.unexpected("prove", refused)
        return None

    async def _code(self) -> str | None:
        try:
            mail = await self.site.newest_mail(self.fan.email)
        except Broken:
            return None
        found = _CODE.match(mail["subject"]) if mail else None
        return found[0] if found else None

    # -- the claim

    async def buy(self) -> str | None:
        """Use the turn. The outcome, or None when the fan is to go on looking at the line."""
        reference = await self._claim()
        if reference is None:
            return None
        if self.story.claim and self.story.claim != reference:
            self.browser.went_wrong("claim", f"two claims: {self.story.claim} and {reference}")
        self.story.claim = reference
        return await self._pay(f"/claims/{reference}")

    async def _claim(self) -> str | None:
        """The reference of a claim that stands."""
        path = f"{self.site.event_path}/claim"
        while True:
            page = await self.browser.insist("claim form", "GET", path)
            if page.status != 303:
                break
            place = path_of(page.headers["location"])
            if place.startswith("/claims/"):
                return place.split("/")[2]
            if not await self.fan.proven():
                return None
        if page.status != 200:
            self._no_claim("claim form", page)
            return None
        form = {
            "form_key": _found(_FORM_KEY, page.text) or secrets.token_urlsafe(16),
            "name": "Ada Obi",
            "email": self.fan.email,
            "phone": "",
            "quantity": str(self.habits.quantity),
        }
        if self.habits.hangs_up:
            await self.browser.hang_up("claim", "POST", path, form)
        return await self._send(path, form)

    async def _send(self, path: str, form: dict[str, str]) -> str | None:
        """Send the form until it is answered for good; it counts once, however often it comes."""
        while True:
            answer = await self.browser.insist("claim", "POST", path, form)
            if answer.status == 303:
                self.story.quantity = int(form["quantity"])
                self._refused_in_turn = 0
                return path_of(answer.headers["location"]).split("/")[2]
            if answer.status != 409:
                self._no_claim("claim", answer)
                return None
            offered = _found(_OFFERED, answer.text)
            if offered is not None:
                form["quantity"] = "1" if offered == "one" else offered
            elif "retry-after" in answer.headers:
                # None is free this second; the form is kept.
                await asyncio.sleep(float(answer.headers["retry-after"]))
            else:
                self._no_claim("claim", answer)
                return None

    def _no_claim(self, kind: str, answer: Answer) -> None:
        """Why there is no claim: honest (none left, the turn is over, the sale stands still), or
        a contradiction to what the page had just said."""
        said = what_it_says(answer)
        if answer.status == 403 and said == "It is not your turn":
            self._refused_in_turn += 1
            if self._refused_in_turn >= CONTRADICTIONS:
                self.browser.went_wrong(kind, "the page says it is the turn, the form says not")
        elif answer.status not in (409, 410):
            self.browser.unexpected(kind, answer)
        elif "already" in said:
            self.browser.went_wrong(kind, "a claim that this fan never made")

    # -- the money

    async def _pay(self, claim: str) -> str:
        """Hold tickets, and do with them what the habits say; the outcome."""
        page = await self.browser.insist("claim page", "GET", claim)
        if page.status != 200:
            self.browser.unexpected("claim page", page)
        if self.habits.paying == ABANDONS:
            return "did not pay"
        if self.habits.paying == GIVES_BACK:
            return await self._give_back(claim)
        while True:
            address = await self._address(claim)
            if address is None:
                return await self._see_end(claim)
            paid = await self._at_checkout(address)
            if paid is None:
                return "did not pay"
            outcome = await self._come_back(claim, paid)
            if outcome is not None:
                return outcome

    async def _give_back(self, claim: str) -> str:
        answer = await self.browser.insist("give back", "POST", f"{claim}/release")
        if answer.status == 409:
            return await self._see_end(claim)
        page = await self.browser.insist("claim page", "GET", claim)
        state = fragment(page.text).state
        if answer.status != 303 or state != "RELEASED":
            self.browser.went_wrong("give back", f"{answer.status}, and the claim is {state}")
        return "gave back"

    async def _address(self, claim: str) -> str | None:
        """Press Pay and wait for the address to pay at; None when the claim is not held."""
        if self.habits.hangs_up:
            await self.browser.hang_up("pay", "POST", f"{claim}/pay")
        answer = await self.browser.insist("pay", "POST", f"{claim}/pay", htmx=True)
        while "hx-redirect" not in answer.headers:
            if answer.status == 409:
                return None
            if answer.status != 200:
                raise AssertionError(f"pay: {answer.status} {heading(answer.text)}")
            shown = fragment(answer.text)
            if shown.state in _OVER or shown.asks is None or shown.delay is None:
                return None
            await asyncio.sleep(shown.delay)
            answer = await self.browser.insist("claim poll", "GET", shown.asks, htmx=True)
        return answer.headers["hx-redirect"]

    async def _at_checkout(self, address: str) -> str | None:
        """Do at the checkout what the habits say. Where it leads back to, None for a fan who does
        not pay; "" for one who paid and closed the page."""
        how, declined = self.habits.paying, self.story.declined
        if how in (DECLINED_ONCE, DECLINED_NEW, DECLINED_GOES) and not declined:
            self.story.declined = True
            await self._press(address, "decline")
            if how == DECLINED_GOES:
                return None
            if how == DECLINED_NEW:
                # Back to our page by hand, which asks the gateway how it went.
                return f"/claims/{self.story.claim}/return"
        if how == LEAVES:
            await self._press(address, "leave")
            return None
        if how == TRANSFER:
            back = await self._press(address, "transfer", takes=4.0)
        else:
            back = await self._press(address, "pay")
        self.story.paid_at = time.time()
        return "" if how == PAY_AND_GO else path_of(back)

    async def _press(self, address: str, button: str, takes: float | None = None) -> str:
        while True:
            try:
                return await self.site.at_checkout(address, button, takes)
            except Broken:
                await asyncio.sleep(1)

    async def _come_back(self, claim: str, path: str) -> str | None:
        """Back from the gateway: see how it went. None when it has to be paid again."""
        if not path:
            # The mail would have told this fan; the claim's own page says the same.
            return await self._see_end(claim)
        page = await self.browser.insist("return", "GET", path)
        if page.status == 303:
            path = path_of(page.headers["location"])
            page = await self.browser.insist("return", "GET", path)
        if page.status != 200:
            raise AssertionError(f"return: {page.status} {heading(page.text)}")
        return await self._follow(claim, fragment(page.text))

    async def _see_end(self, claim: str) -> str:
        """Look at the claim's page until its end."""
        while True:
            page = await self.browser.insist("claim page", "GET", claim)
            if page.status != 200:
                raise AssertionError(f"claim page: {page.status} {heading(page.text)}")
            outcome = await self._follow(claim, fragment(page.text))
            if outcome is not None:
                return outcome
            await asyncio.sleep(5)

    async def _follow(self, claim: str, shown: Fragment) -> str | None:
        """Poll until the claim has come to its end, or can be paid again (None)."""
        began = time.time()
        while time.time() - began < LONGEST_WAIT_FOR_TICKETS:
            if shown.state == "CONFIRMED":
                return await self._see_tickets(claim)
            if shown.state == "REFUNDED" or "sent back" in shown.text or "way back" in shown.text:
                return "refunded"
            if shown.state in ("EXPIRED", "RELEASED") and self.story.paid_at is None:
                return "hold ran out"
            if f'action="{claim}/pay"' in shown.text and self.story.paid_at is None:
                return None
            # A finished page asks no more; who has paid looks again by hand.
            await asyncio.sleep(shown.delay or 5.0)
            path = shown.asks or f"{claim}/status"
            answer = await self.browser.insist("claim poll", "GET", path, htmx=True)
            if answer.status != 200:
                raise AssertionError(f"claim poll: {answer.status} {heading(answer.text)}")
            shown = fragment(answer.text)
        self.browser.went_wrong("claim poll", f"paid, and hears only {shown.state}")
        return "paid and not told"

    async def _see_tickets(self, claim: str) -> str:
        if self.story.paid_at is None:
            self.browser.went_wrong("tickets", "confirmed, and the fan never paid")
        if self.browser.chance.random() < 0.2:
            page = await self.browser.insist("tickets", "GET", f"{claim}/tickets")
            if page.status != 200 or page.text.count("<article") != self.story.quantity:
                self.browser.unexpected("tickets", page)
        return "bought"


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None
