"""5,000 places taken by scripts from a few networks, against 500 fair fans for 500 tickets: which
share the scripts get, protection by protection (drill/attack/bot_sale.py plays one sale).

A sale is compressed: forty turns a second, and passes of ten seconds. Nothing is skipped, with two
exceptions, which favour nobody: a code is read from where it is derived instead of from a mail, and
the sum of a *fan's* browser counts as done after what a phone takes for it, since five hundred
phones do not fit into this machine. The scripts really search, with a core of their own from their
joining to their turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import httpx
import psutil

from app.domain.proofs import HEAVY, LIGHT, OFF
from drill.attack.bot_sale import Case, Sale, Sold
from drill.attack.site import Row, Site
from drill.stage import Stage, wait_until

BOTS, FANS, TICKETS = 5_000, 500, 500
FEWEST = 20
WEB_WORKERS = 2
# A mailbox of one's own for each place costs a script nothing but a domain; a hundred accounts with
# a provider that asks for a telephone number cost it something.
MAILBOXES = 100
OWN_DOMAIN, LISTED_DOMAIN = "bots.example", "mailinator.com"


@dataclass(frozen=True, slots=True)
class Protection:
    """A case by what an operator or organiser has set."""

    what: str
    joins: str = "3000"
    forms: str = "3000"
    proof: str = OFF
    mailboxes: int = BOTS
    domain: str = OWN_DOMAIN


CASES = (
    Protection("no limits, no proof", joins="0", forms="0"),
    Protection("the limits of a new installation (3,000 joins a minute and network)"),
    Protection("the same and a light proof of work", proof=LIGHT),
    Protection("the same and a heavy proof of work", proof=HEAVY),
    Protection(f"the same, and the scripts have {MAILBOXES} mailboxes", mailboxes=MAILBOXES),
    Protection("the same, and their domain is on the list", domain=LISTED_DOMAIN),
    Protection("60 joins a minute and network", joins="60"),
    Protection("60 joins a minute and network, and a heavy proof", joins="60", proof=HEAVY),
)


def attack(site: Site, scale: float) -> list[Row]:
    """One sale for each protection. What holds is not the share, which is only told, but what was
    promised whatever it is: see _broken()."""
    size = {"bots": BOTS, "fans": FANS, "tickets": TICKETS}
    size = {name: max(FEWEST, int(number * scale)) for name, number in size.items()}
    # So little needs no second sale of every kind to show that it works.
    cases = CASES if scale >= 0.01 else (CASES[2], CASES[5])
    found = []
    stage = Stage(site.run, site.data_dir)
    try:
        for limits, same in groupby(cases, key=lambda one: (one.joins, one.forms)):
            set_so = {"JOINS_PER_MINUTE": limits[0], "FORMS_PER_MINUTE": limits[1]}
            with stage.restarted_with("web", **set_so):
                assert wait_until(lambda so=set_so: _has(stage, so), 120), "the site is away"
                found += [_row(site, one, _case(one, size)) for one in same]
        assert wait_until(lambda: _answers(stage), 60), "the site is away"
    finally:
        stage.close()
    return found


def _case(one: Protection, size: Mapping[str, int]) -> Case:
    number = CASES.index(one)
    mailboxes = min(one.mailboxes, size["bots"])
    return Case(number, one.proof, one.domain, mailboxes=mailboxes, **size)


def _row(site: Site, protection: Protection, case: Case) -> Row:
    sold = Sale(site, case).play()
    wrong = _broken(site, case, sold)
    found = f"{sold.share:.0%} of {case.tickets} tickets to the scripts: {sold.in_words()}"
    if wrong:
        found += f"; **{'; '.join(wrong)}**"
    what = f"{case.bots:,} scripts of {case.networks} networks, {case.fans} fans"
    print(f"  {what}; {protection.what}: {found}", flush=True)
    return Row(f"{what}; {protection.what}", case.bots, found, not wrong)


def _has(stage: Stage, limits: dict[str, str]) -> bool:
    # Old workers outlive their killed parent by a moment, and answer with what they were told.
    try:
        found = [process.environ() for process in stage.processes("web")]
    except psutil.Error:
        return False
    every = all(own.get(name) == value for own in found for name, value in limits.items())
    return every and len(found) > WEB_WORKERS and all(_answers(stage) for _ in range(5))


def _answers(stage: Stage) -> bool:
    try:
        return httpx.get(f"{stage.run['url']}/health/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


_CLAIMS = """
SELECT count(*) AS claims, count(DISTINCT c.fan_id) AS fans,
    coalesce(sum(c.quantity), 0) AS tickets,
    count(*) FILTER (WHERE p.proof IS NULL) AS unproven,
    count(*) FILTER (WHERE f.email LIKE %(listed)s) AS listed
FROM claims c JOIN places p ON p.id = c.place_id JOIN fans f ON f.id = c.fan_id
WHERE c.event_id = %(event)s
"""


def _broken(site: Site, case: Case, sold: Sold) -> list[str]:
    """What was promised and not kept."""
    facts = {"event": sold.event, "listed": f"%@{LISTED_DOMAIN}"}
    (found,) = site.rows(_CLAIMS, **facts)
    wrong = []
    if found.tickets > case.tickets:
        wrong.append(f"{found.tickets} tickets were given away")
    if found.fans != found.claims:
        wrong.append("somebody claimed twice")
    if case.proof != OFF and found.unproven:
        wrong.append(f"{found.unproven} claims without a proof")
    if found.listed:
        wrong.append(f"{found.listed} claims of a listed domain")
    if sold.by_bots > case.mailboxes:
        wrong.append("more claims than mailboxes")
    return wrong
