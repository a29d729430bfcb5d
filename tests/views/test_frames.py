"""A frame filled in is the text with its holes filled, gzipped or not."""

from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from app.views.frames import Frame, hole

NAMES = st.sampled_from(["number", "own_form", "poll"])
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=2000)


@given(TEXT, st.lists(st.tuples(NAMES, TEXT, TEXT), max_size=8))
def test_it_is_filled_the_same_gzipped_or_not(start: str, rest: list[tuple[str, str, str]]) -> None:
    frame = Frame(start + "".join(hole(name) + text for name, _, text in rest))
    texts = [own for _, own, _ in rest]
    wanted = start + "".join(own + text for _, own, text in rest)
    assert frame.holes == [name for name, _, _ in rest]
    assert frame.filled(texts, packed=False).decode() == wanted
    assert gzip.decompress(frame.filled(texts, packed=True)).decode() == wanted


def test_a_frame_may_be_filled_in_part() -> None:
    frame = Frame(f"No. {hole('number')} of {hole('ahead')}, again in {hole('poll')} s")
    left = frame.with_holes(frozenset({"number", "poll"}), {"ahead": "12"}.__getitem__)
    assert left.holes == ["number", "poll"]
    assert left.filled(["7", "3"], packed=False) == b"No. 7 of 12, again in 3 s"


def test_what_is_repeated_is_packed_small() -> None:
    frame = Frame("a line like any other\n" * 200 + hole("number") + "and so on\n" * 200)
    assert len(frame.filled(["12"], packed=True)) < 200
