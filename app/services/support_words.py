"""What support may say to a fan about a claim: whole sentences, in the fan's language too.

They say what has happened, where the money is, and what comes next: nothing that is not so at
this moment, and no promise that we do not keep by ourselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.claims import CONFIRMED, EXPIRED, HELD, RELEASED
from app.domain.refunds import NEEDS_ATTENTION, PROCESSED, SETTLED
from app.domain.said import Said, say, say_n
from app.domain.words import clock, money
from app.extensions import settings
from app.languages import said
from app.services.claims import ClaimView
from app.services.support_money import Account

_NOTHING_CHARGED = say("Nothing was charged.")


def tell(
    claim: ClaimView, accounts: list[Account], mailed: bool, now: datetime, language: str
) -> list[str]:
    """The sentences for this claim; `mailed` says that the tickets have left by mail."""
    sentences = [*_tickets(claim, accounts, mailed, now), *_money(claim, accounts, language)]
    return [said(sentence, language) for sentence in sentences]


def _tickets(claim: ClaimView, accounts: list[Account], mailed: bool, now: datetime) -> list[Said]:
    zone = claim.event.time_zone
    if claim.state == HELD:
        return _held(claim, accounts, now)
    if claim.state == CONFIRMED:
        where = (
            say("They went to %(email)s; please look among unwanted mail, too.", email=claim.email)
            if mailed
            else say("The mail to %(email)s is on its way.", email=claim.email)
        )
        return [
            say_n("Your ticket is paid.", "Your %(number)s tickets are paid.", claim.quantity),
            where,
        ]
    if claim.state == EXPIRED:
        return [
            say(
                "The time to pay ran out at %(time)s, and the tickets went back to the line.",
                time=clock(claim.held_until, zone),
            )
        ]
    if claim.state == RELEASED:
        return [say("The tickets were given back and are on sale again.")]
    return [say("Your tickets were given back for a refund, so their codes open no door any more.")]


def _held(claim: ClaimView, accounts: list[Account], now: datetime) -> list[Said]:
    zone = claim.event.time_zone
    latest = accounts[-1] if accounts else None
    if claim.held_until <= now:
        limit = claim.held_until + timedelta(seconds=settings.hard_limit)
        return [
            say(
                "The time to pay has passed, but your tickets are kept while we ask the payment"
                " service whether you have paid: until %(time)s at the latest.",
                time=clock(limit, zone),
            )
        ]
    held = say_n(
        "Your ticket is held until %(time)s.",
        "Your %(number)s tickets are held until %(time)s.",
        claim.quantity,
        time=clock(claim.held_until, zone),
    )
    if latest is None:
        return [held, say("To pay, press “Pay” on the page of your claim.")]
    if latest.state in ("INITIALIZING", "PENDING"):
        return [
            held,
            say(
                "The payment is open. If you have paid already, you need not do anything: we ask"
                " the payment service by ourselves."
            ),
        ]
    return [held, say("The last payment did not go through. You may try again until then.")]


def _money(claim: ClaimView, accounts: list[Account], language: str) -> list[Said]:
    sentences = [sentence for account in accounts if (sentence := _one(claim, account, language))]
    ended = claim.state not in (HELD, CONFIRMED)
    return sentences or ([_NOTHING_CHARGED] if ended else [])


def _one(claim: ClaimView, account: Account, language: str) -> Said | None:
    refund = account.refund
    if refund is not None:
        sum_ = money(refund.amount, refund.currency, language)
        if refund.state == PROCESSED:
            return say(
                "We have sent %(sum)s back to you. Banks take up to ten working days to show it.",
                sum=sum_,
            )
        if refund.state == SETTLED:
            return say("You have been given %(sum)s back by another way.", sum=sum_)
        if refund.state == NEEDS_ATTENTION:
            return say(
                "We owe you %(sum)s. Your bank does not take it by itself: one of us sees to it.",
                sum=sum_,
            )
        return say("%(sum)s is on its way back to you. You need not ask for it again.", sum=sum_)
    if account.counts_as == "in doubt" and claim.state != HELD:
        return say(
            "We do not know yet whether your bank has paid %(sum)s. If it has, you get tickets if"
            " some are left, and your money back if not; both happen by themselves.",
            sum=money(account.amount, account.currency, language),
        )
    return None
