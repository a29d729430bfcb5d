"""In which language a page is answered, and how another one is chosen."""

from __future__ import annotations

import re

import pytest

from tests import factories
from tests.views.browsing import cookie, join

FRENCH = {"Accept-Language": "fr-CA,fr;q=0.9,en;q=0.5"}


def language_of(html: str) -> str:
    return re.search(r'<html lang="([a-z]+)"', html)[1]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("fr", "fr"),
        ("fr-CA,en;q=0.8", "fr"),
        ("de,en;q=0.7,fr;q=0.3", "en"),
        ("de", "en"),
        ("", "en"),
    ],
)
def test_a_page_of_ones_own_is_in_the_language_that_the_browser_asks_for(client, asked, answered):
    event = factories.an_event()
    join(client, event)
    answer = client.get(f"/events/{event.slug}/line", headers={"Accept-Language": asked})
    assert language_of(answer.text) == answered


def test_a_language_that_was_chosen_is_kept(client):
    event = factories.an_event()
    join(client, event)
    page = f"/events/{event.slug}/line"
    html = client.get(page, headers={"Accept-Language": "en"}).text
    link = re.search(r'href="([^"]+)" hreflang="fr" lang="fr"[^>]*>Français<', html)[1]
    assert language_of(client.get(link).text) == "fr"
    assert cookie(client, "fq_lang") == "fr"
    assert language_of(client.get(page, headers={"Accept-Language": "en"}).text) == "fr"
    assert language_of(client.get(page + "?lang=en").text) == "en"
    assert language_of(client.get(page, headers=FRENCH).text) == "en"


@pytest.mark.parametrize("path", ["/", "/events/{slug}"])
def test_a_page_for_everyone_knows_its_language_by_its_address_alone(client, path):
    event = factories.an_event()
    page = path.format(slug=event.slug)
    client.set_cookie("fq_lang", "fr")
    plain = client.get(page, headers=FRENCH)
    assert language_of(plain.text) == "en"
    french = client.get(page + "?lang=fr")
    assert language_of(french.text) == "fr"
    assert language_of(client.get(page + "?lang=tlh").text) == "en"
    for answer in (plain, french):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert "Set-Cookie" not in answer.headers
    assert plain.headers["ETag"] != french.headers["ETag"]
    assert f"{page}?lang=fr" in plain.text
    assert f"{page}?lang=en" in french.text


def test_the_language_of_the_event_page_goes_with_the_fan_into_the_line(client):
    event = factories.an_event()
    html = client.get(f"/events/{event.slug}?lang=fr").text
    action = re.search(r'<form method="post" action="([^"]+)"', html)[1]
    waiting = client.post(action, follow_redirects=True, headers={"Accept-Language": "en"})
    assert waiting.status_code == 200
    assert language_of(waiting.text) == "fr"
    # The way back is in French, too.
    assert f'href="/events/{event.slug}?lang=fr"' in waiting.text


def test_nothing_in_an_address_can_make_another_link_of_it(client):
    html = client.get("/?_scheme=javascript&_external=1&_anchor=x&lang=<b>").text
    (link,) = re.findall(r'href="([^"]+)" hreflang', html)
    assert link.startswith("/?")
    assert "<b>" not in html


def test_what_is_sent_wrong_is_answered_in_the_same_language(client):
    event = factories.an_event()
    join(client, event)
    page = f"/events/{event.slug}/verify"
    english = client.post(page, data={"email": "?"})
    french = client.post(page, data={"email": "?"}, headers=FRENCH)
    assert english.status_code == french.status_code == 422
    assert "Please write an e-mail address such as ada@example.com." in english.text
    assert language_of(french.text) == "fr"
    assert "Écrivez une adresse e-mail comme ada@example.com." in french.text
    refused = client.get("/events/nothing/line", headers=FRENCH)
    assert "Événement inconnu" in refused.text
    assert "Nous ne connaissons aucun événement à cette adresse." in refused.text
