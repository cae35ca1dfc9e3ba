"""Object hallucination, discriminative: is there a sound of X? Half of the objects are not there.

Kuan et al., "Understanding Sounds, Missing the Questions", Interspeech 2024, arXiv 2406.08402;
Kuan and Lee, "Can Large Audio-Language Models Truly Hear?", ICASSP 2025, arXiv 2410.16130
(existence, temporal order, attribute).
``harken score --benchmark hallucination --predictions FILE``.

Release: rows (CSV, JSON, Parquet) with ``entry_id``, ``audio_index``, ``prompt_text`` (2025:
``query``), ``label`` (2025: ``ground_truth``), ``object``, ``attribute`` (positive / negative),
``sampling`` (random, popular, adversarial). Predictions: a CSV with the columns
``entry_id,audio_index,label,response`` as the repository's inference script writes it.

Official rule: a reply is read by case-sensitive substrings, the first hit wins (`read_yes_no`).
Percent, two decimals, "No" is the target class. *Interspeech 2024*: all that is not a yes is a no
in the denominator of precision and in the yes-rate; F1 of the rounded figures. *ICASSP 2025*:
unread replies are excluded from precision and recall, not from accuracy; the instruction-following
rate; and over neighbouring (positive, negative) rows, both read: right-right, wrong-wrong,
right-wrong, wrong-right.

Traps reproduced: a bare lower-case "no" is unread; "does not appear to contain" is a yes; "yes"
inside a longer word is a yes; a figure whose denominator is zero stops the script before it prints
any: no reply but Yes, no gold No, no right No, and (2025) no pair of neighbours. Which script the
rows are of is told by their columns; where they do not tell, a number is withheld if both stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of, micro, row_of
from harken.evaluate.benchmarks.writing import write_rows
from harken.item import Item

_ORDER = (
    (("Yes", "yes"), "yes"),
    (("No",), "no"),
    (("there is no",), "no"),
    (("does not contain", "doesn't contain"), "no"),
    (("contain",), "yes"),
    (("not", "unable", "can't"), "no"),
)


FIRST, SECOND = "interspeech2024", "icassp2025"
"""The two scripts, by which the rows' own columns say whose they are."""

COLUMNS = ("entry_id", "audio_index", "label", "response")


class Hallucination(Benchmark):
    """See the module's docstring."""

    name = "hallucination"
    title = "Object hallucination, discriminative"
    paper = "arXiv 2406.08402, 2410.16130"
    rule = "yes/no by ordered substrings; accuracy; precision, recall and F1 of No under parts"
    traps = (
        "a bare lower-case no is unread",
        "does not appear to contain is read as yes",
        "2024: unread replies count as no in precision",
        "a zero denominator stops the script",
    )
    hub = "kuanhuggingface/Audio-Hallucination_Object-Existence_AudioCaps-ESC50-VocalSound"
    files = ("*.csv", "*.json", "*.jsonl", "**/*.parquet")
    key = "entry_id"
    prediction = ("response",)
    suffixes = (".csv",)
    keeps_absent = False
    scores_odd_rows = True
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"audio_index": (str,)}
    by = ("sampling", "attribute")

    def keyed(self, row: Row, number: int) -> Row:
        """The 2025 names are read as those of 2024; rows without a key are numbered."""
        renamed = {"query": "prompt_text", "ground_truth": "label", "audio": "audio_index"}
        found = {renamed.get(name, name): value for name, value in row.items()}
        if "query" in row or "ground_truth" in row:
            found["script"] = SECOND
        elif "sampling" in row:
            found["script"] = FIRST
        return found if found.get("entry_id") is not None else {**found, "entry_id": str(number)}

    def question(self, row: Row) -> str:
        """``prompt_text``; result files have none, and the object may be unknown."""
        return str(row.get("prompt_text") or f"Is there a sound of {row.get('object', 'it')}?")

    def options(self, row: Row) -> list[str]:
        """Yes and no."""
        return ["Yes", "No"]

    def answer(self, row: Row) -> str | None:
        """``label`` in any case."""
        return None if row.get("label") is None else str(row["label"]).strip().capitalize()

    def audio(self, row: Row) -> list[str]:
        """``audio_index``: the clip's name; the extension is the user's."""
        name = str(row["audio_index"])
        return [name if "." in name else f"{name}.wav"]

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Accuracy; both scripts' tables under ``parts``."""
        known = {key_of(item): item for item in items}
        answers = [(known[key].answer.lower(), read_yes_no(predictions.text(key)))
                for key in predictions.rows]  # fmt: skip
        scores: dict[str, float | None] = {
            key: float(gold == reply)
            for key, (gold, reply) in zip(predictions.rows, answers, strict=True)
        }
        value, n = micro(scores)
        unread = sum(reply == "" for _, reply in answers)
        faults = []
        if unread:
            faults.append(f"{unread} unread replies: 2024 counts them as no in precision, 2025 "
                          "leaves them out of precision and recall")  # fmt: skip
        if n < len(items):
            faults.append(f"{len(items) - n} absent rows do not count")
        parts = {FIRST: _table(_first, answers), SECOND: _table(_second, answers)}
        stops = _stops(parts, {row_of(item).get("script") for item in items})
        if stops:
            return Official("accuracy", None, n, scores, tuple(faults), parts, stops)
        faults += [f"{name}: the script stops, {part['stops']}"
                   for name, part in parts.items() if "stops" in part]  # fmt: skip
        return Official("accuracy", value, n, scores, tuple(faults), parts)

    def write_predictions(
        self, path: Path | str, items: Sequence[Item], texts: Mapping[str, str]
    ) -> None:
        """The four columns that the scripts read by their place; other suffixes as by default."""
        if Path(path).suffix.lower() not in (".csv", ".tsv"):
            return super().write_predictions(path, items, texts)
        rows = []
        for item in items:
            if key_of(item) in texts:
                row = self.submission_row(item, texts[key_of(item)])
                rows.append({name: row[name] for name in COLUMNS})
        write_rows(Path(path), rows)
        return None


