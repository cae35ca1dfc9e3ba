"""MAE: multi-audio evaluation, 20 sets of 11 tasks; every item has exactly two clips.

Chen et al., "Beyond Single-Audio: Advancing Multi-Audio Processing in Audio Large Language Models",
EMNLP 2024 Findings, arXiv 2409.18680; hub hlt-lab/mae.
``harken score --benchmark mae --data FOLDER --predictions FILE [--judge MODEL]``.

Release: one folder (``<set>/test-*.parquet``) or one file (``<set>.jsonl``) a set, named as in
`SETS`. The column names are not published: a row may call the question ``question``,
``instruction`` or ``prompt``, the gold ``answer``, ``label``, ``output`` or ``response``, and the
clips ``audio``/``audios`` (a list), or ``audio1``/``audio2``; a row with other names is a fault
that lists them. The row's key is ``<set>-<number>`` where it has no ``id``. Predictions: rows with
``id`` and ``prediction``.

Official rule: no evaluator was published. Closed sets: accuracy, the reply being the first of the
set's two answer words (Yes / No, Speech1 / Speech2, Audio1 / Audio2) in it; open sets: the share
that a judge calls right. Per set; then the unweighted mean over sets, for speech and for sound.
Missing and unreadable replies are wrong; judgements that failed, or changed with the order in which
reference and answer were shown, are counted and left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harken.ask.judge import Judge
from harken.ask.parse import Parsed
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row, locate, read_rows
from harken.evaluate.benchmarks.types import Official, key_of, row_of, share
from harken.item import Item

POLAR, SPEECHES, AUDIOS = ("Yes", "No"), ("Speech1", "Speech2"), ("Audio1", "Audio2")

SETS: Mapping[str, tuple[str, str, tuple[str, ...], tuple[int, ...]]] = {
    "librispeech-comparison": ("speech", "Speech Comparison", (), (1000,)),
    "timit-comparison": ("speech", "Speech Comparison", (), (1000,)),
    "dailytalk-dialog": ("speech", "Dialogue Generation", (), (1000,)),
    "meld-dialog": ("speech", "Dialogue Generation", (), (304,)),
    "librispeech-hotword": ("speech", "Hotword Detection", SPEECHES, (500, 500)),
    "timit-hotword": ("speech", "Hotword Detection", SPEECHES, (500, 500)),
    "librispeech-identification": ("speech", "Speech Identification", POLAR, (500, 500)),
    "wsj-identification": ("speech", "Speech Identification", POLAR, (500, 500)),
    "audio-keyword-spotting-keyword": ("speech", "Keyword Comparison", POLAR, (513, 513)),
    "speech-commands-keyword": ("speech", "Keyword Comparison", POLAR, (500, 500)),
    "fluent-speech-commands-intent": ("speech", "Intent Identification", POLAR, (504, 507)),
    "esc50-story": ("sound", "Story Generation", (), (1000,)),
    "urbansound-story": ("sound", "Story Generation", (), (1000,)),
    "esc50-comparison": ("sound", "Sound Comparison", POLAR, (500, 500)),
    "urbansound-comparison": ("sound", "Sound Comparison", POLAR, (500, 500)),
    "audiocaps-retrieval": ("sound", "Caption Retrieval", AUDIOS, (528, 472)),
    "clotho-retrieval": ("sound", "Caption Retrieval", AUDIOS, (506, 494)),
    "esc50-retrieval": ("sound", "Event Retrieval", AUDIOS, (503, 497)),
    "urbansound-retrieval": ("sound", "Event Retrieval", AUDIOS, (503, 497)),
    "audioset-detection": ("sound", "Event Detection", AUDIOS, (500, 500)),
}
"""Set -> part, task, answer words (none: open), expected items (by answer class, either way)."""

_ASKED = ("question", "instruction", "prompt")
_GOLD = ("answer", "label", "output", "response")


class Mae(Benchmark):
    """See the module's docstring."""

    name = "mae"
    title = "MAE (multi-audio)"
    paper = "arXiv 2409.18680"
    rule = "closed sets: the first answer word in the reply; open sets: judge; mean over sets"
    traps = ("the card and the hub disagree on dailytalk-dialog (1000 against about 2540 rows)",)
    hub = "hlt-lab/mae"
    files = ("*/test-*.parquet", "*.jsonl", "*.json", "*/*.jsonl")
    task = "task"
    by = ("part", "task", "set")
    fewest = 0

    def rows(self, source: Path | str) -> list[Row]:
        """Rows of all sets found, each with its ``set`` and a key."""
        found: list[Row] = []
        for path in locate(source, self.files):
            rows = read_rows(path)
            name = path.parent.name if path.parent.name in SETS else path.stem
            start = sum(row["set"] == name for row in found)
            for number, row in enumerate(rows, start):
                own = str(row.get("set") or name)
                key = row["id"] if row.get("id") is not None else f"{own}-{number}"
                found.append({**row, "set": own, "id": str(key)})
        return found

    def question(self, row: Row) -> str:
        """Under any of its names."""
        return str(next((row[name] for name in _ASKED if row.get(name)), ""))

    def options(self, row: Row) -> list[str]:
        """The set's two answer words; none for open sets."""
        return list(SETS[row["set"]][2]) if row["set"] in SETS else []

    def answer(self, row: Row) -> str | None:
        """Under any of its names; closed golds are normalised to the set's spelling."""
        gold = next((str(row[name]) for name in _GOLD if row.get(name) is not None), "")
        spelling = {_plain(word): word for word in self.options(row)}
        return spelling.get(_plain(gold), gold)

    def audio(self, row: Row) -> list[str]:
        """Two clips, named by path (embedded clips by their path in the cell)."""
        many = row.get("audios", row.get("audio"))
        cells = many if isinstance(many, list) else [row.get("audio1"), row.get("audio2")]
        filled = max((n for n, cell in enumerate(cells, 1) if cell), default=0)
        # An empty cell before a filled one keeps its place, as a clip that is missing: without it
        # the clips after it would be numbered, and asked about, as others.
        return [
            _path(cell, f"{row['id']}-{n}") if cell else ""
            for n, cell in enumerate(cells[:filled], 1)
        ]

    def value(self, row: Row, field: str) -> str:
        """``part`` and ``task`` follow from the set."""
        known = SETS.get(row["set"], ("", "", (), ()))
        return {"part": known[0], "task": known[1]}.get(field, str(row.get(field, "")))

    def faults(self, row: Row) -> list[str]:
        """A known set, known columns, a gold, two clips."""
        if row["set"] not in SETS:
            return [f"unknown set {row['set']!r}"]
        found = []
        for what, names in (("question", _ASKED), ("gold", _GOLD)):
            if not any(name in row for name in names):
                found.append(f"no column for the {what}; found {sorted(row)}")
        if len(self.audio(row)) != 2:
            found.append(f"{len(self.audio(row))} clips, not 2")
        if not self.answer(row):
            found.append("an empty gold")
        return found

    def size_faults(self, rows: Sequence[Row]) -> tuple[list[str], list[str]]:
        """Counts by set and answer class; the card's class order is not relied on."""
        short: list[str] = []
        notes: list[str] = []
        for name, (_, _, words, expected) in SETS.items():
            own = [row for row in rows if row["set"] == name]
            golds = [self.answer(row) for row in own]
            found = tuple(golds.count(word) for word in words) if words else (len(own),)
            if not own:
                short.append(f"the set {name} is missing")
            elif sorted(found) != sorted(expected):
                line = f"{name}: {'/'.join(map(str, found))} items, the card has {expected}"
                (notes if name == "dailytalk-dialog" else short).append(line)
        return short, notes

    def judged(self, item: Item) -> bool:
        """Open sets."""
        return not item.choices

    def understand(self, item: Item, text: str) -> Parsed:
        """The first of the two answer words in the reply ("speech 1" is Speech1)."""
        place = first_word(text, item.choices)
        return Parsed(place, "first-word" if place is not None else "no-answer-word")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Per set; the means over speech and sound sets under ``parts``; value: over all sets."""
        scores: dict[str, float | None] = {}
        for item in items:
            if item.choices:
                place = first_word(predictions.text(key_of(item)), item.choices)
                scores[key_of(item)] = float(place == item.gold)
        failed = _judge_open([i for i in items if not i.choices], predictions, helpers, scores)
        sets: dict[str, list[float | None]] = {}
        for item in items:
            sets.setdefault(row_of(item)["set"], []).append(scores.get(key_of(item)))
        by_set = {name: share([one for one in own if one is not None])
                  for name, own in sets.items()}  # fmt: skip
        parts: dict[str, Any] = {"sets": by_set}
        for part in ("speech", "sound"):
            own = [v for name, v in by_set.items() if SETS[name][0] == part and v is not None]
            parts[part] = share(own)
        why = "needs --judge" if helpers.judge is None else "no answer of it was judged"
        faults = [
            f"open set {name}: not scored, {why}" for name, value in by_set.items() if value is None
        ]
        if failed:
            faults.append(f"{failed} judgements failed and were left out")
        known = [value for value in by_set.values() if value is not None]
        n = sum(one is not None for one in scores.values())
        return Official("mean over sets", share(known), n, scores, tuple(faults), parts)


def _judge_open(
    items: Sequence[Item],
    predictions: Predictions,
    helpers: Helpers,
    scores: dict[str, float | None],
) -> int:
    """Score open items by harken's judge; returns how many judgements failed."""
    if helpers.judge is None or not items:
        return 0
    texts = [predictions.text(key_of(item)) for item in items]
    answered = [i for i, text in enumerate(texts) if text.strip()]
    judge = Judge(helpers.judge, orders=helpers.orders, tally=helpers.tally)
    verdicts = judge.score([items[i] for i in answered], [texts[i] for i in answered])
    scores.update({key_of(item): 0.0 for item in items})
    for place, verdict in zip(answered, verdicts, strict=True):
        scores[key_of(items[place])] = verdict.value
    return sum(verdict.value is None for verdict in verdicts)


def first_word(text: str, words: Sequence[str]) -> int | None:
    """Which of `words` comes first in `text`; a number may be separated from its word."""
    spots = []
    for place, word in enumerate(words):
        stem = word.rstrip("12")
        pattern = rf"\b{stem}\s*[-#]?\s*{word[len(stem) :]}\b" if stem != word else rf"\b{word}\b"
        hit = re.search(pattern, text, re.IGNORECASE)
        if hit:
            spots.append((hit.start(), place))
    return min(spots)[1] if spots else None


def _plain(text: str) -> str:
    return re.sub(r"\W", "", text).casefold()


def _path(cell: Any, name: str) -> str:
    return str(cell.get("path") or f"{name}.wav") if isinstance(cell, dict) else str(cell)
