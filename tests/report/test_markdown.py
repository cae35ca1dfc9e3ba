"""Untrusted text in markdown: shown as it is, by a renderer that takes HTML, tables and links."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harken.report.markdown import escaped, table
from scored_records import EVIL

RENDER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def shown(markdown: str) -> str:
    """What a reader sees of it, if it is one paragraph of plain text."""
    html = RENDER.render(markdown).strip()
    match = re.fullmatch(r"<p>([^<>]*)</p>", html, re.S)
    assert match, html
    plain = match[1]
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        plain = plain.replace(entity, sign)
    return plain


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        "# heading",
        "- item",
        "+ item",
        "12. item",
        "3) item",
        "===",
        "| a | b |",
        "[link](javascript:alert(1))",
        "![x](https://example.com/x.png)",
        "<https://example.com>",
        "&lt;b&gt; &amp; &#60;",
        "`code` and ``more``",
        "~~gone~~ **bold** _it_",
        "back\\slash \\* \\",
        "$x$ :smile: @someone",
        "apache-2.0",
    ],
)
def test_it_reads_as_it_was_written(text: str) -> None:
    assert shown(escaped(text)) == " ".join(text.split())


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Zs", "Cc"]) | st.just(" ")
    )
)
def test_no_text_is_markup(text: str) -> None:
    line = escaped(text)
    assert "\n" not in line and not re.search(r"(?<!\\)(?:\\\\)*[<|\[`]", line)
    if line:
        shown(line)


def test_addresses_are_no_links() -> None:
    for text in ("https://example.com/x", "www.example.com", "a@example.com"):
        assert not re.search(r"\w://|www\.\w|\w@\w", escaped(text))


def test_a_table_has_the_cells_it_was_given() -> None:
    cells = ["a|b", "<td>x", "c\nd", "", "e\\"]
    html = RENDER.render(table(list(map(escaped, cells)), [list(map(escaped, cells))] * 2))
    assert html.count("<th") - html.count("<thead") == 5 and html.count("<td") == 10
    assert html.count("<tr") == 3
