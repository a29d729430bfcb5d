"""The signature of Paystack's webhooks.

Source: Paystack's documentation, "Webhooks", "Verify event origin": the header
x-paystack-signature is the HMAC-SHA512 of the raw body, keyed with the secret key, in hex.
"""

from __future__ import annotations

import hmac


def valid(raw_body: bytes, signature: str | None, secret_key: str) -> bool:
    """Whether `signature` belongs to these very bytes; takes the same time for any wrong one."""
    expected = hmac.digest(secret_key.encode(), raw_body, "sha512").hex()
    given = (signature or "").strip().lower()
    return hmac.compare_digest(expected.encode(), given.encode())
