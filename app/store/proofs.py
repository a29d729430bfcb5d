"""Which place has proven that it is worth a turn. Each function is one round trip."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.tokens import PlaceToken
from app.store.db import one_statement


@dataclass(frozen=True, slots=True)
class Standing:
    """`refusal` says what is wrong with the place, if anything; else `proof` is "work", "address"
    or None."""

    refusal: str | None
    reference: str | None
    proof: str | None
    proven_email: str | None


def standing(token: PlaceToken, fan_id: int | None) -> Standing:
    """Call proof_standing()."""
    return Standing(*one_statement("proof_standing", _of(token, fan_id)))


def prove(token: PlaceToken, proof: str, fan_id: int | None) -> tuple[str, str | None]:
    """Call prove_work(): (outcome, reference of a claim)."""
    row = one_statement("prove_work", {**_of(token, fan_id), "proof": proof})
    return row.outcome, row.reference


def _of(token: PlaceToken, fan_id: int | None) -> dict[str, str | int | None]:
    return {
        "event_id": token.event_id,
        "place_id": token.place_id,
        "number": token.number,
        "epoch": token.epoch,
        "fan_id": fan_id,
    }
