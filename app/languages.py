"""The languages that FairQueue speaks.

Every sentence is written in English at the place that needs it, and marked there: `_()` and
`ngettext()` in templates, `say()` and `say_n()` in Python. For each other language a file
translations/<language>/LC_MESSAGES/messages.po says it again. These are read as they are written,
once in each process, so that nothing has to be compiled before a start. `make words` brings new
sentences into them.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from app.domain.said import LOCALE, Said

ENGLISH = LOCALE
# By their names in themselves: who needs one may read nothing else.
LANGUAGES = {ENGLISH: "English", "fr": "Français"}
FOLDER = Path(__file__).parent.parent / "translations"


def catalogue_file(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


@cache
def catalogue(language: str) -> NullTranslations:
    """What is said in this language; English is what the sentences are written in."""
    if language == ENGLISH:
        return NullTranslations()
    with catalogue_file(language).open("rb") as file:
        written = read_po(file, locale=language)
    packed = io.BytesIO()
    write_mo(packed, written)
    packed.seek(0)
    return Translations(packed)


def said(text: str, language: str) -> str:
    """A sentence in this language; what is no sentence of ours stays as it is."""
    if not isinstance(text, Said) or language == ENGLISH:
        return text
    words = catalogue(language)
    return text.again(words.gettext, words.ngettext, language)
