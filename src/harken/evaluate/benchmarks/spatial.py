"""SpatialSoundQA: what sounds, from where, how far, and which of two sources is where.

Zheng et al., "BAT: Learning to Reason about Spatial Sounds with Large Language Models", ICML 2024,
arXiv 2402.01591; hub zhisheng01/SpatialAudio.
``harken score --benchmark spatial --data eval.json --predictions FILE [--embed NAME]``.

Release: JSON ``{"data": [...]}`` or rows with ``audio_id``, ``reverb_id``, ``audio_id2``,
``reverb_id2``, ``question_id``, ``question_type``, ``question``, ``answer``. Types: A detection
(CLASSIFICATION), B direction and distance (DOA), both of one source; C, D the same of two
(MIXUP_SINGLE_…); E reasoning, yes/no (MIXUP_DIRECTION, MIXUP_DISTANCE_BOTH) or free
(MIXUP_NONBINARY_…). Keys are ``question_type-question_id``. Predictions: rows by ``id`` (that key)
with ``prediction``. The clips named are dry: they are not convolved with the room responses here,
so a model needs rendered audio, as ``<key>.wav``.

Official rule: only the script for detection is published: mAP over all 355 classes of the release,
the score of a class being the cosine of its name's embedding with the reply's. A class without a
clip in the data has a precision of 0 in the script (scikit-learn's value where nothing is
positive), so a part of the release gives a low mAP; ``mAP_of_gold_classes`` is the mean over the
classes that occur. The script embeds with text-embedding-ada-002. The rest is after the paper:
direction is right if all named axes (left/right, front/behind, above/below) are; a distance is
wrong beyond 0.5 m (DER); yes/no by the first of the words. The headline is the mean of the yes/no
accuracies by direction and distance; missing and unreadable replies are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from harken.ask.score import score_text
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Embedder, Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, row_of, share
from harken.item import Item

TYPES: Mapping[str, str] = {
    "CLASSIFICATION": "A",
    "DOA": "B",
    "MIXUP_SINGLE_CLASSIFICATION": "C",
    "MIXUP_SINGLE_DOA": "D",
    "MIXUP_DIRECTION": "E",
    "MIXUP_DISTANCE_BOTH": "E",
    "MIXUP_NONBINARY_DISTANCE": "E",
    "MIXUP_NONBINARY_SOURCE": "E",
    "MIXUP_NONBINARY_DIRECTION": "E",
}
AXES = (("left", "right"), ("front", "behind"), ("above", "below"))
_SAME = {"back": "behind", "rear": "behind", "ahead": "front", "up": "above", "down": "below"}
TOLERANCE_M = 0.5
CLASSES = 355
"""Sound classes of the release (a subset of AudioSet's)."""


class SpatialSoundQa(Benchmark):
    """See the module's docstring."""

    name = "spatial"
    title = "SpatialSoundQA"
    paper = "arXiv 2402.01591"
    rule = "mAP, direction accuracy, distance error rate, yes/no accuracy by question type"
    traps = (
        "mAP depends on the embedding; without one it is not computed",
        "mAP is over 355 classes: those without a clip in the data count as 0",
    )
    hub = "zhisheng01/SpatialAudio"
    files = ("eval*.json", "**/eval*.json", "*.json", "*.jsonl")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "audio_id": (str,),
        "question_type": (str,),
        "question": (str,),
        "answer": (str,),
    }
    task = "question_type"
    by = ("kind", "question_type")
    fewest = 0
    share = False

    def keyed(self, row: Row, number: int) -> Row:
        """``question_type-question_id``."""
        if row.get("id") is not None:
            return row
        return {**row, "id": f"{row.get('question_type')}-{row.get('question_id', number)}"}

    def options(self, row: Row) -> list[str]:
        """Yes and no for the two binary types."""
        return ["Yes", "No"] if _binary(row) else []

    def answer(self, row: Row) -> str | None:
        """Yes and no in one spelling."""
        return row["answer"].strip().capitalize() if _binary(row) else str(row["answer"])

    def audio(self, row: Row) -> list[str]:
        """The rendered scene."""
        return [f"{row['id']}.wav"]

    def value(self, row: Row, field: str) -> str:
        """``kind``: A to E."""
        kind = TYPES.get(str(row.get("question_type")), "")
        return kind if field == "kind" else super().value(row, field)

    def faults(self, row: Row) -> list[str]:
        """Known types; golds that can be read."""
        kind = TYPES.get(row["question_type"])
        if kind is None:
            return [f"unknown question_type {row['question_type']!r}"]
        if kind in "BD" and not direction(row["answer"]) and distance_m(row["answer"]) is None:
            return [f"neither a direction nor a distance in the gold {row['answer']!r}"]
        return []

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """Detection: overlap of labels; location: share of right parts; the rest by default."""
        row, text = row_of(item), predictions.text(key_of(item))
        kind = TYPES[row["question_type"]]
        if kind in "AC":
            predicted, gold = labels(text), labels(row["answer"])
            return ItemScore(
                len(predicted & gold) / max(1, len(predicted | gold)), "parsed", "labels"
            )
        if kind in "BD":
            parts = [part for part in place(row["answer"], text) if part is not None]
            read = direction(text) or distance_m(text) is not None
            state = "parsed" if read else "unparsable"
            return ItemScore(sum(parts) / max(1, len(parts)), state, "place")
        if not item.choices:
            found = score_text(item, text)
            return ItemScore(found.value or 0.0, "parsed", found.rule)
        return super().strict_score(item, predictions)

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The figures of the paper's table by kind."""
        scores: dict[str, float | None] = {}
        parts: dict[str, Any] = {}
        faults: list[str] = []
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(row_of(item)["question_type"], []).append(item)
        for name, own in sorted(groups.items()):
            texts = [predictions.text(key_of(item)) for item in own]
            golds = [str(row_of(item)["answer"]) for item in own]
            if TYPES[name] in "AC":
                if helpers.embed is None:
                    faults.append(f"{name}: mAP not computed, needs --embed")
                else:
                    parts[name] = {**_map(helpers.embed, texts, golds), "n": len(own)}
                    faults += _absent(name, parts[name]["gold_classes"])
                continue
            if TYPES[name] in "BD":
                places = [place(gold, text) for gold, text in zip(golds, texts, strict=True)]
                right = share([a for a, _ in places if a is not None])
                near = share([b for _, b in places if b is not None])
                error = None if near is None else 1 - near
                parts[name] = {"direction": right, "distance_error_rate": error, "n": len(own)}
                values = [share([p for p in both if p is not None]) for both in places]
            else:
                values = [self.strict_score(item, predictions).value for item in own]
                parts[name] = {"accuracy": share([v or 0.0 for v in values]), "n": len(own)}
            scores |= {key_of(item): value for item, value in zip(own, values, strict=True)}
        binary = [parts[name]["accuracy"] for name in ("MIXUP_DIRECTION", "MIXUP_DISTANCE_BOTH")
                  if name in parts]  # fmt: skip
        n = sum(len(groups[name]) for name in parts)
        return Official("yes/no accuracy", share(binary), n, scores, tuple(faults), parts)


