"""Requests that a server, a proxy and an application might each understand in a way of their own:
hidden requests, headers twice, methods that override, paths that climb, proxies that nobody has."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote

from drill.attack import cast
from drill.attack.cast import Fan, a_network
from drill.attack.leaks import MARK
from drill.attack.probes import ANY_BUT_OURS, CLIENTS_FAULT, CLOSED, FORM, Probe, request, tried
from drill.attack.site import SAME_SITE, Row, Site, Visitor, in_words, thinned

EVIL = "evil.example"
# Refused, or answered as a form with nothing in it.
ONE = CLIENTS_FAULT | {307}
# Or led to the log-in of staff, which says nothing of what is there.
FOUND_NOTHING = frozenset({303, 308, 400, 404, 405, 414})
PATHS = (
    *("/static/../app/config.py", "/static/..%2fapp/config.py", "/static/%2e%2e/app/config.py"),
    *("/static/%2e%2e%2fapp%2fconfig.py", "/static/..%5c..%5capp%5cconfig.py", "/static/....//app"),
    *("/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/%00", "/static/style.css%00.html"),
    *("/static/style.css%2f..%2f..%2fwsgi.py", "/static/style.css/..", "/static/.", "/static/"),
    *("/static/vendor", "/static/%c0%ae%c0%ae%2fwsgi.py", "/static/..;/wsgi.py", "/static/~root"),
    *("/static/file:///etc/passwd", "/static/C:%5cboot.ini", "/static/%252e%252e%252fwsgi.py"),
    *("/.env", "/.git/config", "/wsgi.py", "/app/config.py", "/var/run.json", "/server-status"),
    *("/%2e%2e/%2e%2e/etc/passwd", "/../../../../etc/passwd", "/events/%2e%2e/%2e%2e/.env"),
    *("/events//", "/events/%00", "/events/%ff%fe", "/events/a%2fline", "/events/%0d%0aX-Fqxss:1"),
    *(
        "/claims/%00",
        "/claims/%2e%2e%2fhealth%2flive",
        "/claims//pay",
        "/claims/FQ-0000-0000-00%2fpay",
    ),
    *(
        "/staff/%2e%2e/organiser/",
        "/Staff/login",
        "/STAFF/LOGIN",
        "/organiser%2f",
        "/organiser/%2e",
    ),
    *(
        "/organiser//",
        "//organiser/",
        "/organiser;a=b/",
        "/organiser/..;/",
        "/metrics%2f..",
        "/health",
    ),
    *("/console", "/admin", "/phpmyadmin/", "/wp-login.php", "/actuator/env", "/debug", "/graphql"),
)


def attack(site: Site, scale: float) -> list[Row]:
    fan = cast.joined(cast.a_show(site))
    lists = {
        "requests hidden in requests (Content-Length, Transfer-Encoding)": _hidden(site),
        "headers twice, endless, broken, of bytes that are no text": _headers(site, fan),
        "methods of their own, and such as override another": _methods(site, fan),
        "paths that climb, end early or are encoded twice": _paths(site),
        "proxies that nobody has, and addresses that they name": _proxies(site),
    }
    rows = [tried(site, what, thinned(probes, scale)) for what, probes in lists.items()]
    return [*rows, _networks(site)]


def _hidden(site: Site) -> Iterator[Probe]:
    """Something that is to be read as a request by who believes the other header."""
    inner = request(site, "GET", "/health/live")
    join = f"{site.event_path}/line"
    ways: dict[str, list[tuple[str, str]]] = {
        "a length and chunks": [("Content-Length", "4"), ("Transfer-Encoding", "chunked")],
        "chunks and a length": [("Transfer-Encoding", "chunked"), ("Content-Length", "90")],
        "a length of nothing": [("Content-Length", "0"), ("Transfer-Encoding", "chunked")],
        "unknown chunks": [("Transfer-Encoding", "xchunked")],
        "chunks that are none": [("Transfer-Encoding", "chunked, identity")],
        "chunks after a list": [("Transfer-Encoding", "identity"), ("Transfer-Encoding", "cow")],
        "a space before the colon": [("Transfer-Encoding ", "chunked")],
        "a tab in the name": [("Transfer-\tEncoding", "chunked")],
        "a line end in the value": [("Transfer-Encoding", "\r\n chunked")],
        "a control character": [("Transfer-Encoding", "\x0bchunked")],
        "a folded line": [("X-A", "b\r\n Transfer-Encoding: chunked"), ("Content-Length", "5")],
        "two lengths": [("Content-Length", "5"), ("Content-Length", "90")],
        "a list of lengths": [("Content-Length", "5, 90")],
        "a length with a sign": [("Content-Length", "+5")],
        "a bare line end": [("X-A", "b\nContent-Length: 5\nX-B: c")],
        "a bare carriage return": [("X-A", "b\rContent-Length: 5")],
    }
    for what, headers in ways.items():
        raw = request(site, "POST", join, [*headers, *SAME_SITE.items()], b"0\r\n\r\n" + inner)
        yield Probe(what, raw, ONE | CLOSED, hides=True)
    for version in ("HTTP/0.9", "HTTP/1.2", "HTTP/3.0", "HTTQ/1.1", ""):
        raw = request(site, "GET", "/").replace(b"HTTP/1.1", version.encode(), 1) + inner
        yield Probe(f"the version {version!r}", raw, CLIENTS_FAULT | CLOSED, hides=True)
    raw = f"GET /staff/ HTTP/1.1\nHost: {site.host}\n\n".encode()
    yield Probe("lines that end in a newline only", raw, frozenset({303, 400}))


def _headers(site: Site, fan: Fan) -> Iterator[Probe]:
    own = "; ".join(f"{name}={value}" for name, value in fan.browser.cookies.items())
    page, verify = f"{fan.show.path}/line", f"{fan.show.path}/verify"
    cookie, place = ("Cookie", own), fan.cookie("place")
    right = fan.carried("place")
    mine, forged = f"{place}={right}", f"{place}={right[:-1]}{'B' if right[-1] == 'A' else 'A'}"
    typed = ("Content-Type", FORM)
    elsewhere, here = ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-origin")
    refused, page_or_no = frozenset({403}), frozenset({200, 403})
    twice: list[tuple[str, str, list[tuple[str, str]], frozenset[int]]] = [
        ("two hosts", "GET", [("Host", EVIL)], CLIENTS_FAULT),
        ("elsewhere, then here", "POST", [cookie, typed, elsewhere, here], refused),
        ("here, then elsewhere", "POST", [cookie, typed, here, elsewhere], refused),
        (
            "two origins",
            "POST",
            [cookie, typed, ("Origin", site.run["url"]), ("Origin", "null")],
            refused,
        ),
        (
            "here and another origin",
            "POST",
            [cookie, typed, here, ("Origin", EVIL)],
            frozenset({422}),
        ),
        ("an empty word of where", "POST", [cookie, typed, ("Sec-Fetch-Site", "")], refused),
        ("an empty origin", "POST", [cookie, typed, ("Origin", "")], refused),
        ("a forged place before the own", "GET", [("Cookie", f"{forged}; {mine}")], refused),
        ("the own before a forged one", "GET", [("Cookie", f"{mine}; {forged}")], frozenset({200})),
        ("two headers of cookies", "GET", [("Cookie", forged), ("Cookie", mine)], page_or_no),
        ("5,000 cookies", "GET", [("Cookie", "; ".join(f"a{n}=b" for n in range(5_000)))], refused),
        ("5,000 times one cookie", "GET", [("Cookie", f"{forged}; " * 800)], refused),
        ("a cookie without an end", "GET", [("Cookie", f'a="{mine}')], page_or_no),
        ("a cookie of other bytes", "GET", [("Cookie", "a=\udcff\udcfe; b=\udcc0")], refused),
        ("two types", "POST", [cookie, here, typed, ("Content-Type", "text/plain")], CLIENTS_FAULT),
    ]
    for what, method, headers, right in twice:
        body = b"email=" if method == "POST" else None
        raw = request(site, method, verify if method == "POST" else page, headers, body)
        yield Probe(what, raw, right, absent=EVIL)
    for name in (
        "User-Agent",
        "Accept-Language",
        "Accept",
        "Referer",
        "If-None-Match",
        "HX-Request",
    ):
        for value in (*_ODD_VALUES, "a" * 60_000):
            raw = request(site, "GET", page, [cookie, (name, value)])
            yield Probe(f"{name}: {value[:12]!r}", raw, ANY_BUT_OURS)
    for count in (90, 2_000):
        raw = request(site, "GET", page, [cookie, *((f"X-{n}", "a") for n in range(count))])
        yield Probe(f"{count} headers", raw, ANY_BUT_OURS)
    for line in ("no colon", ": no name", "a\0b: c", "a b: c", "X: a\0b", "X: a\x7f", "\udcff: a"):
        top = request(site, "GET", page)[:-2] + line.encode(errors="surrogateescape") + b"\r\n\r\n"
        yield Probe(f"the line {line!r}", top, CLIENTS_FAULT)
    for name in ("Range", "If-Range", "If-Match", "If-Modified-Since", "Expect", "Upgrade", "TE"):
        for value in (
            "bytes=0-1",
            "bytes=99999-",
            "bytes=" + "0-1," * 2_000,
            "websocket",
            "\udcff",
        ):
            for path in (site.event_path, "/static/style.css"):
                raw = request(site, "GET", path, [(name, value)])
                yield Probe(f"{name}: {value[:12]!r} of {path}", raw, ANY_BUT_OURS)


_ODD_VALUES = (
    *("", "*", "\udcff\udcfe", "é" * 9, "en;q=x", "en;q=9e999", "fr,,,;;=", "x" * 300 + ",fr;q=1"),
    *("application/json;q=", "text/html;" * 900, "*/*;q=nan", '"' * 99, "W/" * 99, "<fqxss>"),
)


def _methods(site: Site, fan: Fan) -> Iterator[Probe]:
    cookie = ("Cookie", "; ".join(f"{k}={v}" for k, v in fan.browser.cookies.items()))
    leave, page = f"{fan.show.path}/line/leave", f"{fan.show.path}/line"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("POST", "DELETE", "PUT"):
            raw = request(site, "GET", leave, [cookie, (name, method)])
            yield Probe(f"{name}: {method}", raw, frozenset({405}))
    for argument in ("_method=POST", "_method=DELETE", "method=post"):
        raw = request(site, "GET", f"{leave}?{argument}", [cookie])
        yield Probe(argument, raw, frozenset({405}))
    for method in (
        "PUT",
        "DELETE",
        "PATCH",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "FOO",
        "G" * 3_000,
        "*",
    ):
        raw = request(site, method, leave, [cookie, ("X-Secret", "told to nobody")])
        yield Probe(f"the method {method[:9]}", raw, CLIENTS_FAULT, absent="told to nobody")
    # A method has no letters of two cases: whatever is made of this one, the form is needed.
    raw = request(site, "post", leave, [cookie, ("Sec-Fetch-Site", "cross-site")])
    yield Probe("the method post from elsewhere", raw, CLIENTS_FAULT)
    for method in ("OPTIONS", "HEAD"):
        yield Probe(method, request(site, method, page, [cookie]), frozenset({200}))
    for target in ("*", f"http://{EVIL}/", f"http://{EVIL}@{site.host}/", "http:///", f"{EVIL}:80"):
        for method in ("GET", "OPTIONS", "CONNECT"):
            raw = request(site, method, target)
            yield Probe(f"{method} {target}", raw, ANY_BUT_OURS, absent=EVIL)
    raw = request(site, "GET", page, [cookie])
    yield Probe("the place, after all of these", raw, frozenset({200}), absent="You have left")


def _paths(site: Site) -> Iterator[Probe]:
    for path in PATHS:
        raw = request(site, "GET", path)
        yield Probe(path, raw, FOUND_NOTHING, absent="SECRET_KEY")
        yield Probe(f"POST {path}", request(site, "POST", path, SAME_SITE, b""), FOUND_NOTHING)
    for raw_path in (
        "/events/\udcff",
        "/events/a b",
        "/events/\x01",
        "/\x7f",
        "events",
        "?",
        "#a",
        "",
    ):
        raw = request(site, "GET", raw_path)
        yield Probe(f"the path {raw_path!r}", raw, CLIENTS_FAULT | {200, 308})
    for length in (2_000, 60_000, 300_000):
        yield Probe(f"a path of {length}", request(site, "GET", "/" + "a" * length), CLIENTS_FAULT)
        raw = request(site, "GET", f"{site.event_path}?{'a' * length}")
        yield Probe(f"a query of {length}", raw, ANY_BUT_OURS)
    for start in ("/events/", "/claims/", "/staff/reset/", "/staff/login?next=", "/?lang="):
        for text in (
            "\r\nX-Fqxss: 1",
            "\r\n\r\n<fqxss>",
            "\n X-Fqxss: 1",
            "\u560d\u560aX-Fqxss: 1",
        ):
            raw = request(site, "GET", start + quote(text, safe=""))
            yield Probe(f"a line end in {start}", raw, ANY_BUT_OURS, absent=f"<{MARK}")


def _proxies(site: Site) -> Iterator[Probe]:
    pages = ("/", site.event_path, "/staff/login", "/organiser/")
    ways: list[list[tuple[str, str]]] = [
        [("X-Forwarded-Host", f"{EVIL}, {site.host}")],
        [("X-Forwarded-Proto", "javascript"), ("X-Forwarded-Port", "1")],
        [("X-Forwarded-Proto", "https, ftp")],
        [("X-Forwarded-Prefix", f"/{EVIL}")],
        [("Forwarded", f"for=1.2.3.4;host={EVIL};proto=https")],
        [("X-Original-URL", "/organiser/"), ("X-Rewrite-URL", "/organiser/")],
        [("X-Original-Host", EVIL), ("X-Host", EVIL), ("X-Forwarded-Server", EVIL)],
        [("Script-Name", f"/{EVIL}"), ("Path-Info", "/organiser/")],
        [("X-Real-IP", "127.0.0.1"), ("True-Client-IP", "127.0.0.1"), ("Client-IP", "127.0.0.1")],
        [("Proxy", f"http://{EVIL}"), ("Via", "1.1 a")],
        *([("X-Forwarded-For", odd)] for odd in _ODD_ADDRESSES),
    ]
    for headers in ways:
        for path in pages:
            raw = request(site, "GET", path, headers)
            right = frozenset({303}) if path == "/organiser/" else frozenset({200})
            yield Probe(f"{headers[0][0]}: {headers[0][1][:20]} at {path}", raw, right, absent=EVIL)
        form = [*headers, ("Content-Type", FORM), *SAME_SITE.items()]
        raw = request(site, "POST", "/webhooks/paystack", form, b"{}")
        yield Probe(f"{headers[0][0]} at the webhook", raw, frozenset({401}), absent=EVIL)
        raw = request(site, "POST", f"{site.event_path}/line", form, b"")
        yield Probe(f"{headers[0][0]} at joining", raw, frozenset({307}), absent=EVIL)


_ODD_ADDRESSES = (
    *("", ",", "unknown", "not an address", "1.2.3", "1.2.3.4.5", "999.1.1.1", "1.2.3.4:80"),
    *("[::1]:80", "::ffff:1.2.3.4", "fe80::1%eth0", "127.0.0.1", "0.0.0.0", "a" * 5_000),
    *("'; DROP TABLE fans; --", "<fqxss>", "1.2.3.4, " * 800, "\udcff", "::" + ":1" * 99),
)


def _networks(site: Site) -> Row:
    """Whoever names a network of their own before that of the proxy is counted by the proxy's."""
    page = Visitor(site, a_network()).ask("GET", "/staff/forgotten")
    session = page.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    token, own = cast.form_token(page), a_network()

    def ask(network: str) -> int:
        # Another address each time: what is counted here are networks.
        form = {"email": f"{secrets.token_hex(6)}@example.com", "form_token": token}
        return (
            Visitor(site, network, {"fq_staff": session})
            .ask("POST", "/staff/forgotten", form)
            .status
        )

    made_up = Counter(ask(f"10.9.{number}.1, {own}") for number in range(45))
    true = Counter(ask(a_network()) for _ in range(45))
    return Row(
        "tries with another made-up network each, from one, and as many from true ones",
        made_up.total() + true.total(),
        f"{in_words(made_up)}; from true ones {in_words(true)}",
        made_up[429] >= 10 and true.keys() == {200},
    )
