"""DCASE 2025 Challenge, Task 5: audio question answering in three domains.

Yang et al., "Multi-Domain Audio Question Answering Toward Acoustic Content Reasoning in the DCASE
2025 Challenge", arXiv 2505.07365; hub PeacefulData/2025_DCASE_AudioQA_Official (gated).
``harken score --benchmark dcase2025 --predictions FILE``.

Release: JSON rows with ``id``, ``audio_url``, ``question``, ``choice`` (lettered texts, "A. …"),
``answer`` (one of them), ``question_type``. Letters are removed on loading. The domain follows
from the audio's file name: ``fold…`` temporal soundscapes, ``audio…`` complex, all else
bioacoustics. Predictions: the rows with ``prediction``, or the challenge's own submission, a CSV
with the columns ``question`` (the id) and ``answer`` (the option as written, with its letter).

Official rule: top-1 accuracy in each domain; the ranking is their *unweighted mean*. The task's
scorer is not public: a reply is read as by its baselines, by the first stand-alone capital A-D in
the upper-cased reply, compared with the gold's letter. Unreadable and missing replies are wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions, predictions_of, reply_rows
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, options_of, row_of
from harken.evaluate.benchmarks.writing import write_rows
from harken.item import Item
from harken.letters import letter

_LETTERED = re.compile(r"^\s*\(?([A-Z])[.):]\s*(.*)$", re.S)


class Dcase2025(Benchmark):
    """See the module's docstring."""

    name = "dcase2025"
    title = "DCASE 2025 Task 5"
    paper = "arXiv 2505.07365"
    rule = "top-1 accuracy, unweighted mean over the three domains"
    traps = ("a reply is read by its first stand-alone letter A-D: the article in 'A dog' is one",)
    hub = "PeacefulData/2025_DCASE_AudioQA_Official"
    files = ("*dev*.json", "*dev*.jsonl", "*.json", "*.jsonl", "**/*.parquet")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio_url": (str,),
        "question": (str,),
        "choice": (list,),
        "answer": (str, type(None)),
    }
    suffixes = (".csv",)
    task = "domain"
    by = ("domain", "question_type")

    def options(self, row: Row) -> list[str]:
        """The choices without their letters."""
        return [_bare(str(one)) for one in row["choice"]]

    def answer(self, row: Row) -> str | None:
        """The gold without its letter; a bare letter names its option."""
        if not row.get("answer"):
            return None
        gold, options = str(row["answer"]), self.options(row)
        if re.fullmatch(r"[A-Z]", gold.strip()) and gold.strip() not in options:
            place = ord(gold.strip()) - 65
            return options[place] if place < len(options) else gold
        return gold if gold in options else _bare(gold)

    def audio(self, row: Row) -> list[str]:
        """``audio_url``: its path, without a leading slash."""
        return [str(row["audio_url"]).lstrip("/")]

    def value(self, row: Row, field: str) -> str:
        """``domain`` is taken from the file name."""
        return domain(str(row["audio_url"])) if field == "domain" else super().value(row, field)

    def read_predictions(self, path: Path | str) -> Predictions:
        """Rows with ``prediction``; or the challenge's own CSV, ``question,answer``."""
        rows, notes = reply_rows(Path(path), self.key)
        if rows and all(set(row) == {"question", "answer"} for row in rows):
            rows = [{"id": row["question"], "prediction": row["answer"]} for row in rows]
            notes += ("read as a submission to the challenge (question, answer)",)
        return predictions_of(rows, Path(path), self.key, self.prediction, notes)

    def submitted(self, item: Item, place: int) -> str:
        """The option with its letter, as the release has it: ``B. A whistle``."""
        at = options_of(item).index(item.choices[place])
        given = str(row_of(item)["choice"][at])
        match = _LETTERED.match(given)
        lettered = match is not None and match.group(1) == letter(at)
        return given if lettered else f"{letter(at)}. {item.choices[place]}"

    def write_predictions(
        self, path: Path | str, items: Sequence[Item], texts: Mapping[str, str]
    ) -> None:
        """A CSV in the challenge's own columns; other suffixes as by default."""
        if Path(path).suffix.lower() not in self.suffixes:
            return super().write_predictions(path, items, texts)
        rows = [{"question": key_of(item), "answer": texts[key_of(item)]}
                for item in items if key_of(item) in texts]  # fmt: skip
        write_rows(Path(path), rows)
        return None

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The mean of the domains' accuracies; each domain's under ``parts``."""
        scores: dict[str, float | None] = {}
        groups: dict[str, list[float]] = {}
        for item in items:
            hit = re.search(r"\b([A-D])\b", predictions.text(key_of(item)).strip().upper())
            gold = letter(options_of(item).index(item.answer))
            right = float(hit is not None and hit.group(1) == gold)
            scores[key_of(item)] = right
            groups.setdefault(domain(str(row_of(item)["audio_url"])), []).append(right)
        parts = {name: sum(own) / len(own) for name, own in groups.items()}
        missing = {"bioacoustics", "temporal", "complex"} - set(groups)
        faults = tuple(f"the domain {name} has no items: the mean leaves it out"
                       for name in sorted(missing))  # fmt: skip
        mean = sum(parts.values()) / len(parts) if parts else None
        return Official("domain average", mean, len(items), scores, faults, parts)


def domain(audio: str) -> str:
    """``temporal``, ``complex`` or ``bioacoustics``, by the beginning of the file name."""
    name = os.path.basename(audio).lower()
    if name.startswith("fold"):
        return "temporal"
    return "complex" if name.startswith("audio") else "bioacoustics"


def _bare(text: str) -> str:
    match = _LETTERED.match(text)
    return match.group(2).strip() if match else text.strip()
