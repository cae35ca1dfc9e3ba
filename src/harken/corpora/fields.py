"""Parsing file names and licence texts into labels, splits and licence names."""

from __future__ import annotations

import re

_LICENCES = (
    (r"publicdomain/zero/", "CC0"),
    (r"publicdomain/mark/", "public domain"),
    (r"licenses/(by(?:-nc)?(?:-sa|-nd)?)/(\d\.\d)", ""),
)


def label(name: str) -> str:
    """A class name as plain lower-case words: ``"001 - Dog_bark"`` -> ``"dog bark"``."""
    bare = re.sub(r"^\d+\s*[-_.]\s*", "", name)
    return re.sub(r"[\s_]+", " ", bare).strip().lower() or name.lower()


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
