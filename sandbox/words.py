"""`make words`: bring the sentences of the code and the templates into the catalogues.

A sentence that is new is added without a translation, one that nobody says any more goes away, and
what has been translated stays. Neither places nor dates are written down, so that two people who
change other pages do not meet in these files.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from app.languages import ENGLISH, LANGUAGES, catalogue_file

ROOT = Path(__file__).parent.parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None, "say_n": (1, 2)}
REFUSALS = ROOT / "app/domain/errors.py"
JINJA = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}

Message = str | tuple[str, ...]


def main() -> None:
    for language in LANGUAGES:
        if language != ENGLISH:
            file = catalogue_file(language)
            text = as_text(updated(language, file))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
            print(f"{file.relative_to(ROOT)}: {missing(text, language)} to translate")


def messages() -> Iterator[Message]:
    """Every sentence that FairQueue can say: what gettext knows it by."""
    for path in sorted((ROOT / "app").rglob("*.py")):
        yield from _of(path, "python", {})
    yield from _docstrings(REFUSALS)
    for path in sorted((ROOT / "templates").rglob("*.*")):
        yield from _of(path, "jinja2", JINJA)


def updated(language: str, file: Path) -> Catalog:
    """The catalogue of a language with exactly the sentences that there are."""
    known = Catalog(locale=language)
    if file.exists():
        with file.open("rb") as written:
            known = read_po(written, locale=language)
    fresh = Catalog(locale=language, fuzzy=False)
    for message in messages():
        fresh.add(message)
    for entry in fresh:
        kept = known.get(entry.id) if entry.id else None
        if kept is not None and kept.pluralizable == entry.pluralizable:
            entry.string = kept.string
    return fresh


def as_text(known: Catalog) -> bytes:
    text = io.BytesIO()
    write_po(text, known, width=100, sort_output=True, omit_header=True, no_location=True)
    return _header(known) + text.getvalue()


def missing(text: bytes, language: str) -> int:
    entries = read_po(io.BytesIO(text), locale=language)
    return sum(1 for entry in entries if entry.id and not all(_strings(entry.string)))


def _strings(string: Any) -> tuple[str, ...]:
    return string if isinstance(string, tuple) else (string,)


def _header(known: Catalog) -> bytes:
    return (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {known.locale_identifier}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: {known.plural_forms}\\n"\n\n'
    ).encode()


def _of(path: Path, method: str, options: dict[str, Any]) -> Iterator[Message]:
    found = extract_from_file(method, path, keywords=KEYWORDS, options=options)
    for _, message, _, _ in found:
        yield message


def _docstrings(path: Path) -> Iterator[Message]:
    """What a class of refusals says is its docstring."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and (words := ast.get_docstring(node)):
            yield words


if __name__ == "__main__":
    main()
