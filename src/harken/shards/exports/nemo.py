"""NeMo's ``multimodal_conversation``: JSON lines whose turns are texts or sounds.

As `NeMoMultimodalConversationJsonlAdapter` reads them (`harken.shards.formats.nemo`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harken.shards.exports.base import ExportFormat, ExportRow
from harken.shards.exports.conversation import (
    ASSISTANT,
    SYSTEM,
    USER,
    conversation,
    unsaid,
    unwritten,
)
from harken.shards.exports.files import json_lines

_ROLES = {USER: "User", ASSISTANT: "Assistant", SYSTEM: "System"}


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    return json_lines(rows, folder, lambda row: [line(row)])


def line(row: ExportRow) -> dict[str, Any]:
    """One line."""
    turns = []
    for said in conversation(row):
        for part in said.parts:
            turn = {"from": _ROLES[said.role]}
            if isinstance(part, int):
                file = row.audio[part]
                length = round(file.duration_s, 6)
                turns.append({**turn, "type": "audio", "value": file.path, "duration": length})
            elif part.strip():
                turns.append({**turn, "type": "text", "value": part.strip()})
    return {"id": row.item.id, "conversations": turns}


FORMAT = ExportFormat(
    "nemo",
    "NeMo's multimodal_conversation: turns of text and audio",
    write,
    unsaid,
    unwritten,
    "type: multimodal_conversation, manifest_filepath: train.jsonl",
)
