"""Markdown from texts that are not trusted: names, replies and settings are shown as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#!|~$&@]|:(?=\S)|(?<=\w)\.(?=[^\W\d])")
_LEADS = re.compile(r"^[-+=]|(?<=^\d)\.|(?<=^\d\d)\.")
"""What makes a list or a heading of a line that begins with it."""


def escaped(text: object) -> str:
    """One line of plain text: nothing in it is markup, a link, an entity or HTML."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    for pattern in (_SPECIAL, _LEADS):
        line = pattern.sub(lambda m: "\\" + m[0], line)
    return line


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are markdown, so texts that are not trusted are `escaped` first.

    The first column is on the left, the others, numbers as a rule, on the right.
    """
    lines = [head, [":--", *(["--:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
