"""Object hallucination, generative: which of the objects named in a caption are really there?

Kuan et al., Interspeech 2024, arXiv 2406.08402.
``harken score --benchmark hallucination-generative --predictions FILE``.

Release and predictions: one JSON object ``{clip: {prompt: {"label": [objects], "prediction":
[objects]}}}``; or rows by ``id`` (``clip|prompt``) with ``prediction``: a list, or a text of
objects separated by commas.

Official rule, averaged over all (clip, prompt), percent, two decimals: CHAIR (ECHO) = 1 -
|predicted and gold| / |predicted|; Cover = |predicted and gold| / |gold|; Hal = 1 if CHAIR is not
0. Lower CHAIR and Hal are better. Trap reproduced: without a predicted object, CHAIR and Hal are -1
and *averaged in*, which lowers them; ``parts`` also gives both without these. A row without a
prediction, a null one, and one without gold objects stop the script. Strict: |predicted
and gold| / |predicted or gold|, 0 without a predicted object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions, predictions_of, reply_rows
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, row_of, share
from harken.evaluate.benchmarks.writing import write_value
from harken.item import Item


class HallucinationGenerative(Benchmark):
    """See the module's docstring."""

    name = "hallucination-generative"
    title = "Object hallucination, generative"
    paper = "arXiv 2406.08402"
    rule = (
        "CHAIR, Cover and Hal averaged over (clip, prompt); the headline is CHAIR, lower is better"
    )
    traps = ("an empty prediction gives -1, which is averaged in and lowers CHAIR and Hal",)
    files = ("*.json", "*.jsonl")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"prompt": (str,), "label": (list,)}
    by = ("prompt",)
    suffixes = (".json",)
    keeps_absent = False
    fewest = 0
    share = False

    def rows(self, source: Path | str) -> list[Row]:
        """The nested object, one row per (clip, prompt)."""
        return _flat(super().rows(source))

    def question(self, row: Row) -> str:
        """``prompt``."""
        return str(row["prompt"])

    def answer(self, row: Row) -> str | None:
        """The gold objects, separated by commas."""
        return ", ".join(map(str, row["label"]))

    def audio(self, row: Row) -> list[str]:
        """The clip's name."""
        return [f"{row.get('clip', row['id'])}.wav"]

    def faults(self, row: Row) -> list[str]:
        """Cover divides by the number of gold objects: the script would stop."""
        if not all(isinstance(one, str) for one in row["label"]):
            return [f"a gold object that is no text in {row['label']!r}"]
        return [] if row["label"] else ["no gold objects: Cover divides by zero"]

    def read_predictions(self, path: Path | str) -> Predictions:
        """The nested object or rows."""
        rows, notes = reply_rows(Path(path), self.key)
        return predictions_of(_flat(rows), Path(path), self.key, self.prediction, notes)

    def submission_row(self, item: Item, reply: str) -> Row:
        """The objects as a list: of a text, the script would make the set of its letters."""
        return {**row_of(item), self.prediction[0]: listed_objects(reply)}

    def write_predictions(
        self, path: Path | str, items: Sequence[Item], texts: Mapping[str, str]
    ) -> None:
        """The nested object that the script reads; suffixes other than .json as rows."""
        if Path(path).suffix.lower() not in self.suffixes:
            return super().write_predictions(path, items, texts)
        clips: dict[str, dict[str, Row]] = {}
        for item in items:
            if key_of(item) in texts:
                row = self.submission_row(item, texts[key_of(item)])
                own = {name: row[name] for name in row if name not in ("id", "clip", "prompt")}
                clip = str(row.get("clip", row["id"]))
                clips.setdefault(clip, {})[str(row["prompt"])] = own
        write_value(Path(path), clips)
        return None

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """The overlap of predicted and gold objects."""
        predicted, gold = objects(predictions.get(key_of(item))), set(row_of(item)["label"])
        if not predicted:
            return ItemScore(0.0, "empty")
        return ItemScore(len(predicted & gold) / len(predicted | gold), "parsed", "objects")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """CHAIR as a share; the script's rounded percentages under ``parts``."""
        chair: list[float] = []
        cover: list[float] = []
        hal: list[float] = []
        scores: dict[str, float | None] = {}
        known = {key_of(item): item for item in items}
        for key in predictions.rows:
            if why := _stops(key, predictions, row_of(known[key])["label"]):
                return Official("CHAIR", None, 0, {}, stops=why)
            predicted, gold = objects(predictions.texts[key]), set(row_of(known[key])["label"])
            own = 1 - len(predicted & gold) / len(predicted) if predicted else -1.0
            chair.append(own)
            cover.append(len(predicted & gold) / len(gold))
            hal.append(-1.0 if own == -1 else float(own != 0))
            scores[key] = own
        if not chair:
            return Official("CHAIR", None, 0, {}, stops="no rows: division by zero")
        empty = chair.count(-1.0)
        parts: dict[str, Any] = {
            "CHAIR": _percent(chair),
            "Cover": _percent(cover),
            "Hal": _percent(hal),
            "without_silent": {
                "CHAIR": _percent([one for one in chair if one != -1]),
                "Hal": _percent([one for one in hal if one != -1]),
            },
        }
        faults = [f"{empty} of {len(chair)} are empty and entered as -1"] if empty else []
        texts = sum(isinstance(predictions.texts[key], str) for key in predictions.rows)
        if texts:
            faults.append(f"{texts} predictions are texts and were split at commas; the script "
                          "takes lists (of a text, its letters)")  # fmt: skip
        return Official("CHAIR", share(chair), len(chair), scores, tuple(faults), parts)


def _stops(key: str, predictions: Predictions, label: Sequence[Any]) -> str:
    """Why the script ends with an error at this row; empty if it does not."""
    if key not in predictions.texts:
        return f"{key} has no prediction"
    if not isinstance(predictions.texts[key], list | str | dict):
        return f"the prediction of {key} is {predictions.texts[key]!r}, no list"
    return "" if label else f"{key} has no gold objects: Cover divides by zero"


def objects(value: Any) -> set[str]:
    """A list as it is; a text split at commas."""
    return set(listed_objects(value))


def listed_objects(value: Any) -> list[str]:
    """The objects in their order, each once."""
    given = value if isinstance(value, list) else str(value or "").split(",")
    texts = (str(one) if isinstance(value, list) else one.strip() for one in given)
    return list(dict.fromkeys(one for one in texts if one or isinstance(value, list)))


def _flat(rows: Sequence[Row]) -> list[Row]:
    """Nested rows ``{id, prompt: {label, prediction}}`` as flat ones; flat ones as they are."""
    flat: list[Row] = []
    for row in rows:
        nested = {name: own for name, own in row.items() if isinstance(own, dict)}
        if not nested:
            flat.append(row)
        for prompt, own in nested.items():
            clip = row.get("id")
            flat.append({**own, "id": f"{clip}|{prompt}", "clip": clip, "prompt": prompt})
    return flat


def _percent(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values) * 100, 2) if values else None
