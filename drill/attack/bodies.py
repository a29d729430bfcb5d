"""Bodies that are too long, lie about their length, or are not what they say; and what the gateway
might say if it were somebody else's: deep, huge and odd JSON, well signed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import replace

from app.views.guard import LONGEST, LONGEST_OF_STAFF, LONGEST_WEBHOOK
from drill.attack import cast
from drill.attack.cast import Fan
from drill.attack.probes import (
    ANY_BUT_OURS,
    CLIENTS_FAULT,
    CLOSED,
    FORM,
    Probe,
    chunked,
    form_of,
    request,
    tried,
)
from drill.attack.site import Row, Site, thinned
from drill.stage import wait_until

TOO_LONG = frozenset({413})
HUGE = 10 * 1024 * 1024
# Refused as a form, or taken for one with nothing in it.
REFUSED = CLIENTS_FAULT | {303, 307}
_UNHANDLED = (
    "SELECT count(*) FROM inbox WHERE handled_at IS NULL AND id > %(last)s"
    " AND kind IN ('charge.success', 'refund.processed')"
)


def attack(site: Site, scale: float) -> list[Row]:
    fan = cast.joined(cast.a_show(site))
    lists = {
        "bodies that are too long": _too_long(site),
        "bodies that lie about their length": _lies(site),
        "forms of too many fields, of odd types, of many parts": _forms(site, fan),
    }
    rows = [tried(site, what, thinned(probes, scale)) for what, probes in lists.items()]
    return [*rows, *_signed(site, scale)]


def _paths(site: Site) -> dict[str, int]:
    """Where forms go, and how long they may be there."""
    event = site.event_path
    return {
        f"{event}/line": LONGEST,
        f"{event}/verify": LONGEST,
        f"{event}/claim": LONGEST,
        "/claims/FQ-0000-0000-00/pay": LONGEST,
        "/staff/login": LONGEST_OF_STAFF,
        "/organiser/new": LONGEST_OF_STAFF,
        "/webhooks/paystack": LONGEST_WEBHOOK,
        "/nowhere": LONGEST,
    }


def _too_long(site: Site) -> Iterator[Probe]:
    chunks = {"Transfer-Encoding": "chunked", "Content-Type": FORM, "Sec-Fetch-Site": "same-origin"}
    for path, longest in _paths(site).items():
        # The first page of its way refuses what is not there, whatever is sent to it.
        right = TOO_LONG | {404, 405} if path == "/nowhere" else TOO_LONG
        for over in (1, 1_000, 500_000):
            body = b"name=" + b"a" * (longest + over - 5)
            yield Probe(f"{over} over at {path}", form_of(site, path, body), right)
            raw = request(site, "POST", path, chunks, chunked(body))
            yield Probe(f"{over} over in chunks at {path}", raw, right)
        body = b"name=" + b"a" * (longest - 5)
        fits = ANY_BUT_OURS - TOO_LONG
        yield Probe(f"as long as may be at {path}", form_of(site, path, body), fits)
        raw = request(site, "POST", path, chunks, chunked(body, 97))
        yield Probe(f"as long as may be, in chunks, at {path}", raw, fits)
        yield Probe(f"10 MB at {path}", form_of(site, path, b"a" * HUGE), right | CLOSED)
        raw = request(site, "POST", path, chunks, chunked(b"a" * HUGE, 65_536))
        yield Probe(f"10 MB in chunks at {path}", raw, right | CLOSED)
        raw = form_of(site, path, b"", Content_Length="999999999999")
        yield Probe(f"a terabyte that never comes at {path}", raw, right)
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        raw = request(site, method, site.event_path, {"Content-Type": FORM}, b"a" * 100_000)
        yield Probe(f"a body with {method}", raw, ANY_BUT_OURS)


def _lies(site: Site) -> Iterator[Probe]:
    body = b"email=ada%40example.com"
    for path in _paths(site):
        raw = form_of(site, path, body, Content_Length=str(len(body) + 500))
        yield Probe(f"500 more than come at {path}", raw, REFUSED | CLOSED, ends=True)
        for length in ("-1", "+5", "0x10", "1e3", "5, 6", "5 5", "", "9" * 400, "5;", "٥", "\x7f"):
            raw = form_of(site, path, body, Content_Length=length)
            yield Probe(f"the length {length[:9]!r} at {path}", raw, CLIENTS_FAULT)
        twice = [("Content-Length", "5"), ("Content-Length", "500"), ("Content-Type", FORM)]
        yield Probe(f"two lengths at {path}", request(site, "POST", path, twice, body))
    way = {"Transfer-Encoding": "chunked", "Content-Type": FORM, "Sec-Fetch-Site": "same-origin"}
    broken = {
        "a negative chunk": b"-1\r\na\r\n0\r\n\r\n",
        "a chunk of 2^68": b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
        "a chunk of no number": b"zz\r\na\r\n0\r\n\r\n",
        "a chunk that is longer": b"1\r\naaaa\r\n0\r\n\r\n",
        "a chunk that never ends": b"500\r\naaaa",
        "no last chunk": b"4\r\naaaa\r\n",
        "a chunk's extension of 60 KB": b"4;" + b"x" * 60_000 + b"\r\naaaa\r\n0\r\n\r\n",
        "20,000 chunks of one byte": chunked(b"a" * 20_000, 1),
        "200 KB of trailers": b"0\r\n" + b"X-A: b\r\n" * 25_000 + b"\r\n",
    }
    for what, chunks in broken.items():
        for path in (f"{site.event_path}/verify", "/staff/login", "/webhooks/paystack"):
            raw = request(site, "POST", path, way, chunks)
            yield Probe(f"{what} at {path}", raw, REFUSED | CLOSED, ends=True)


def _forms(site: Site, fan: Fan) -> Iterator[Probe]:
    cookies = {"Cookie": "; ".join(f"{k}={v}" for k, v in fan.browser.cookies.items())}
    edge = "a" * 70
    part = f'--{edge}\r\nContent-Disposition: form-data; name="email"\r\n\r\nada\r\n'
    upload = (
        f'--{edge}\r\nContent-Disposition: form-data; name="email"; filename="../../etc/passwd"'
        "\r\nContent-Type: text/html\r\n\r\n<script>\r\n"
    )
    multipart = f"multipart/form-data; boundary={edge}"
    plain = b"email=ada"
    bodies: list[tuple[str, str | None, bytes]] = [
        ("4,000 empty fields", FORM, b"&" * 4_000),
        ("2,600 fields", FORM, b"a=&" * 2_600),
        ("1,500 times the same field", FORM, b"email=&" * 1_100),
        ("a name of 8,000 letters", FORM, b"a" * 8_000),
        ("broken percent signs", FORM, b"email=%%%zz%4&%=%&code=%e9%ff%c0%af"),
        ("bytes that are no UTF-8", FORM, b"email=\xff\xfe\xc0\xaf\xed\xa0\x80&code=\x00\x01"),
        ("UTF-16", f"{FORM}; charset=utf-16", "email=ada@example.com".encode("utf-16")),
        ("UTF-7", f"{FORM}; charset=utf-7", b"email=+ADw-script+AD4-"),
        ("an unknown charset", f"{FORM}; charset=nonsense", plain),
        ("no type", None, plain),
        ("plain text", "text/plain", plain),
        ("JSON", "application/json", b'{"email": "ada@example.com"}'),
        ("broken JSON", "application/json", b"{" * 4_000),
        (
            "XML with an entity",
            "text/xml",
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        ),
        ("a type of 5,000 letters", "a" * 5_000, plain),
        ("a type with odd parameters", f'{FORM}; charset=";"; x="\\"', plain),
        ("parts without a boundary", "multipart/form-data", part.encode()),
        ("parts of an empty boundary", "multipart/form-data; boundary=", part.encode()),
        ("parts of an odd boundary", 'multipart/form-data; boundary="é\\"', part.encode()),
        ("parts that never end", multipart, part.encode()),
        ("one part", multipart, f"{part}--{edge}--\r\n".encode()),
        ("60 parts", multipart, (part * 50 + f"--{edge}--\r\n").encode()),
        ("a file for a field", multipart, f"{upload}--{edge}--\r\n".encode()),
        (
            "parts of broken heads",
            multipart,
            f"--{edge}\r\n:\r\n\0: a\r\n\r\nx\r\n--{edge}--".encode(),
        ),
        ("parts without any field", multipart, f"--{edge}--".encode()),
    ]
    paths = (
        f"{fan.show.path}/verify",
        f"{fan.show.path}/claim",
        "/staff/login",
        "/staff/forgotten",
    )
    for path in paths:
        for what, kind, body in bodies:
            raw = form_of(site, path, body, kind, **cookies)
            yield Probe(f"{what} at {path}", raw, CLIENTS_FAULT, absent="<script>\r\n")
        many = "&".join(f"a{n}=" for n in range(6_000))
        raw = request(site, "GET", f"{path}?{many}", cookies)
        yield Probe(f"6,000 arguments at {path}", raw, ANY_BUT_OURS)


def _signed(site: Site, scale: float) -> list[Row]:
    ((last,),) = site.rows("SELECT coalesce(max(id), 0) FROM inbox")
    confirmed = "SELECT count(*) FROM claims WHERE state = 'CONFIRMED'"
    before = site.rows(confirmed)
    probes = thinned(_odd_json(site), scale)
    row = tried(site, "odd JSON to the webhook, with a true signature", probes)
    handled = wait_until(lambda: not site.rows(_UNHANDLED, last=last)[0][0], patience=30)
    ((kept,),) = site.rows("SELECT count(*) FROM inbox WHERE id > %(last)s", last=last)
    after = Row(
        "what the worker made of them",
        kept,
        "all were handled, and no claim is paid by them" if handled else "some are not handled",
        handled and site.rows(confirmed) == before and alive_worker(site),
    )
    return [row, after]


def alive_worker(site: Site) -> bool:
    """Whether a fan can still pay: the worker of money lives."""
    fan = cast.at_the_head(cast.a_show(site))
    return len(fan.pay(fan.claim())) == 1


def _odd_json(site: Site) -> Iterator[Probe]:
    kept = frozenset({200})
    for what, body in odd_bodies():
        key = site.settings.paystack_secret_key.encode()
        headers = {
            "Content-Type": "application/json",
            "X-Paystack-Signature": hmac.digest(key, body, "sha512").hex(),
        }
        probe = Probe(what, request(site, "POST", "/webhooks/paystack", headers, body), kept)
        yield probe
        forged = request(
            site, "POST", "/webhooks/paystack", {**headers, "X-Paystack-Signature": "0" * 128}, body
        )
        yield replace(probe, what=f"{what}, not signed", raw=forged, right=frozenset({401}))


def odd_bodies() -> Iterator[tuple[str, bytes]]:
    """(what, a body of at most 64 KB) that a gateway never sends."""
    deep = 30_000
    yield "30,000 brackets", b"[" * deep
    yield "30,000 arrays in arrays", b"[" * deep + b"]" * deep
    yield "10,000 objects in objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    yield "a deep event", b'{"event":"charge.success","data":' + b"[" * 900 + b"]" * 900 + b"}"
    yield "nothing", b""
    yield "no UTF-8", b'{"event":"charge.success","data":{"reference":"\xff\xfe"}}'
    yield "UTF-16", json.dumps({"event": "charge.success"}).encode("utf-16")
    yield "with a mark of UTF-8", b'\xef\xbb\xbf{"event":"charge.success"}'
    for text in ("null", "1", '"a"', "[]", "{}", "true", "NaN", "-Infinity", "1e999", "9" * 60_000):
        yield f"{text[:9]} alone", text.encode()
    for event in (None, 1, [], {}, "", "a" * 60_000, "charge.success\0", "\ud800", "' OR 1=1 --"):
        yield f"the event {str(event)[:12]!r}", json.dumps({"event": event, "data": {}}).encode()
    odd = (
        None,
        True,
        -1,
        0,
        1e308,
        10**300,
        2**63,
        "",
        "1",
        "NaN",
        [],
        {},
        "\0",
        "\ud800",
        "é" * 99,
    )
    for kind in ("charge.success", "refund.processed"):
        for data in odd:
            yield f"{kind}: data {str(data)[:9]!r}", _event(kind, data)
        for field in ("reference", "transaction_reference", "amount", "currency", "status", "id"):
            for value in (*odd, "'; DROP TABLE claims; --"):
                data = {"reference": "FQ-0000-0000-00-1", "status": "success", field: value}
                yield f"{kind}: {field} {str(value)[:9]!r}", _event(kind, data)
        yield f"{kind} twice in one", f'{{"event":"a","event":"{kind}","data":{{}}}}'.encode()
        for number in ("NaN", "Infinity", "1e999", "9" * 5_000):
            text = f'{{"event":"{kind}","data":{{"reference":"a","amount":{number}}}}}'
            yield f"{kind}: amount {number[:9]}", text.encode()


def _event(kind: str, data: object) -> bytes:
    return json.dumps({"event": kind, "data": data}).encode()
