"""Everything that FairQueue says can be said in each of its languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from app import languages
from app.domain import words
from app.domain.said import say, say_n
from app.languages import ENGLISH, LANGUAGES, catalogue_file, said
from sandbox.words import as_text, messages, updated

ROOT = Path(__file__).parents[1]
OTHERS = [language for language in LANGUAGES if language != ENGLISH]


def entries(language):
    with catalogue_file(language).open("rb") as file:
        return [entry for entry in read_po(file, locale=language) if entry.id]


def forms(value):
    return value if isinstance(value, tuple | list) else (value,)


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_holds_the_sentences_that_there_are(language):
    file = catalogue_file(language)
    assert as_text(updated(language, file)) == file.read_bytes(), "run `make words`"


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language):
    assert [entry.id for entry in entries(language) if not all(forms(entry.string))] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_in_the_same_and_marks_the_same(language):
    for entry in entries(language):
        if not all(forms(entry.string)):
            continue
        most = forms(entry.id)[-1]
        for string in forms(entry.string):
            for pattern in (r"%\(\w+\)s", r"<[^>]+>"):
                there = set(re.findall(pattern, string))
                assert there <= set(re.findall(pattern, most)), string
        last = forms(entry.string)[-1]
        for pattern in (r"%\(\w+\)s", r"<[^>]+>"):
            assert set(re.findall(pattern, most)) == set(re.findall(pattern, last)), entry.id


def test_a_sentence_is_the_english_one_until_it_is_shown_in_another_language():
    left = say_n(
        "That is not the code we sent. You have 1 try left.",
        "That is not the code we sent. You have %(number)s tries left.",
        3,
    )
    assert left == "That is not the code we sent. You have 3 tries left."
    assert said(left, ENGLISH) == left
    assert said(left, "fr") == (
        "Ce n’est pas le code que nous avons envoyé. Il vous reste 3 essais."
    )
    assert said("Typed by somebody: Price", "fr") == "Typed by somebody: Price"


def test_numbers_and_sentences_within_a_sentence_are_said_in_its_language():
    most = say("%(length)s characters", length=12048)
    assert most == "12,048 characters"
    assert said(most, "fr") == "12\u202f048 characters"
    nested = say("about %(number)s", number=say("none"))
    assert said(nested, "fr") == "environ aucun"


def test_figures_are_written_as_the_language_writes_them():
    assert words.count(12048, "fr") == "12\u202f048"
    assert words.duration(4200, "fr") == "1\u00a0heure 10 minutes"
    assert said(words.duration(5, "fr"), "fr") == "moins d’une minute"
    assert words.money(2_500_000, "NGN", "fr") == "25\u202f000,00\u00a0NGN"
    assert words.percent(0.42, "fr") == "42\u00a0%"


def test_a_language_that_has_no_file_is_not_promised():
    assert all(catalogue_file(language).exists() for language in OTHERS)
    assert languages.catalogue(ENGLISH).gettext("Price") == "Price"


# The demo sale, and what commands such as `flask staff` say to who types them.
ENGLISH_ONLY = {"backup.py", "demo.py", "staff.py"}
PYTHON = sorted(
    path
    for name in ("domain", "services", "views")
    for path in (ROOT / "app" / name).rglob("*.py")
    if not (name == "services" and path.name in ENGLISH_ONLY)
)
SENTENCE = re.compile(r"[A-Z][^A-Z].* .*[.!?]", re.DOTALL)
SAID = {"say", "say_n"}
# What operators and programmers read is English.
NOT_SHOWN = {"AssertionError", "RuntimeError", "LookupError", "ValueError", "TypeError"}


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_sentence_in_python_is_marked(path):
    assert list(unmarked(ast.parse(path.read_text()))) == []


def test_an_unmarked_sentence_is_found():
    source = '''
"""A docstring is not said."""
say("This is said.")
wrong["name"] = "Please tell us your name."
raise Invalid({"x": f"Please use {most} letters."})
raise RuntimeError("Not for people at all.")
'''
    assert list(unmarked(ast.parse(source))) == [
        "Please tell us your name.",
        "Please use … letters.",
    ]
    assert len(set(messages())) > 500


def unmarked(node):
    """Sentences that are neither marked, nor docstrings, nor said to programmers only."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAID | NOT_SHOWN:
        return
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
        text = "".join(parts)
        if SENTENCE.fullmatch(text):
            yield text
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and SENTENCE.fullmatch(node.value):
            yield node.value
        return
    for child in ast.iter_child_nodes(node):
        yield from unmarked(child)
