"""The pictures of a drill."""

from __future__ import annotations

from xml.etree import ElementTree

from drill.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def points(picture: ElementTree.Element, index: int = 0) -> list[tuple[float, float]]:
    lines = picture.findall(f"{SVG}polyline")
    pairs = (pair.split(",") for pair in lines[index].attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def drawn(**series: list[tuple[float, float]]) -> ElementTree.Element:
    return ElementTree.fromstring(line_chart("A & B", "What <it> shows.", "people", series))


def test_a_picture_says_in_words_what_it_shows() -> None:
    picture = drawn(one=[(0, 0), (10, 5)])
    assert picture.findtext(f"{SVG}title") == "A & B"
    assert picture.findtext(f"{SVG}desc") == "What <it> shows."
    assert picture.attrib["aria-labelledby"] == "title desc"


def test_the_lines_stay_inside_and_keep_their_proportions() -> None:
    picture = drawn(one=[(0, 0), (60, 50), (120, 100)], two=[(0, 100), (120, 0)])
    first, second = points(picture), points(picture, 1)
    assert first[0] == (LEFT, HEIGHT - BOTTOM)
    assert first[2] == (WIDTH - RIGHT, TOP)
    assert first[1] == ((first[0][0] + first[2][0]) / 2, (first[0][1] + first[2][1]) / 2)
    assert second[0] == (LEFT, TOP)


def test_a_long_series_is_thinned_and_ends_where_it_ended() -> None:
    picture = drawn(one=[(second, second % 7) for second in range(5000)])
    found = points(picture)
    assert len(found) < 1500
    assert found[-1][0] == WIDTH - RIGHT


def test_nothing_to_show_is_a_picture_too() -> None:
    assert drawn(one=[]).findall(f"{SVG}polyline")
