"""Addresses that open one claim in any browser."""

from __future__ import annotations

from app.domain.tokens import ClaimLink
from app.extensions import settings


def claim_link(reference: str, page: str = "") -> str:
    """An address that opens a claim in any browser: for mails and for the way back from the
    gateway, never for pages. Its key leaves the address bar on first use."""
    key = ClaimLink(reference).sign(settings.secret_key)
    path = f"/claims/{reference}" + (f"/{page}" if page else "")
    return f"{settings.public_url}{path}?key={key}"
