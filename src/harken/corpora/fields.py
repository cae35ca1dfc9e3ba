"""Parsing file names and licence texts into labels, splits and licence names; tidying texts."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_LICENCES = (
    (r"publicdomain/zero/", "CC0"),
    (r"publicdomain/mark/", "public domain"),
    (r"licenses/(by(?:-nc)?(?:-sa|-nd)?)/(\d\.\d)", ""),
)


_JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners: part of the spelling of some scripts, invisible elsewhere."""


def tidy(text: str) -> str:
    """`text` on one line as people see it: NFC, single spaces, no invisible characters.

    Line breaks, tabs and other control characters become spaces; format characters (zero-width
    spaces, soft hyphens, marks of direction) go, joiners only beside ASCII or at an end.
    """
    # Before NFC: an invisible character between a letter and its accent would keep them apart.
    shown = []
    for i, char in enumerate(text):
        kind = unicodedata.category(char)
        if char in _JOINERS:
            around = text[max(0, i - 1) : i] + text[i + 1 : i + 2]
            if len(around) == 2 and not any(c.isascii() or c.isspace() for c in around):
                shown.append(char)
        elif kind != "Cf":
            shown.append(" " if kind in ("Cc", "Zl", "Zp") else char)
    return " ".join(unicodedata.normalize("NFC", "".join(shown)).split())


def label_text(text: str) -> str:
    """A label as it is stored: `tidy`, in lower case."""
    return unicodedata.normalize("NFC", tidy(text).lower())


def label(name: str) -> str:
    """A class name as plain lower-case words: ``"001 - Dog_bark"`` -> ``"dog bark"``."""
    bare = re.sub(r"^\d+\s*[-_.]\s*", "", name)
    return label_text(bare.replace("_", " ")) or label_text(name)


def description_of(row: Any) -> str:
    """Title, description and tags of a row as sentences: what a publisher writes about a sound."""
    found = []
    for name in ("title", "file_name", "description", "tags", "keywords", "category"):
        value = row.get(name) if isinstance(row, dict) else None
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        text = tidy(re.sub(r"<[^>]*>", " ", text)).encode("utf-8", "ignore").decode()
        if text:
            found.append(text if text[-1] in ".!?" else f"{text}.")
    return " ".join(found)


def licences(text: str) -> set[str]:
    """Short names of the Creative Commons licences whose URLs occur in `text`."""
    found = set()
    for pattern, name in _LICENCES:
        for match in re.finditer(r"creativecommons\.org/" + pattern, text, re.IGNORECASE):
            found.add(name or f"CC {match[1].upper()} {match[2]}")
    return found


def sole_licence(text: str) -> str:
    """The licence in `text` if there is exactly one, else ``""``."""
    found = licences(text)
    if len(found) != 1:
        return ""
    (one,) = found
    return one


def split_name(name: str) -> str:
    """``train``, ``dev`` or ``test`` for the usual names of split folders, else ``""``."""
    word = re.split(r"[-_. ]", name.lower())[0]
    if word in ("train", "training"):
        return "train"
    if word in ("dev", "valid", "validation", "val", "development"):
        return "dev"
    return "test" if word in ("test", "testing", "eval", "evaluation") else ""
