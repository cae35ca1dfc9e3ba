"""Your own recordings, described by a CSV, as a corpus that questions are made from.

Run: ``python examples/own_layout.py`` (a second; makes its own recordings in a temporary folder).

A folder with a ``manifest.csv`` is recognised. Only the column ``path`` is required. A line that
cannot be used is a reject with its reason, and does not stop the scan: the last one here names a
file that does not exist.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.audio.load import write_wav
from harken.corpora.read import read_corpus
from harken.shards.read import read_items
from harken.synth.make import make_dataset

PITCHES = {"low hum": 110.0, "middle tone": 440.0, "high whistle": 1760.0, "shrill beep": 3520.0}

with tempfile.TemporaryDirectory() as name:
    folder = Path(name, "tones")
    folder.mkdir()
    rows = []
    for label, hertz in PITCHES.items():
        for take in range(10):
            file = f"{label.replace(' ', '-')}-{take}.wav"
            time = np.arange(RATE_HZ) / RATE_HZ
            tone = np.sin(2 * np.pi * hertz * (1 + take / 99) * time).astype(np.float32)
            write_wav(folder / file, 0.3 * tone, RATE_HZ)
            rows.append({"path": file, "label": label, "licence": "CC0", "kind": "sound"})
    rows.append({"path": "lost.wav", "label": "low hum", "licence": "CC0", "kind": "sound"})
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    corpus = read_corpus(folder)
    print(f"layout {corpus.layout}: {len(corpus.recordings)} recordings")
    for reject in corpus.rejects:
        print(f"not used: {reject.path}: {reject.reason}: {reject.found}")
    make_dataset(corpus, Path(name, "items"), families=["identify", "which-clip"], per_family=10)
    for item in list(read_items(Path(name, "items")))[::8]:
        print(f"{item.split:5} {item.question} {list(item.choices)} -> {item.answer}")
