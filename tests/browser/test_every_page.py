"""Every page in every state, looked at by axe-core: at 360 px in the light and at 1280 px in the
dark, with JavaScript, and with the content policy that the page has.

`make pictures` walks the same way and takes a picture of each (tests/browser/pictures.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import template_rendered

from app.extensions import db
from tests import factories
from tests.browser import pictures, scenes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "tests/browser/vendor/axe-core-4.14.1.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = """async (tags) => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags},
    resultTypes: ["violations"], selectors: false});
  return found.violations.map(({id, nodes}) =>
    `${id}: ${nodes.map((node) => node.html.slice(0, 120)).slice(0, 3).join(" | ")}`);
}"""
CUT_OFF = """() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page");
  while (texts.nextNode()) {
    const node = texts.currentNode, range = document.createRange();
    range.selectNodeContents(node);
    const { left, right, width } = range.getBoundingClientRect();
    if (!node.data.trim() || !width || node.parentElement.closest(".unseen, .skip")) continue;
    for (let box = node.parentElement; box; box = box.parentElement) {
      const limits = box.getBoundingClientRect(), how = getComputedStyle(box).overflowX;
      if (how === "auto" || how === "scroll") break;
      if (how === "visible") continue;
      if (right > limits.right + 1 || left < limits.left - 1) found.push(node.data.trim());
    }
  }
  return found;
}"""
# Not by a locator, for which Playwright would load its own script into each page.
BADGES = "[...document.querySelectorAll('.badge')].map((badge) => badge.innerText)"
# What there is of the same page in French, in its place: loading it anew takes three times as long.
IN_FRENCH = """async () => {
  const answer = await fetch(`${location.pathname}?lang=fr`);
  const french = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.documentElement.lang = french.documentElement.lang;
  document.body.replaceWith(document.adoptNode(french.body));
}"""
# What a page says of itself that no page may do.
LOUD = ("Content Security Policy", "Uncaught", "is not defined")


@pytest.fixture
def drawn(app, site, bank, deliver):
    """Every scene, and the names of the templates that were used for them."""
    used: set[str] = set()

    def note(sender: Any, template: Any, **rest: Any) -> None:
        used.add(template.name)

    with template_rendered.connected_to(note):
        event = factories.an_event(
            title="Harbour Lights",
            venue="Eko Hotel, Lagos",
            description="Three bands, one night.\n\nDoors open at 18:00.",
            capacity=2_000,
            price=2_500_000,
            admit_per_minute=60,
        )
        site.scenes.update(scenes.of_staff(app, bank, deliver))
        site.scenes.update(scenes.of_fans(event))
        site.scenes.update(scenes.of_refusals())
        # Refusals know the way back to the event.
        site.view_args = {"slug": event.slug}
        db.session.rollback()
        yield site, used


def test_no_page_in_any_state_has_a_violation(drawn, chromium):
    site, used = drawn
    site.still = True
    context = chromium.new_context(viewport=pictures.PHONE, base_url=site.url)
    context.add_init_script("if (window === top) {" + AXE.read_text() + "}")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(f"Uncaught {error}"))
    wrong: dict[str, list[str]] = {}
    shown: list[str] = []
    forms: set[str] = set()
    for name in scenes.distinct(site):
        said.clear()
        page.set_viewport_size(pictures.PHONE)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(f"/scene/{name}")
        shown += page.evaluate(BADGES)
        # What differs in its words only has been judged by its structure already.
        form = scenes.form_of(site, name)
        looked_at = form in forms
        forms.add(form)
        found = [] if looked_at else page.evaluate(CHECK, RULES)
        found += too_wide(page)
        pictures.take(page, name)
        page.set_viewport_size(pictures.DESK)
        page.emulate_media(color_scheme="dark")
        found += too_wide(page)
        if name.startswith("fan/"):
            # French is longer.
            page.set_viewport_size(pictures.PHONE)
            page.evaluate(IN_FRENCH)
            assert page.evaluate("document.documentElement.lang") == "fr"
            found += [f"French: {one}" for one in too_wide(page)]
            page.context.clear_cookies()
            page.set_viewport_size(pictures.DESK)
        # By now a fan's page is in French; those of staff are in test_staff_in_french.py.
        if not looked_at:
            found += [f"dark: {one}" for one in page.evaluate(CHECK, RULES)]
        found += [text for text in said if any(part in text for part in LOUD)]
        if found:
            wrong[name] = found
    context.close()
    assert wrong == {}
    pages = {
        str(path.relative_to(ROOT / "templates"))
        for path in (ROOT / "templates").rglob("[!_]*.html")
        if path.name != "base.html"
    }
    assert pages - used == set(), "no scene shows these templates"
    assert labels_of_staff() - set(shown) == set(), "no scene shows these states"


def labels_of_staff() -> set[str]:
    """The words for every state of a sale, a claim, a payment and a refund."""
    found = set()
    for name in ("staff/_parts.html", "support/_money.html"):
        source = (ROOT / "templates" / name).read_text()
        for words in re.findall(r"set words = {(.*?)} -?%}", source, re.DOTALL):
            found |= set(re.findall(r'_\("([^"]+)"\)', words))
    assert len(found) >= 20
    return found


def too_wide(page: Any) -> list[str]:
    """Texts that run out of the window, or out of what cuts them off."""
    found: list[str] = page.evaluate(CUT_OFF)
    return [f"cut off at {page.viewport_size['width']} px: {text}" for text in found]