def read_yes_no(reply: str) -> str:
    """``yes``, ``no``, or empty: the first substring of the scripts' list that occurs."""
    for pieces, meaning in _ORDER:
        if any(piece in reply for piece in pieces):
            return meaning
    return ""


Answers = Sequence[tuple[str, str]]


def _table(script: Any, answers: Answers) -> dict[str, Any]:
    try:
        return dict(script(answers))
    except ZeroDivisionError:
        return {"stops": f"it divides by zero ({_zero(answers)})"}


def _zero(answers: Answers) -> str:
    """What is missing where a figure of the scripts divides by zero."""
    if not answers:
        return "no rows"
    if all(gold == "yes" for gold, _ in answers):
        return "no item with the gold No"
    if all(reply == "yes" for _, reply in answers):
        return "no reply that is not Yes"
    if not any(gold == reply == "no" for gold, reply in answers):
        return "no right No"
    return "no pair of a positive and a negative row, or no reply No"


def _stops(parts: Mapping[str, dict[str, Any]], scripts: set[Any]) -> str:
    """Why the script of these rows stops; where they do not tell which it is, why both do."""
    mine = [name for name in parts if scripts == {name}] or list(parts)
    if not all("stops" in parts[name] for name in mine):
        return ""
    return "; ".join(f"{name}: {parts[name]['stops']}" for name in mine)


def _percent(share: float) -> float:
    return round(share * 100, 2)


def _first(answers: Answers) -> dict[str, float]:
    """Interspeech 2024: F1 is taken of the rounded percentages."""
    yes = sum(reply == "yes" for _, reply in answers)
    right_no = sum(gold == reply == "no" for gold, reply in answers)
    precision = _percent(right_no / (len(answers) - yes))
    recall = _percent(right_no / sum(gold != "yes" for gold, _ in answers))
    return {
        "accuracy": _percent(sum(gold == reply for gold, reply in answers) / len(answers)),
        "precision": precision,
        "recall": recall,
        "f1": round((2 * precision * recall) / (precision + recall), 2),
        "yes_rate": _percent(yes / len(answers)),
    }


def _kind(gold: str, reply: str) -> str:
    return {("yes", "yes"): "TP", ("no", "no"): "TN", ("no", "yes"): "FP", ("yes", "no"): "FN"}.get(
        (gold, reply), ""
    )


def _second(answers: Answers) -> dict[str, float]:
    """ICASSP 2025."""
    kinds = [_kind(gold, reply) for gold, reply in answers]
    count = {name: kinds.count(name) for name in ("TP", "TN", "FP", "FN")}
    precision = count["TN"] / (count["TN"] + count["FN"])
    recall = count["TN"] / (count["TN"] + count["FP"])
    pairs = [first + second for first, second in zip(kinds[::2], kinds[1::2], strict=False)
             if first in ("TP", "FN") and second in ("TN", "FP")]  # fmt: skip
    yes = sum(reply == "yes" for _, reply in answers)
    read = sum(reply != "" for _, reply in answers)
    return {
        "accuracy": _percent((count["TP"] + count["TN"]) / len(answers)),
        "precision": _percent(precision),
        "recall": _percent(recall),
        "f1": _percent(2 * (precision * recall) / (precision + recall)),
        "yes_rate": round(100 * (yes / len(answers)), 2),
        "instruction_following": round(100 * (read / len(answers)), 2),
        "right_right": round(100 * (pairs.count("TPTN") / len(pairs)), 2),
        "wrong_wrong": round(100 * (pairs.count("FNFP") / len(pairs)), 2),
        "right_wrong": round(100 * (pairs.count("TPFP") / len(pairs)), 2),
        "wrong_right": round(100 * (pairs.count("FNTN") / len(pairs)), 2),
    }
