"""AudioMCQ's JSON (arXiv 2509.21060): four options, dual reasoning, the audio's contribution.

Fields of the published files: ``source_dataset``, ``id``, ``question_type``, ``audio_path``,
``question``, ``answer`` (the text of the right option), ``choices`` (a list), texts of reasoning
under keys that contain ``cot``, and ``audio-contribution`` (``weak`` or ``strong``) where it was
measured; ``gemini_cot`` in the subset of strong items. The label becomes the item's contribution by
the rule of the paper, so the recipes of AudioMCQ can be run on the file as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harken.shards.formats.base import (
    BadRow,
    DatasetFormat,
    Found,
    Message,
    Row,
    Sample,
    sounds_of,
    text_of,
)
from harken.shards.formats.rows import each_row

_LABELS = ("audio-contribution", "audio_contribution")
_AUDIO = ("audio_path", "audio_paths")


def matches(path: Path, rows: Sequence[Row]) -> bool:
    """Rows with question, answer, a list of choices, and the path of the audio."""
    return bool(rows) and all(
        isinstance(row.get("question"), str)
        and "answer" in row
        and isinstance(row.get("choices"), list)
        and any(name in row for name in _AUDIO)
        for row in rows
    )


def samples(path: Path) -> Iterator[Found]:
    """See `DatasetFormat.samples`."""
    return each_row(path, sample)


def sample(row: Row) -> Sample:
    """One row; raises BadRow."""
    choices = row["choices"]
    if not all(isinstance(one, str) for one in choices):
        raise BadRow(f"choices are {choices!r}, not texts"[:200])
    label = text_of(row, *_LABELS).strip().lower()
    if label not in ("", "weak", "strong"):
        raise BadRow(f"the audio's contribution is {label!r} (accepted: weak, strong)")
    sounds = sounds_of(next((row[name] for name in _AUDIO if row.get(name)), None))
    if not sounds:
        raise BadRow("it names no audio")
    if not isinstance(row["answer"], str) or not row["question"].strip():
        raise BadRow("question and answer must be texts that are not empty")
    return Sample(
        (Message("user", (*sounds, row["question"])), Message("assistant", (row["answer"],))),
        choices=tuple(choices),
        key=str(row.get("id") or ""),
        task=text_of(row, "question_type"),
        tags=tuple(filter(None, [text_of(row, "source_dataset")])),
        split=text_of(row, "split"),
        rationales=tuple(
            value
            for name, value in row.items()
            if "cot" in name.lower() and isinstance(value, str) and value
        ),
        label=label,
    )


FORMAT = DatasetFormat(
    "audiomcq", "AudioMCQ's JSON: options, reasoning, the audio's contribution", matches, samples
)
