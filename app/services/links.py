"""Addresses of this site for mails, for the gateway and for other devices."""

from __future__ import annotations

from urllib.parse import urlencode

from app.domain.tokens import ClaimLink
from app.extensions import settings


def link(path: str, language: str, **query: str) -> str:
    """An address that opens in the language of whoever it is written to, in any browser."""
    return f"{settings.public_url}{path}?{urlencode({**query, 'lang': language})}"


def claim_link(reference: str, language: str, page: str = "") -> str:
    """An address that opens a claim in any browser: for mails and for the way back from the
    gateway, never for pages. Its key leaves the address bar on first use."""
    key = ClaimLink(reference).sign(settings.secret_key)
    return link(f"/claims/{reference}" + (f"/{page}" if page else ""), language, key=key)
