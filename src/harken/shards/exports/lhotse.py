"""lhotse: cuts, one for each clip of an item, with what is heard in it as supervisions.

``<split>-cuts.jsonl.gz`` opens with ``CutSet.from_file``. A supervision is one source of the
clip's facts: its span, what is said, who says it, the label of a sound in ``custom``. Question,
options and answer are in ``custom`` of every cut of the item, with the number of the clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harken.facts import SourceFacts
from harken.item import Item
from harken.shards.exports.base import (
    AudioFile,
    ExportFormat,
    ExportRow,
    Style,
    facts_lost,
    lost,
)
from harken.shards.exports.files import json_lines

_TOLD = ("label", "onset_s", "offset_s", "transcript", "speaker")
"""The facts of a source that a supervision has."""


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    return json_lines(rows, folder, cuts, name="{split}-cuts.jsonl.gz")


def cuts(row: ExportRow) -> Iterable[dict[str, Any]]:
    """The cuts of an item."""
    item = row.item
    asked = {
        "item": item.id,
        "question": item.question,
        "choices": list(item.choices),
        "answer": item.answer,
        "task": item.task,
    }
    for number, file in enumerate(row.audio):
        channels = list(range(file.channels))
        name = f"{item.id}-{number}"
        sources = item.facts[number].sources if item.facts else ()
        yield {
            "id": name,
            "start": 0,
            "duration": file.duration_s,
            "channel": channels if file.channels > 1 else 0,
            "supervisions": [
                _supervision(f"{name}-{i}", source, file) for i, source in enumerate(sources)
            ],
            "recording": {
                "id": file.key,
                "sources": [{"type": "file", "channels": channels, "source": file.path}],
                "sampling_rate": file.rate_hz,
                "num_samples": file.frames,
                "duration": file.duration_s,
                "channel_ids": channels,
            },
            "custom": {**asked, "clip": number},
            "type": "MultiCut" if file.channels > 1 else "MonoCut",
        }


def _supervision(name: str, source: SourceFacts, file: AudioFile) -> dict[str, Any]:
    """What one source is, within the cut."""
    start = source.onset_s or 0.0
    end = file.duration_s if source.offset_s is None else min(source.offset_s, file.duration_s)
    custom = {"kind": source.kind, **({"label": source.label} if source.label else {})}
    return {
        "id": name,
        "recording_id": file.key,
        "start": start,
        "duration": max(end - start, 0.0),
        "channel": list(range(file.channels)) if file.channels > 1 else 0,
        **({"text": source.transcript} if source.transcript else {}),
        **({"speaker": source.speaker} if source.speaker else {}),
        "custom": custom,
    }


def unfit(item: Item, style: Style) -> str:
    """A question without audio has no cut."""
    return "" if item.clips else "it has no clip"


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """What is in no supervision, and beside question, options, answer and task."""
    further = ("further facts of the clips",) if facts_lost(item, _TOLD) else ()
    return (*lost(item, "task", "facts"), *further)


FORMAT = ExportFormat(
    "lhotse",
    "lhotse: cuts with sources as supervisions, the question in custom",
    write,
    unfit,
    loses,
    "lhotse.CutSet.from_file('train-cuts.jsonl.gz'), in this folder (or --absolute)",
    replies=("text",),
    reasons=False,
)
