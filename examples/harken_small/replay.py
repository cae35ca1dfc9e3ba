"""Text-only questions with a language model's own answers: practice against forgetting.

Run: ``python replay.py LM_FOLDER OUT.jsonl --seed 0`` (some minutes on a CPU).

The answers are those of the model before any training (greedy), so learning them again keeps it
where it was, right or wrong.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from sentences import vocabulary

from harken.item import Item
from harken.models.pretrained import find_folder, open_files, open_weights
from harken.progress import track

QUESTIONS = (
    "Write one short sentence with the word {word}.",
    "What does the word {word} mean? Answer in a few words.",
    "Name a word that rhymes with {word}.",
    "Give a synonym of {word}.",
    "Which is longer, the word {word} or the word {other}?",
    "Use {word} and {other} in one sentence.",
    "Is {word} more like {other} or more like water? Answer in a few words.",
    "Complete the sentence: The {word} was",
)
COUNT, BATCH, MOST_TOKENS = 480, 32, 24


@torch.no_grad()
def main() -> None:
    """Write the items."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lm")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    folder = find_folder(asked.lm)
    tokenizer = open_files(AutoTokenizer, folder)
    lm = open_weights(AutoModelForCausalLM, folder, dtype="float32").eval()
    words, rng = vocabulary(tokenizer, 2500), np.random.default_rng(asked.seed)
    asked_once: dict[str, None] = {}
    while len(asked_once) < COUNT:
        word, other = rng.choice(words, 2, replace=False)
        text = QUESTIONS[len(asked_once) % len(QUESTIONS)].format(word=word, other=other)
        asked_once[text] = None
    texts = list(asked_once)
    lines = []
    for start in track(range(0, COUNT, BATCH), "answers"):
        part = texts[start : start + BATCH]
        prompts = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in part]
        given = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        made = lm.generate(**given, max_new_tokens=MOST_TOKENS, do_sample=False)
        for text, row in zip(part, made[:, given["input_ids"].shape[1] :], strict=True):
            answer = tokenizer.decode(row, skip_special_tokens=True).strip().split("\n")[0]
            if answer:
                item = Item(text, answer, task="replay", tags=("text",), split="train",
                            licence="generated")  # fmt: skip
                lines.append(json.dumps(item.to_dict()))
    asked.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
