"""Sentences that are written in English and can be said in other languages.

`say()` and `say_n()` mark a sentence for the catalogues in translations/. What they return is the
English sentence, and remembers what it is made of, so that who shows it can say it in the
language of whom it is shown to (app/languages.py). Rules and services need not know that language.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from babel import numbers

LOCALE = "en"


class Said(str):
    """An English sentence; `one` and `many` are what the catalogues know it by, `many` only where
    a number decides, and `values` fills the places like %(name)s in it."""

    one: str
    many: str | None
    number: int
    values: dict[str, Any]

    def __new__(cls, one: str, many: str | None, number: int, values: dict[str, Any]) -> Said:
        self = super().__new__(cls, _filled(one if many is None or number == 1 else many, values))
        self.one, self.many, self.number, self.values = one, many, number, values
        return self

    def again(
        self, of: Callable[[str], str], of_many: Callable[[str, str, int], str], locale: str
    ) -> str:
        """The same sentence by these translations, as gettext and ngettext give them."""
        text = of(self.one) if self.many is None else of_many(self.one, self.many, self.number)
        values = {
            name: value.again(of, of_many, locale) if isinstance(value, Said) else value
            for name, value in self.values.items()
        }
        return _filled(text, values, locale)


def say(sentence: str, **values: Any) -> Said:
    """`sentence` with its %(name)s filled in; whole numbers get their thousands marked."""
    return Said(sentence, None, 1, values)


def say_n(one: str, many: str, number: int, **values: Any) -> Said:
    """`one` if there is one, else `many`; both may hold %(number)s."""
    return Said(one, many, number, {"number": number, **values})


def count(number: int, locale: str = LOCALE) -> str:
    """A number with its thousands marked: 1,204."""
    # As Python marks them, and much faster than Babel; each poll says two numbers.
    english = f"{number:,}"
    mark = _mark(locale)
    return english if mark == "," else english.replace(",", mark)


@lru_cache(maxsize=64)
def _mark(locale: str) -> str:
    return numbers.get_group_symbol(locale)


def _filled(text: str, values: dict[str, Any], locale: str = LOCALE) -> str:
    if not values:
        return text
    shown = {
        name: count(value, locale) if isinstance(value, int) else value
        for name, value in values.items()
    }
    return text % shown
