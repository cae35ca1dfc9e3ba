"""Text-only floors: what does a benchmark give without the audio? No audio is needed to find out.

Run: ``python examples/floor_of_a_benchmark.py`` (a second or two).

The items here are biased on purpose: the longest option is right more often than it should be,
and "rain" is right more often than the other labels. For a published benchmark, use
``harken floor mmau --data RELEASE``; for your own items, ``harken floor own --data items.jsonl``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from harken.evaluate.benchmarks.floors import floor
from harken.evaluate.benchmarks.load import open_benchmark
from harken.item import Item
from harken.shards.jsonl import write_jsonl

LABELS = ("rain", "dog", "clock", "train", "bell", "thunderstorm", "sewing machine")
rng = np.random.default_rng(0)
items = []
for number in range(300):
    choices = tuple(str(label) for label in rng.permutation(LABELS)[:4])
    answer = choices[int(rng.integers(4))]
    if "rain" in choices and rng.random() < 0.3:
        answer = "rain"
    elif rng.random() < 0.2:
        answer = max(choices, key=len)
    items.append(Item(f"Question {number}: which sound is it?", answer, choices, task="identify"))

with tempfile.TemporaryDirectory() as name:
    write_jsonl(items, Path(name, "items.jsonl"))
    own = open_benchmark("own")
    found = floor(own, own.release(Path(name, "items.jsonl")).items)
print(f"items            {found['n']}")
print(f"chance           {found['chance']:.3f}")
for cell in found["constant"]:
    print(f"always option {cell['position'] + 1}  {cell['accuracy']:.3f}")
print(f"longest option   {found['longest']['accuracy']:.3f}")
print(f"linear (words)   {found['linear']['accuracy']:.3f}")
