"""Who works for an organisation, and from where somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

ORGANISER = "organiser"
SUPPORT = "support"
ADMIN = "admin"
ROLES = (ORGANISER, SUPPORT, ADMIN)


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a request came, by which number our pages and logs name it, what its browser
    calls itself, and in which language it was answered."""

    address: str = ""
    request_id: str = ""
    browser: str = ""
    language: str = "en"


# A command that an operator types on the machine itself.
HERE = Origin()


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody who works for an organisation; sees that organisation only.

    Of somebody who is logged in, `key` is the secret that the browser holds and `session_id` the
    session that it opens, `stale` if nobody has used that for a minute. `has_code` says that a
    second factor is asked for, `must_have_code` that the organisation wants it of everybody.
    `origin` is where this person's present request comes from.
    """

    id: int
    organisation_id: int
    organisation: str
    email: str
    name: str
    role: str
    key: str = ""
    session_id: int | None = None
    stale: bool = False
    has_code: bool = False
    must_have_code: bool = False
    origin: Origin = HERE

    @property
    def actor(self) -> str:
        """How a timeline is told of this person; sql/functions/staff_trail.sql takes the origin
        off and writes it into the trail."""
        where = f" {self.origin.address or '-'} {self.origin.request_id}"
        return f"staff:{self.id}" + (where if self.origin != HERE else "")
