"""Spatial-Omni's QA rows: a first-order ambisonic clip, a question, the sources it is about.

``qa/<split>.jsonl`` and ``so_vocab.csv`` as its README describes them (dieKarotte/Spatial-Omni):
``audio_path``, ``question``, ``answer`` and ``source_refs``, four channels at 16 kHz, 20 s at most.
Sources are named by ``class_name``. ``class_id`` is the row of ``so_vocab.csv``, which is written
here in the order of the names: an encoder that was trained with another order needs its own file
(a wrong order is not noticed by its trainer, and every class is then another).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harken.facts import SourceFacts
from harken.files import write_whole
from harken.item import Item
from harken.parsing import parse_json, text_lines
from harken.shards.exports.base import DATA, ExportFormat, ExportRow, Style, facts_lost
from harken.shards.exports.conversation import asked, replied, unsaid, unwritten
from harken.shards.exports.files import dumped, json_lines

LONGEST_S = 20.0
_SPLITS = {"dev": "valid", DATA: "train"}
_TOLD = (
    *("label", "onset_s", "offset_s", "azimuth_deg", "elevation_deg", "distance_m"),
    *("snr_db", "gain_db"),
)
"""The facts of a source that ``source_refs`` has."""


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`. Class numbers are known at the end: the rows are numbered then."""
    labels: set[str] = set()

    def line(row: ExportRow) -> list[dict[str, Any]]:
        labels.update(source.label for source in _sources(row.item) if source.label)
        return [entry(row)]

    counts = json_lines(rows, folder, line, name=_file_name)
    numbers = {label: number for number, label in enumerate(sorted(labels))}
    for name in counts:
        _number(folder / name, numbers)
    table = "".join(f"{number},{_cell(label)}\n" for label, number in numbers.items())
    write_whole(folder / "so_vocab.csv", f"label_id,label\n{table}")
    return counts


def _file_name(row: ExportRow) -> str:
    return f"qa/{_SPLITS.get(row.split, row.split)}.jsonl"


def entry(row: ExportRow) -> dict[str, Any]:
    """One line, without the numbers of the classes."""
    item, (file,) = row.item, row.audio
    refs = [
        {
            "class_name": source.label or "",
            "onset": source.onset_s,
            "offset": source.offset_s,
            "azimuth_deg": source.azimuth_deg,
            "elevation_deg": source.elevation_deg,
            "distance_m": source.distance_m,
            "snr_db": source.snr_db,
            "gain_db": source.gain_db,
        }
        for source in _sources(item)
    ]
    split = _SPLITS.get(row.split, row.split)
    return {
        "qa_id": item.id,
        "split": split,
        "audio_id": file.key,
        "audio_path": file.path,
        "dataset": "harken",
        "task_type": item.task,
        "task_name": item.task,
        "question": asked(item),
        "answer": replied(item, row.style),
        "canonical_answer": item.answer,
        "source_refs": refs,
    }


def _sources(item: Item) -> tuple[SourceFacts, ...]:
    return item.facts[0].front if item.facts else ()


def _number(path: Path, numbers: dict[str, int]) -> None:
    """Put the class numbers beside the class names."""
    lines = []
    for text in text_lines(path.read_text("utf-8")):
        row = parse_json(text)
        row["source_refs"] = [
            {"class_id": numbers.get(one["class_name"], -1), **one} for one in row["source_refs"]
        ]
        lines.append(f"{dumped(row)}\n")
    write_whole(path, "".join(lines))


def _cell(text: str) -> str:
    """A cell of a table: quoted where it has a comma, a quote or a line break."""
    if not any(sign in text for sign in ',"\n\r'):
        return text
    return '"' + text.replace('"', '""') + '"'


def unfit(item: Item, style: Style) -> str:
    """Everything that is no question about one ambisonic clip of 20 s at most."""
    if len(item.clips) != 1:
        return "it is not about one clip"
    facts = item.facts[0] if item.facts else None
    if facts is None or facts.layout != "foa":
        return "its clip is not known to be first-order ambisonic"
    if facts.duration_s is not None and facts.duration_s > LONGEST_S:
        return f"its clip is longer than {LONGEST_S:g} s"
    return "it is part of a conversation" if item.dialogue else unsaid(item, style)


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """Sources in the background, and what is beside question, answer, task and sources."""
    behind = any(facts.front != facts.sources for facts in item.facts)
    further = behind or facts_lost(item, _TOLD, ("layout",))
    found = unwritten(item, style, "task", "facts")
    return (*found, "further facts of the clips") if further else found


FORMAT = ExportFormat(
    "spatial-omni",
    "Spatial-Omni's QA rows: ambisonic clips, questions and their sources",
    write,
    unfit,
    loses,
    "train_so_qa.py --qa-root qa --audio-root . (SO_VOCAB=so_vocab.csv)",
    suffix="wav",
    rate_hz=16_000,
    replies=("text", "letter", "both"),
)
