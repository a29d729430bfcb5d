"""Every refusal that FairQueue can utter, one class each.

The docstring of a class is its sentence to the person who asked; views/errors.py gives each
its status and page, and the catalogues in translations/ say it in other languages. Driver errors
and Lua codes become one of these at the border, once.
"""

from __future__ import annotations

from app.domain.said import Said, say, say_n


class Refusal(Exception):
    """That is not possible."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or own_words(type(self)))

    @property
    def message(self) -> str:
        """The sentence: a Said, so that it can be said in other languages."""
        message: str = self.args[0]
        return message


def own_words(kind: type[Refusal]) -> Said:
    """The sentence of a class of refusals."""
    return say((kind.__doc__ or "").strip())


class NotNow(Refusal):
    """Something we need is away for a moment. Nothing is lost; please try again."""

    retry_after = 2


class StoreUnavailable(NotNow):
    """Our records cannot be reached for a moment. Nothing is lost; please try again."""


class OutcomeUnknown(NotNow):
    """We did not hear how that ended. Nothing is lost; this page will find out."""


class Busy(NotNow):
    """Very many people are asking this second. Nothing is lost; please try again."""


class Conflict(Refusal):
    """Someone else changed this at the same time. Please look at it again."""


class LineUnavailable(NotNow):
    """The line cannot be reached for a moment. Your place is safe; please try again."""


class LineLost(LineUnavailable):
    """The line is being put back. Your place is safe; please try again in a moment."""


class JoinUnavailable(LineUnavailable):
    """The line cannot be reached for a moment. Please try again: you get one place at most."""


class Unknown(Refusal):
    """There is nothing at this address."""


class EventUnknown(Unknown):
    """We know no event at this address."""


class ClaimUnknown(Unknown):
    """We know no claim with this reference."""


class TicketsNotYet(Refusal):
    """The tickets are issued when the payment is confirmed."""


class NotYours(Refusal):
    """This page opens for the person it belongs to: use the link in your e-mail."""


class NotAllowed(Refusal):
    """Your role does not allow this."""


class CrossSite(Refusal):
    """This request came from another site, so nothing was done."""


class FormTooOld(CrossSite):
    """This form is too old, so nothing was done. Please open the page again."""


class HostUnknown(Refusal):
    """This site does not go by the name that you asked for."""


class NotTheGateway(Refusal):
    """The gateway does not speak from this address."""


class Invalid(Refusal):
    """Please check the marked fields."""

    def __init__(self, fields: dict[str, str], message: str | None = None) -> None:
        super().__init__(message)
        self.fields = fields


class NotOnSale(Refusal):
    """Tickets are not on sale now."""

    def __init__(self, phase: str, message: str | None = None) -> None:
        super().__init__(message)
        self.phase = phase


class TooManyJoins(Refusal):
    """Very many have joined from your network this minute. Please try again in a moment."""

    def __init__(self, seconds: int = 60) -> None:
        super().__init__()
        self.retry_after = seconds


class TooManyRequests(Refusal):
    """Very many requests came from your network this minute. Please try again in a moment."""

    # A minute is counted from its beginning, so that it is over then.
    retry_after = 60


class NoPlace(Refusal):
    """You have no place in this line."""

    def __init__(self, message: str | None = None, can_join: bool = True) -> None:
        super().__init__(message)
        self.can_join = can_join


class NoPass(Refusal):
    """It is not your turn, or your turn is over."""


class PlaceSuspended(Refusal):
    """The organiser looks at your place. You keep your number; the waiting page says why."""


class NotProven(Refusal):
    """Please prove your e-mail address first."""


class ProofDue(Refusal):
    """This sale asks your browser for a sum first. It goes by itself, and your turn goes on."""


class ProofWrong(Invalid):
    """That is not the answer to the sum."""


class AddressDiffers(Invalid):
    """Tickets go to the address that you proved."""


class AlreadyClaimed(Refusal):
    """You already have a claim for this event."""

    def __init__(self, reference: str = "") -> None:
        super().__init__()
        self.reference = reference


class FewerLeft(Refusal):
    """Fewer tickets are left than you want."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left


class NoneFreeNow(Refusal):
    """No ticket is free this second: others hold them but have not paid. Please try again."""

    retry_after = 5


class NoneLeft(Refusal):
    """All tickets are taken; some are held but not paid yet."""


class SoldOut(NoneLeft):
    """All tickets are sold."""


class CodeWrong(Invalid):
    """That is not the code we sent."""


class CodeOver(Invalid):
    """This code has run out. Please ask for a new one."""


class TooManyCodes(Refusal):
    """Several codes are on their way already. Please use the newest, or ask again later."""

    retry_after = 600


class LinkUnknown(Unknown):
    """This link is not one of ours, or a part of it is missing."""


class LinkOver(Refusal):
    """This link has been used, or its time is over. Nothing is lost: the place is where it was."""


class TooManyLinks(Refusal):
    """Many links were made for this place already. Your place is safe; please try again later."""

    retry_after = 600


class NoCookies(Refusal):
    """Without cookies we cannot keep a place for you."""


class StateGone(Conflict):
    """This has changed since you looked, so nothing was done. Here is how it stands now."""


class SignatureWrong(Refusal):
    """The signature of this message is missing or wrong; nothing was stored."""


class LogInRequired(Refusal):
    """Please log in first."""


class LogInRefused(Invalid):
    """This address and this password do not belong together."""

    def __init__(self) -> None:
        super().__init__({"password": own_words(type(self))})


class PasswordCommon(LogInRefused):
    """Many people have this password, so it opens nothing any more. A mail helps you to another."""


class StaffLinkOver(Refusal):
    """This link has been used, or its time is over. Please ask for a new one."""


class TooManyTries(Refusal):
    """That was tried too often. Please wait and try again."""

    def __init__(self, seconds: int = 900) -> None:
        super().__init__(
            say_n(
                "That was tried too often. Please try again in a minute.",
                "That was tried too often. Please try again in %(number)s minutes.",
                -(-seconds // 60),
            )
        )
        self.retry_after = seconds


class BackupFailed(Conflict):
    """The back-up could not be made or restored."""


class AddressUnknown(Unknown):
    """Nothing is held about this address."""


class FanIsBusy(Conflict):
    """Something of this fan is still under way."""


class StaffExists(Refusal):
    """Somebody already logs in with this address."""


class SlugTaken(Invalid):
    """Another event already has this address."""

    def __init__(self) -> None:
        super().__init__({"slug": own_words(type(self))})


class SaleOver(Refusal):
    """The end of the sale is in the past: please edit the event first."""


class CapacityTaken(Refusal):
    """So few tickets cannot be: too many of them are held or sold."""

    def __init__(self, wanted: int, held: int, sold: int) -> None:
        super().__init__(
            say(
                "%(wanted)s is too few: %(sold)s tickets are sold and %(held)s are held,"
                " so %(least)s is the least that is possible now.",
                wanted=wanted,
                sold=sold,
                held=held,
                least=held + sold,
            )
        )
