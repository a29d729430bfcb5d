"""Forms that another site has a fan's or a colleague's browser send, to every address."""

from __future__ import annotations

from collections import Counter

from drill.attack.routes import all_of, example
from drill.attack.site import Answer, Row, Site, Visitor, in_words
from drill.stage import wait_until

# What browsers say of a form that comes from elsewhere.
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
)
# The gateway's address asks for its signature instead.
REFUSED = frozenset({403})
_CHANGED = "SELECT count(*) FROM places"
_WRITTEN = "SELECT 1 FROM places WHERE id = %(place)s"


def attack(site: Site, scale: float) -> list[Row]:
    """Every address that takes a form, by a fan with a place and by the organiser."""
    fan = Visitor(site, "203.0.113.20")
    fan.join()
    colleague = Visitor(site, "203.0.113.21")
    entered = colleague.log_in(**site.run["staff"]["admin"])
    assert entered.status == 303, entered
    targets = [address for address in all_of(site) if address.method != "GET"]
    mine = next(value for name, value in fan.cookies.items() if "fq_place" in name).split(".")[2]
    # Joins are written down in their order, a moment later: this one is the last of ours.
    assert wait_until(lambda: bool(site.rows(_WRITTEN, place=mine)), patience=30)
    before = site.rows(_CHANGED)[0][0]
    wrong: list[str] = []
    found: Counter[int] = Counter()
    for address in targets:
        for who, headers in ((who, h) for who in (fan, colleague) for h in FOREIGN):
            one = Visitor(site, who.network, dict(who.cookies))
            answer = one.ask(address.method, example(address, site), {"email": "a@b.ng"}, headers)
            found[answer.status] += 1
            if not _refused(answer, address.endpoint):
                wrong.append(f"{address.method} {address.pattern} {headers}: {answer.status}")
    changed = site.rows(_CHANGED)[0][0] - before
    return [
        Row(
            f"posts from elsewhere to all {len(targets)} addresses that take one",
            found.total(),
            "; ".join(wrong[:5]) or f"{in_words(found)}; {changed} places more",
            not wrong and not changed,
        )
    ]


def _refused(answer: Answer, endpoint: str) -> bool:
    if endpoint == "webhooks.paystack":
        return answer.status == 401
    # A log-in page instead of an answer is also a refusal: nothing was done.
    return answer.status in REFUSED or answer.location.startswith("/staff/login")