def _binary(row: Row) -> bool:
    return row["question_type"] in ("MIXUP_DIRECTION", "MIXUP_DISTANCE_BOTH")


def labels(text: str) -> set[str]:
    """Class names separated by semicolons."""
    return {piece.strip().casefold() for piece in text.split(";") if piece.strip()}


def direction(text: str) -> dict[int, str]:
    """Axis -> its word in the text; an axis with both words is left out."""
    found_words = [_SAME.get(word, word) for word in re.findall(r"[a-z]+", text.casefold())]
    found = {}
    for axis, words in enumerate(AXES):
        own = {word for word in words if word in found_words}
        if len(own) == 1:
            (found[axis],) = own
    return found


def distance_m(text: str) -> float | None:
    """The first length in metres."""
    hit = re.search(r"(\d+(?:\.\d+)?)\s*(?:m\b|met(?:er|re)s?\b)", text.casefold())
    return float(hit.group(1)) if hit else None


def place(gold: str, text: str) -> tuple[float | None, float | None]:
    """Whether direction and distance are right; None for what the gold does not give."""
    axes, metres = direction(gold), distance_m(gold)
    predicted, far = direction(text), distance_m(text)
    right = float(all(predicted.get(axis) == word for axis, word in axes.items())) if axes else None
    if metres is None:
        return right, None
    return right, float(far is not None and abs(far - metres) <= TOLERANCE_M + 1e-9)


def _map(embed: Embedder, texts: Sequence[str], golds: Sequence[str]) -> dict[str, Any]:
    """The mAP over the release's classes and over those that occur."""
    found = class_precisions(embed, texts, golds)
    return {
        "mAP": sum(found.values()) / max(CLASSES, len(found)),
        "mAP_of_gold_classes": share(list(found.values())),
        "gold_classes": len(found),
    }


def _absent(name: str, present: int) -> list[str]:
    if present > CLASSES:
        return [f"{name}: {present} classes, where the release has {CLASSES}: the script stops at "
                "a class it does not know"]  # fmt: skip
    if present < CLASSES:
        return [f"{name}: {CLASSES - present} of {CLASSES} classes have no clip in the data and "
                "count as 0 in mAP"]  # fmt: skip
    return []


def class_precisions(
    embed: Embedder, texts: Sequence[str], golds: Sequence[str]
) -> dict[str, float]:
    """The average precision of each class that a gold names."""
    wanted = [labels(gold) for gold in golds]
    classes = sorted(set().union(*wanted))
    replies = _unit(embed.encode([text.replace("\n", " ") for text in texts]))
    scores = replies @ _unit(embed.encode(classes)).T
    truth = np.array([[name in own for name in classes] for own in wanted])
    return {name: average_precision(truth[:, k], scores[:, k]) for k, name in enumerate(classes)}


def average_precision(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Sum of precision x gain of recall over falling thresholds; equal scores are one threshold."""
    order = np.argsort(-scores, kind="stable")
    hits, ranks = np.cumsum(truth[order]), np.arange(1, len(order) + 1)
    last = np.append(np.diff(scores[order]) != 0, True)
    precision, recall = hits[last] / ranks[last], hits[last] / max(1, int(truth.sum()))
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * precision))


def _unit(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    wide = np.asarray(vectors, dtype=np.float64)
    sizes = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(sizes > 0, sizes, 1.0)
