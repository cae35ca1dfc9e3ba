"""Captioning: AudioCaps and Clotho, one caption per clip against several references.

Kim et al., "AudioCaps", NAACL 2019; Drossos et al., "Clotho", ICASSP 2020, arXiv 1910.09387.
``harken score --benchmark captioning --data FILE --predictions FILE``.

Release: Clotho's ``clotho_captions_evaluation.csv`` (``file_name``, ``caption_1`` to ``caption_5``;
1045 clips) or AudioCaps' ``test.csv`` (``audiocap_id``, ``youtube_id``, ``start_time``,
``caption``; one row per caption, grouped here by clip). Predictions: rows by ``file_name`` (or
``youtube_id``) with ``caption_predicted``, as in DCASE.

Rule: BLEU-1…4, ROUGE-L and CIDEr-D (the headline) over all clips (`caption_metrics`), on the tokens
of the COCO tools (`ptb`), with which the published numbers were computed; ``parts["plain"]`` has
the same on plain words. ``tokens`` names them in both. The tools compare equal sets of clips: a
missing caption stops them. Strict: the mean ROUGE-L of plain words with 0 for missing captions.
SPICE, METEOR, FENSE: not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from harken.evaluate.benchmarks import caption_metrics as metrics
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions, predictions_of, reply_rows
from harken.evaluate.benchmarks.ptb import ptb_words
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, row_of
from harken.evaluate.benchmarks.writing import write_rows
from harken.item import Item


class Captioning(Benchmark):
    """See the module's docstring."""

    name = "captioning"
    title = "AudioCaps / Clotho captioning"
    paper = "arXiv 1910.09387; NAACL 2019"
    rule = "CIDEr-D, BLEU and ROUGE-L over all clips; a missing caption stops the tools"
    traps = ("SPICE, METEOR and FENSE need Java or weights and are not computed",)
    files = ("clotho_captions_evaluation.csv", "*evaluation*.csv", "test.csv", "*.csv", "*.jsonl")
    prediction = ("caption_predicted", "caption")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"references": (list,)}
    sizes: ClassVar[Mapping[int, str]] = {
        1045: "Clotho evaluation",
        975: "AudioCaps test", 957: "AudioCaps test, retrieval subset",
    }  # fmt: skip
    suffixes = (".csv",)
    fewest = 0
    share = False
    unit = "points"

    def rows(self, source: Path | str) -> list[Row]:
        """One row per clip with all its ``references``."""
        clips: dict[str, Row] = {}
        for number, row in enumerate(super().rows(source)):
            key = clip_key(row, number)
            own = clips.setdefault(key, {**row, "id": key, "references": []})
            own["references"] += references(row)
        return list(clips.values())

    def question(self, row: Row) -> str:
        """The same for all."""
        return "Describe the audio in one sentence."

    def answer(self, row: Row) -> str | None:
        """The first reference."""
        return str(row["references"][0]) if row["references"] else ""

    def audio(self, row: Row) -> list[str]:
        """The clip."""
        name = str(row["id"])
        return [name if "." in name else f"{name}.wav"]

    def faults(self, row: Row) -> list[str]:
        """A clip needs a reference with words."""
        with_words = [one for one in row["references"] if metrics.words(one)]
        return (
            [] if len(with_words) == len(row["references"]) > 0 else ["a reference without words"]
        )

    def read_predictions(self, path: Path | str) -> Predictions:
        """Rows by clip."""
        rows, notes = reply_rows(Path(path), self.key)
        own = [{**row, "id": clip_key(row, number)} for number, row in enumerate(rows)]
        return predictions_of(own, Path(path), self.key, self.prediction, notes)

    def write_predictions(
        self, path: Path | str, items: Sequence[Item], texts: Mapping[str, str]
    ) -> None:
        """A table as in DCASE: the clip and its caption; other suffixes with the references."""
        if Path(path).suffix.lower() not in (".csv", ".tsv"):
            return super().write_predictions(path, items, texts)
        names = ("file_name", "youtube_id")
        rows = []
        for item in items:
            if key_of(item) in texts:
                name = next((one for one in names if one in row_of(item)), "id")
                rows.append({name: key_of(item), self.prediction[0]: texts[key_of(item)]})
        write_rows(Path(path), rows)
        return None

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """ROUGE-L of the caption."""
        predicted = metrics.words(predictions.text(key_of(item)))
        refs = [metrics.words(one) for one in row_of(item)["references"]]
        return ItemScore(metrics.rouge_l(predicted, refs), "parsed", "rouge-l")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """All metrics; CIDEr-D is the headline."""
        missing = [key_of(item) for item in items if key_of(item) not in predictions.texts]
        if missing:
            why = f"{len(missing)} of {len(items)} clips have no caption, the first {missing[0]}"
            return Official("CIDEr-D", None, 0, {}, stops=why)
        said = [predictions.text(key_of(item)) for item in items]
        golds = [row_of(item)["references"] for item in items]
        own, cider = _figures(said, golds, ptb_words)
        plain, _ = _figures(said, golds, metrics.words)
        parts = {"tokens": PTB, **own, "plain": {"tokens": PLAIN, **plain}}
        scores: dict[str, float | None] = dict(zip(map(key_of, items), cider, strict=True))
        return Official("CIDEr-D", own["CIDEr-D"], len(items), scores, parts=parts)


PTB = "PTB, as the COCO tools (harken's reading of Stanford's tokeniser)"
PLAIN = "plain: lower case, without punctuation"


def _figures(
    said: Sequence[str], golds: Sequence[Sequence[str]], words: Callable[[str], list[str]]
) -> tuple[dict[str, float], list[float]]:
    """All metrics over captions cut into `words`, and the CIDEr-D of each."""
    predicted = [words(text) for text in said]
    refs = [[words(one) for one in own] for own in golds]
    cider = metrics.cider_d(predicted, refs)
    rouge = [metrics.rouge_l(own, one) for own, one in zip(predicted, refs, strict=True)]
    found = {f"BLEU-{n}": value for n, value in enumerate(metrics.bleu(predicted, refs), 1)}
    mean = sum(cider) / len(cider)
    return {**found, "ROUGE-L": sum(rouge) / len(rouge), "CIDEr-D": mean}, cider


def clip_key(row: Row, number: int) -> str:
    """``id``, ``file_name`` or ``youtube_id``."""
    names = ("id", "file_name", "youtube_id")
    return str(next((row[name] for name in names if row.get(name) is not None), number))


def references(row: Row) -> list[str]:
    """``references``, ``caption``, or ``caption_1`` …; in order."""
    if isinstance(row.get("references"), list):
        return [str(one) for one in row["references"]]
    names = sorted(name for name in row if name == "caption" or name.startswith("caption_"))
    return [str(row[name]) for name in names
            if name != "caption_predicted" and str(row[name] or "").strip()]  # fmt: skip
