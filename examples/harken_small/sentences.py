"""Short English sentences, sampled from a language model: texts for synthesised speech.

Run: ``python sentences.py LM_FOLDER OUT.json --count 9000 --seed 0`` (five minutes on a CPU).

A sentence starts with a word of the tokenizer's own vocabulary, drawn by its rank as words of a
text are (1 / rank), and is continued by the model. So frequent words come often, rare ones too, and
the sentences are English. Those with a word of several tokens are left out: what is heard once or
twice is not learnt. Half of the texts are lists of words of the sentences instead, each word as
often as any other: no context helps to guess those, and rare words are heard too.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from read_speech import plain

from harken.models.pretrained import find_folder, open_files, open_weights

BATCH = 64
LISTS = 0.5
"""Share of the texts that are lists of drawn words."""
LEADS = ("", "From an old novel:\n", "A page of a diary:\n", "She looked up and said:\n")
"""What the model reads before a sentence: read speech is mostly from books."""


def vocabulary(tokenizer: Any, most: int = 6000) -> list[str]:
    """Words that are one token, in the order in which the tokenizer learnt them."""
    ranked = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    words = [text[1:] for text, _ in ranked if re.fullmatch(r"Ġ[a-z]{2,}", text)]
    return words[:most]


def word_lists(words: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """Two to six words each: one random order of all words after another."""
    waiting: list[str] = []
    texts = []
    for size in rng.integers(2, 7, count):
        if len(waiting) < size:
            waiting += rng.permutation(sorted(set(words))).tolist()
        texts.append(" ".join(waiting[:size]))
        del waiting[:size]
    return texts


@torch.no_grad()
def continued(lm: Any, tokenizer: Any, words: list[str], count: int, seed: int) -> list[str]:
    """Three to eight words each; no two are equal."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    weight = 1.0 / (np.arange(len(words)) + 20)
    found: dict[str, None] = {}
    known = {*words, "a", "i"}
    while len(found) < count:
        first = rng.choice(words, BATCH, p=weight / weight.sum())
        lead = LEADS[int(rng.integers(len(LEADS)))]
        asked = tokenizer([lead + str(word).capitalize() for word in first], return_tensors="pt",
                          padding=True, padding_side="left")  # fmt: skip
        made = lm.generate(**asked, max_new_tokens=12, do_sample=True, top_k=100, temperature=1.0,
                           pad_token_id=tokenizer.pad_token_id or 0)  # fmt: skip
        for row in made:
            text = tokenizer.decode(row, skip_special_tokens=True)
            kept = plain(text[len(lead) :].split("\n")[0]).split()[: int(rng.integers(3, 9))]
            if len(kept) >= 3 and len(" ".join(kept)) <= 48 and known.issuperset(kept):
                found[" ".join(kept)] = None
    return list(found)[:count]


def main() -> None:
    """Write the texts, in a drawn order."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lm")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    folder = find_folder(asked.lm)
    tokenizer = open_files(AutoTokenizer, folder)
    lm = open_weights(AutoModelForCausalLM, folder).eval()
    words = vocabulary(tokenizer)
    rng = np.random.default_rng(asked.seed)
    told = continued(lm, tokenizer, words, round(asked.count * (1 - LISTS)), asked.seed)
    # The first word was drawn and may be half a word; the model has written the others.
    heard = [word for text in told for word in text.split()[1:]]
    texts = [*told, *word_lists(heard, asked.count - len(told), rng)]
    asked.out.write_text(json.dumps([texts[i] for i in rng.permutation(len(texts))], indent=0))


if __name__ == "__main__":
    main()
