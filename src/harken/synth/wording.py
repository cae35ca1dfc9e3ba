"""English phrases shared by the families: names, lists, clip numbers."""

from __future__ import annotations

from collections.abc import Sequence

NOUN = {"sound": "the sound", "word": "the word", "sentence": "the sentence"}

ORDINALS = ("first", "second", "third", "fourth")

NUMBER = {2: "two", 3: "three", 4: "four", 5: "five"}


def quoted(name: str) -> str:
    """A name in double quotes."""
    return f'"{name}"'


def named(kind: str, name: str) -> str:
    """A name with its kind: the sound "dog bark"."""
    return f"{NOUN[kind]} {quoted(name)}"


def listed(texts: Sequence[str]) -> str:
    """Texts as an English list: a, b and c."""
    if len(texts) < 2:
        return "".join(texts)
    return ", ".join(texts[:-1]) + " and " + texts[-1]


def capital(text: str) -> str:
    """`text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def clip_names(n: int) -> tuple[str, ...]:
    """The choices "clip 1" … "clip n"."""
    return tuple(f"clip {i + 1}" for i in range(n))


def heard_in_clips(kind: str, names: Sequence[str]) -> str:
    """The content of each clip: Clip 1: dog bark. Clip 2: rain."""
    show = str if kind == "sound" else quoted
    return " ".join(f"Clip {i + 1}: {show(name)}." for i, name in enumerate(names))
