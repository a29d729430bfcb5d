"""Webhooks are signed with HMAC-SHA512 over their raw bytes."""

from __future__ import annotations

from app.gateway.signature import valid
from sandbox.paystack.desk import signature

BODY = b'{"event":"charge.success"}'
KEY = "sk_test_0123456789"


def test_the_signature_of_these_bytes_with_this_key():
    right = signature(BODY, KEY)
    assert valid(BODY, right, KEY)
    assert valid(BODY, right.upper(), KEY)
    assert not valid(BODY + b" ", right, KEY)
    assert not valid(BODY, right, KEY + "x")


def test_anything_else_is_wrong():
    for wrong in (None, "", "0" * 128, "é", signature(BODY, KEY)[:-1]):
        assert not valid(BODY, wrong, KEY)
