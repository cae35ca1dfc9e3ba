"""Short English texts for synthesised speech, of words that are one token of a language model.

Run: ``python sentences.py LM_FOLDER OUT.json TEXT [TEXT …] --count 9000`` (seconds).

A TEXT is a folder of WordNet (Debian: ``wordnet-base``), whose example sentences are taken, or a
file of plain text. Phrases of three to eight words are cut from it, in a drawn order, where every
word is one token: what is heard once or twice is not learnt. A phrase whose words have all been
taken `OFTEN` times is left out, so that the words are many. Part of the texts are lists of these
words instead, each as often as any other: no context helps to guess those.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from read_speech import plain

from harken.models.pretrained import find_folder, open_files

LISTS = 0.4
"""Share of the texts that are lists of drawn words."""
OFTEN = 15
"""Times a word is taken before phrases need another word."""
RARE = 3
"""Times that a word is in the texts at the least."""
MOST_LETTERS = 48


def vocabulary(tokenizer: Any, most: int = 5000) -> list[str]:
    """Words that are one token, in the order in which the tokenizer learnt them."""
    ranked = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    words = [text[1:] for text, _ in ranked if re.fullmatch(r"Ġ[a-z]{2,}", text)]
    return words[:most]


def sentences(source: Path) -> Iterator[str]:
    """The sentences of a folder of WordNet, or of a file of plain text."""
    if source.is_dir():
        for part in sorted(source.glob("data.*")):
            for line in part.read_text("utf-8").splitlines():
                yield from re.findall(r'"([^"]+)"', line.partition(" | ")[2])
    else:
        yield from re.split(r"[.!?;:\n]+", source.read_text("utf-8"))


def phrases(
    texts: Iterable[str], words: Sequence[str], count: int, rng: np.random.Generator
) -> list[str]:
    """At most `count` different phrases of three to eight words, of many words."""
    said = [plain(text).split() for text in texts]
    common = Counter(word for text in said for word in text)
    known = {word for word in {*words, "a", "i"} if common[word] >= RARE}
    taken: Counter[str] = Counter()
    found: dict[str, None] = {}
    for number in rng.permutation(len(said)):
        kept = said[number][: int(rng.integers(3, 9))]
        text = " ".join(kept)
        if len(kept) < 3 or len(text) > MOST_LETTERS or not known.issuperset(kept):
            continue
        if text in found or all(taken[word] >= OFTEN for word in kept):
            continue
        found[text] = None
        taken.update(kept)
        if len(found) == count:
            break
    return list(found)


def word_lists(words: Iterable[str], count: int, rng: np.random.Generator) -> list[str]:
    """Two to six words each: one random order of all words after another."""
    every = sorted(set(words))
    waiting: list[str] = []
    texts = []
    for size in rng.integers(2, 7, count):
        if len(waiting) < size:
            waiting += rng.permutation(every).tolist()
        texts.append(" ".join(waiting[:size]))
        del waiting[:size]
    return texts


def main() -> None:
    """Write the texts, in a drawn order."""
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lm")
    parser.add_argument("out", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    words = vocabulary(open_files(AutoTokenizer, find_folder(asked.lm)))
    rng = np.random.default_rng(asked.seed)
    given = [text for source in asked.texts for text in sentences(source)]
    told = phrases(given, words, round(asked.count * (1 - LISTS)), rng)
    said = [word for text in told for word in text.split()]
    texts = [*told, *word_lists(said, asked.count - len(told), rng)]
    print(f"{len(told)} phrases of {len(set(said))} words, {len(texts) - len(told)} lists")
    asked.out.write_text(json.dumps([texts[i] for i in rng.permutation(len(texts))], indent=0))


if __name__ == "__main__":
    main()
