"""CompA: is the order of sounds, and which source does what, understood?

Ghosh et al., "CompA: Addressing the Gap in Compositional Reasoning in Audio-Language Models", ICLR
2024, arXiv 2310.08753. CompA-order and CompA-attribute have one layout.
``harken score --benchmark compa --data CompA_order_benchmark.csv --predictions FILE``.

Release: a CSV with ``pair_caption``, ``reversed_pair_caption``, ``pair_file``,
``reversed_pair_file`` (triplet columns are not used by the script). Each pair gives four questions:
``<n>-text0`` and ``-text1`` (one clip, two captions), ``<n>-audio0`` and ``-audio1`` (one caption,
two clips), n from 0. Predictions: rows by these ids with ``prediction``; or, from models that give
similarities, one row per pair with ``sim_0_0 sim_0_1 sim_1_0 sim_1_1`` (text, then audio).

Official rule: text score f: both captions chosen correctly; audio score g: both clips; group score
h: all four (strictly greater similarities; a tie is wrong). Chance 25, 25 and 16.67 %. A model that
is asked the four questions one by one, not by similarities, has chance 6.25 % at h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions, reply_rows
from harken.evaluate.benchmarks.rows import Row, faulty
from harken.evaluate.benchmarks.types import Official, key_of, row_of
from harken.item import Item

CLIPS = ("Clip 1", "Clip 2")
SIMS = ("sim_0_0", "sim_0_1", "sim_1_0", "sim_1_1")
QUESTIONS = {"text0", "text1", "audio0", "audio1"}
_COLUMNS = ("pair_caption", "reversed_pair_caption", "pair_file", "reversed_pair_file")


class Compa(Benchmark):
    """See the module's docstring."""

    name = "compa"
    title = "CompA order / attribute"
    paper = "arXiv 2310.08753"
    rule = "group score: both captions and both clips of a pair chosen correctly"
    traps = ("ties of similarities are wrong",)
    files = ("*order*.csv", "*attribute*.csv", "*.csv")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = dict.fromkeys(_COLUMNS, (str,))
    task = "kind"
    by = ("kind",)

    def rows(self, source: Path | str) -> list[Row]:
        """Four rows per pair."""
        return [
            {**row, "id": f"{pair}-{kind}{side}", "kind": kind, "side": side, "pair": str(pair)}
            for pair, row in enumerate(super().rows(source))
            for kind in ("text", "audio")
            for side in (0, 1)
        ]

    def question(self, row: Row) -> str:
        """Which caption, or which clip."""
        if row["kind"] == "text":
            return "Which caption describes the audio?"
        return f"Which clip fits this caption: {row[_COLUMNS[row['side']]]}"

    def options(self, row: Row) -> list[str]:
        """The two captions, or the two clips."""
        return [row[_COLUMNS[0]], row[_COLUMNS[1]]] if row["kind"] == "text" else list(CLIPS)

    def answer(self, row: Row) -> str | None:
        """The option of the row's side."""
        return str(self.options(row)[row["side"]])

    def audio(self, row: Row) -> list[str]:
        """One clip for captions, both for clips."""
        both = [row["pair_file"], row["reversed_pair_file"]]
        return both if row["kind"] == "audio" else [both[row["side"]]]

    def read_predictions(self, path: Path | str) -> Predictions:
        """Replies by question; or similarities by pair, turned into the choices they make."""
        rows, _ = reply_rows(Path(path), self.key)
        if not rows or not any(name in row for row in rows for name in SIMS):
            return super().read_predictions(path)
        texts: dict[str, str] = {}
        wrong: list[str] = []
        for number, row in enumerate(rows):
            try:
                sims = [float(row[name]) for name in SIMS]
            except (KeyError, TypeError, ValueError):
                wrong.append(f"row {number + 1} lacks a number in one of {', '.join(SIMS)}")
                continue
            texts |= _chosen(str(row.get("pair", number)), sims)
        if wrong:
            raise faulty(wrong, path)
        return Predictions(texts, tuple(texts), "similarities")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Group score; text and audio scores under ``parts``. An unanswered question is wrong."""
        scores: dict[str, float | None] = {}
        pairs: dict[str, dict[str, bool]] = {}
        for item in items:
            text = predictions.text(key_of(item))
            right = self.understand(item, text).choice == item.gold
            scores[key_of(item)] = float(right)
            row = row_of(item)
            pairs.setdefault(row["pair"], {})[f"{row['kind']}{row['side']}"] = right
        whole = [own for own in pairs.values() if own.keys() >= QUESTIONS]
        faults = (f"{len(pairs) - len(whole)} pairs lack one of their four questions and do not "
                  "count",) if len(whole) < len(pairs) else ()  # fmt: skip
        if not whole:
            return Official("group score", None, 0, scores, faults, stops="no pair is whole")
        text_right = [own["text0"] and own["text1"] for own in whole]
        audio_right = [own["audio0"] and own["audio1"] for own in whole]
        both = [t and a for t, a in zip(text_right, audio_right, strict=True)]
        n = len(whole)
        parts = {"text": sum(text_right) / n, "audio": sum(audio_right) / n, "group": sum(both) / n}
        return Official("group score", parts["group"], n, scores, faults, parts)


def _chosen(pair: str, sims: Sequence[float]) -> dict[str, str]:
    """The letters that similarities choose; nothing on a tie."""
    s00, s01, s10, s11 = sims  # text, audio
    gaps = {"text0": s00 - s10, "text1": s01 - s11, "audio0": s00 - s01, "audio1": s10 - s11}
    return {f"{pair}-{name}": "A" if gap > 0 else "B" for name, gap in gaps.items() if gap}
