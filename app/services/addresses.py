"""Which addresses an organisation sends no codes to: the list that its organisers edit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from app.domain import addresses as rules
from app.domain.errors import StateGone
from app.domain.staff import StaffMember
from app.services import trail
from app.store import organisations as store
from app.store.db import transaction


def refused(staff: StaffMember) -> list[str]:
    """The domains, in order of the alphabet."""
    with transaction() as session:
        return _present(session, staff)


def mark(domains: Sequence[str]) -> str:
    """What stands for "the list as I saw it"."""
    return hashlib.sha256(" ".join(domains).encode()).hexdigest()[:16]


def change(staff: StaffMember, seen: str, typed: str) -> None:
    """Make the list what was typed. `seen` is the mark() of the list that stood there.

    Raises Invalid, StateGone.
    """
    wanted = rules.check_domains(typed)
    with transaction() as session:
        present = _present(session, staff)
        if mark(present) != seen:
            raise StateGone
        if wanted == present:
            return
        store.refuse_domains(session, staff.organisation_id, wanted)
        added, removed = set(wanted) - set(present), set(present) - set(wanted)
        trail.record(
            session,
            staff,
            "changed the refused domains",
            "organisation",
            staff.organisation,
            {"refused": " ".join(sorted(removed))},
            {"refused": " ".join(sorted(added))},
        )


def _present(session: store.Db, staff: StaffMember) -> list[str]:
    own = store.refused_domains(session, staff.organisation_id)
    return sorted(rules.USUAL) if own is None else own
