"""Every sentence goes through gettext: templates hold no bare English.

What this cannot see are single words in lower case within an expression.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import nodes

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(
    str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.*")
)
# Names, which are the same everywhere.
NAMES = {"FairQueue"}
SPOKEN = r"\s(?:alt|title|aria-label|placeholder|label|data-label|data-title|data-say)=\"([^\"]*)\""
JINJA = re.compile(
    r"{#.*?#}|{%-?\s*trans\b.*?endtrans\s*-?%}|{% block body_class %}\w*{% endblock %}"
    r"|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
NOT_SAID = (
    nodes.Compare,
    nodes.Test,
    nodes.Getitem,
    nodes.TemplateData,
    nodes.Extends,
    nodes.FromImport,
    nodes.Include,
)
GETTEXT = {"_", "gettext", "ngettext"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_holds_no_bare_english(application, name):
    source = (ROOT / "templates" / name).read_text()
    assert bare_text(source) == []
    assert bare_strings(application.jinja_env.parse(source)) == []


def test_bare_english_is_found(application):
    parse = application.jinja_env.parse
    assert bare_text('<p class="a b" title="Hello">{{ x }} there{# no #}</p>') == ["Hello", "there"]
    assert bare_text('{% trans %}Yes{% endtrans %}<b>{{ _("No") }}</b> · 3 FairQueue') == []
    assert bare_strings(parse('{{ field("name", "Your name", class="a b") }}')) == ["Your name"]
    assert bare_strings(parse('{{ "One is left" if x == "HELD it" else _("Some") }}')) == [
        "One is left"
    ]
    assert bare_strings(parse('{% set words = {"Key": "Paid", "x": _("Held")} %}')) == ["Paid"]


def bare_text(source: str) -> list[str]:
    """Words between the tags, and in the attributes that people read."""
    html = JINJA.sub("\0", source)
    spoken = re.findall(SPOKEN, html)
    text = re.sub(r"<(\"[^\"]*\"|[^>\"])*>", " ", html)
    # Attributes stand alone where a macro makes them.
    text = re.sub(r"[\w-]+=\"[^\"]*\"", " ", text)
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"&\w+;", " ", " ".join([*spoken, text])))
    return [word for word in words if word not in NAMES]


def bare_strings(node: nodes.Node) -> list[str]:
    """String constants that read like English and that gettext does not see."""
    if isinstance(node, nodes.Const):
        return [node.value] if is_english(node.value) else []
    if isinstance(node, nodes.Call):
        called = node.node.name if isinstance(node.node, nodes.Name) else ""
        if called in GETTEXT:
            # Sentences may be values of other sentences.
            return [said for pair in node.kwargs for said in bare_strings(pair.value)]
    if isinstance(node, NOT_SAID):
        return []
    if isinstance(node, nodes.Pair):
        return bare_strings(node.value)
    if isinstance(node, nodes.Keyword) and node.key == "class":
        return []
    return [said for child in node.iter_child_nodes() for said in bare_strings(child)]


def is_english(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return bool(re.match(r"[A-Z][a-z]", value)) or len(value.split()) >= 3
