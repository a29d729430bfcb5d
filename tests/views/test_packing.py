"""What of a file is sent: all that a browser needs, and nothing that only its authors read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from app.views.packing import bare

STATIC = Path(__file__).parents[2] / "static"
OURS = sorted(STATIC.glob("*.js"))


def test_a_sheet_loses_its_comments_and_its_spaces_and_nothing_else():
    source = (
        '/* Why\nso. */\na:hover > b {\n  color: red;\n  content: "";\n}\n\n'
        ".c :is(.d, .e) { x: 0 0 / 1px }\n"
    )
    assert bare(source, "text/css") == 'a:hover>b{color:red;content:""}.c :is(.d,.e){x:0 0 / 1px}'


def test_a_script_loses_its_comments_and_its_indentation_and_nothing_else():
    source = (
        "/* Why\n so. */\n(() => {\n  // Because.\n"
        '  let url = "http://x";  // kept\n\n  /* Or\n  so. */\n  go(url);\n})();\n'
    )
    assert (
        bare(source, "text/javascript")
        == '(() => {\nlet url = "http://x";  // kept\ngo(url);\n})();\n'
    )


def test_both_sheets_of_fans_together_are_small():
    sheets = [STATIC / name for name in ("style.css", "pages.css")]
    assert sum(len(gzip.compress(sheet.read_bytes(), 9)) for sheet in sheets) <= 4096


def test_what_others_wrote_stays_as_it_is():
    (htmx,) = (STATIC / "vendor").glob("htmx-*.js")
    assert bare(htmx.read_text(), "text/javascript") == htmx.read_text()


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_no_script_of_ours_holds_a_text_of_several_lines(file):
    """Whose lines would lose their indentation."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        assert line.count("`") % 2 == 0, f"{file.name}:{number}"
