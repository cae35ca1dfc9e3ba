"""Audio Flamingo 3: a JSON array of ``sound`` and ``conversations`` (branch audio_flamingo_3).

One clip is ``<sound>``, several are a list and ``<sound-1>``, ``<sound-2>`` … in the texts (counted
from 1 in training data, arXiv 2507.08128). A question without audio has no ``sound``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from harken.item import Item
from harken.shards.exports.base import ExportFormat, ExportRow, Style
from harken.shards.exports.conversation import (
    ASSISTANT,
    SYSTEM,
    USER,
    conversation,
    unsaid,
    unwritten,
)
from harken.shards.exports.files import json_array

_ROLES = {USER: "human", ASSISTANT: "gpt"}
_TAGS = re.compile(r"<sound(?:-\d+)?>")


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    return json_array(rows, folder, lambda row: [entry(row)])


def entry(row: ExportRow) -> dict[str, Any]:
    """One element."""
    paths = [file.path for file in row.audio]
    sound = {"sound": paths[0] if len(paths) == 1 else paths} if paths else {}
    several = len(paths) > 1
    turns = [
        {
            "from": _ROLES[said.role],
            "value": said.text(lambda n: f"<sound-{n + 1}>" if several else "<sound>"),
        }
        for said in conversation(row)
        if said.role != SYSTEM
    ]
    seconds = round(sum(file.duration_s for file in row.audio), 3)
    return {"id": row.item.id, **sound, "duration": seconds, "conversations": turns}


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """The system message, and what is beside the conversation."""
    system = ("the system message",) if item.dialogue and item.dialogue.system else ()
    return (*unwritten(item, style), *system)


FORMAT = ExportFormat(
    "audio-flamingo-3",
    "Audio Flamingo 3: sound and conversations",
    write,
    partial(unsaid, tags=_TAGS),
    loses,
    "data_path of a dataset in its registry, with this folder as the root of the audio",
)
