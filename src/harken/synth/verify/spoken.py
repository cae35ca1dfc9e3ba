"""What is said in a source of speech, and whether a quotation is of it."""

from __future__ import annotations

from collections.abc import Sequence

from harken.ask import words as w
from harken.facts import SourceFacts


def said_words(source: SourceFacts) -> tuple[str, ...]:
    """What a source of speech says, as folded words; its label where there is no transcript."""
    if source.kind != "speech":
        return ()
    return w.words(source.transcript or "") or w.words(source.label or "")


def holds(words: Sequence[str], part: Sequence[str]) -> bool:
    """Whether `part` stands in `words` as it is, one word after the other; empty parts do not."""
    n = len(part)
    return bool(n) and any(
        tuple(words[i : i + n]) == tuple(part) for i in range(len(words) - n + 1)
    )
