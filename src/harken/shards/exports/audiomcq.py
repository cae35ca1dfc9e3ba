"""AudioMCQ's rows (arXiv 2509.21060), which recipes of DCASE 2026 and NeMo-RL read.

One clip, a question with options, the right option as text, reasoning, and ``audio-contribution``
where it was measured. Everything else does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harken.item import Item
from harken.shards.exports.base import ExportFormat, ExportRow, Style, lost
from harken.shards.exports.files import json_lines

_REASONING = ("structured_cot", "unstructured_cot")
_LABELS = ("weak", "strong")


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    return json_lines(rows, folder, lambda row: [line(row)])


def line(row: ExportRow) -> dict[str, Any]:
    """One line."""
    item = row.item
    label = item.contribution.label if item.contribution else ""
    return {
        "source_dataset": item.tags[0] if item.tags else "",
        "id": item.id,
        "question_type": item.task,
        "audio_path": row.audio[0].path,
        "question": item.question,
        "choices": list(item.choices),
        "answer": item.answer,
        **dict(zip(_REASONING, item.rationales, strict=False)),
        **({"audio-contribution": label} if label in _LABELS else {}),
    }


def unfit(item: Item, style: Style) -> str:
    """Open questions, conversations, and questions about another number of clips than one."""
    if not item.choices:
        return "it has no options"
    if len(item.clips) != 1:
        return "it is not about one clip"
    return "it is part of a conversation" if item.dialogue else ""


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """What has no field: a third rationale, a second tag, how the label was measured."""
    written = ["task", "tags", "rationales"]
    found = []
    if len(item.rationales) > len(_REASONING):
        found.append("further reasoning")
    if len(item.tags) > 1:
        found.append("further tags")
    if item.contribution and item.contribution.label in _LABELS:
        written.append("contribution")
        found.append("how the audio's contribution was measured")
    return (*lost(item, *written), *found)


FORMAT = ExportFormat(
    "audiomcq",
    "AudioMCQ: one clip, options, reasoning, the audio's contribution",
    write,
    unfit,
    loses,
    "its JSON lines; audio_path is relative to this folder",
    replies=("text",),
    reasons=False,
)
