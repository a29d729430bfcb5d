"""Codes of an app (TOTP, RFC 6238: six digits, 30 seconds), and codes for who has lost it."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from datetime import datetime
from hmac import compare_digest

import pyotp

ISSUER = "FairQueue"
_SECONDS = 30
# A phone's clock may be half a minute off, and people type slowly.
_AROUND = (0, -1, 1)
RECOVERY_CODES = 10
# Neither 0 and O, nor 1, I and L.
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_GROUPS, _GROUP = 5, 5


def secret(seed: str, key: str) -> str:
    """What the app is told, in base32. The database keeps the seed only, which is worth nothing
    without the product's own key."""
    own_key = hashlib.blake2b(f"fairqueue.totp.1:{key}".encode(), digest_size=32).digest()
    return b32encode(hashlib.blake2b(seed.encode(), key=own_key, digest_size=20).digest()).decode()


def address(email: str, seed: str, key: str) -> str:
    """What the QR code says."""
    uri: str = pyotp.TOTP(secret(seed, key)).provisioning_uri(name=email, issuer_name=ISSUER)
    return uri


def step_of(code: str, seed: str, key: str, now: datetime) -> int | None:
    """Which half minute (since 1970) this code belongs to, of the one that is and its neighbours;
    None for any other."""
    digits = "".join(code.split())
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        return None
    present, app = int(now.timestamp()) // _SECONDS, pyotp.TOTP(secret(seed, key))
    steps = [present + by for by in _AROUND]
    found = [step for step in steps if compare_digest(app.generate_otp(step), digits)]
    return found[0] if found else None


def new_recovery_codes() -> list[str]:
    """Codes of 123 random bits, in groups that can be read aloud."""

    def group() -> str:
        return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP))

    return ["-".join(group() for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def hash_of(code: str) -> str:
    """What is kept of a recovery code: too much chance is in it for a slow hash to be needed."""
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
