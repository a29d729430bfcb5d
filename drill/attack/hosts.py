"""Names that are not the site's, and places to be led to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

from drill.attack.site import Answer, Row, Site, Visitor

EVIL = "evil.example"
PAGES = ("/", "{event}", "{event}/line", "/staff/login", "/staff/forgotten", "/no-such-page")
LEADS = (
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/organiser/..//evil.example",
    "/organiser@evil.example",
    "/organiser/%2e%2e//evil.example",
    "/organiser/\r\nSet-Cookie: a=b",
    "\t//evil.example",
    "javascript:alert(1)",
    "/support/https://evil.example",
)


def attack(site: Site, scale: float) -> list[Row]:
    """Other hosts on pages that anybody may open, and every way to be led elsewhere."""
    asked = [
        (page.format(event=site.event_path), headers)
        for page in PAGES
        for headers in _names(site.host)
    ]
    wrong = [
        f"{path} {headers}: {answer.status}"
        for path, headers in asked
        if EVIL in (answer := Visitor(site).ask("GET", path, headers=headers)).text
        or _leads_away(answer, site.host)
        or not _refuses(answer)
    ]
    return [
        Row(
            "pages asked by another name (Host, X-Forwarded-Host)",
            len(asked),
            "; ".join(wrong[:3]) or "all refused, the name in none of the answers",
            not wrong,
        ),
        _log_in(site),
        _slashes(site),
    ]


def _names(host: str) -> Iterator[Mapping[str, str]]:
    for name in (EVIL, f"{EVIL}:80", "", "a b", "[::"):
        yield {"Host": name}
    for between in (".", "@", "/", "?", "#", "\\"):
        yield {"Host": f"{host}{between}{EVIL}"}
        yield {"Host": f"{EVIL}{between}{host}"}
    for name in (EVIL, f"{host}, {EVIL}", f"{EVIL}@{host}"):
        yield {"X-Forwarded-Host": name}


def _refuses(answer: Answer) -> bool:
    return 400 <= answer.status < 500


def _leads_away(answer: Answer, host: str) -> bool:
    # Browsers take a backslash for a slash, and leave white space out.
    parts = urlsplit("".join(answer.location.split()).replace("\\", "/"))
    return parts.netloc not in ("", host) or parts.scheme not in ("", "http")


def _log_in(site: Site) -> Row:
    wrong = []
    own = site.run["staff"]["organiser"]
    for number, wanted in enumerate(LEADS):
        browser = Visitor(site, f"203.0.{100 + number}.30")
        page = browser.ask("GET", f"/staff/login?next={quote(wanted)}")
        browser.cookies["form"] = page.text.partition('name="form_token" value="')[2].split('"')[0]
        form = {**own, "form_token": browser.cookies["form"], "next": wanted}
        answer = browser.ask("POST", "/staff/login", form)
        safe = answer.status == 303 and answer.location.startswith("/organiser")
        if not safe or _leads_away(answer, site.host) or "evil" in answer.location:
            wrong.append(f"{wanted!r}: {answer.status} to {answer.location!r}")
    return Row(
        "places to be led to after logging in",
        len(LEADS),
        "; ".join(wrong[:3]) or "each led to a page of staff on this site",
        not wrong,
    )


def _slashes(site: Site) -> Row:
    paths = [
        f"{start}{EVIL}{end}"
        for start in ("//", "/\\", "/%2f", "/%5c", "/staff//", "/%0d%0aLocation:%20//")
        for end in ("", "/", "/..", "/staff/people", "/%2e%2e")
    ]
    answers = [(path, Visitor(site).ask("GET", path)) for path in paths]
    wrong = [
        f"{path} leads to {answer.location}"
        for path, answer in answers
        if answer.status >= 500 or _leads_away(answer, site.host)
    ]
    return Row(
        "addresses with slashes, backslashes and line ends that might lead elsewhere",
        len(paths),
        "; ".join(wrong[:3]) or "none led away",
        not wrong,
    )
