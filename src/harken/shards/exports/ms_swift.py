"""ms-swift: JSON lines with ``messages`` and ``audios``; pairs with ``rejected_response``.

As its docs describe a custom dataset (ms-swift 3 and 4); `harken.shards.formats.ms_swift` has the
same form for reading. ``<audio>`` is the place of the next of ``audios``. Pairs have files of their
own: ms-swift 4.6 drops the other rows of a file in which some have ``rejected_response``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from harken.item import Item
from harken.shards.exports.base import ExportFormat, ExportRow, Style
from harken.shards.exports.conversation import MEDIA, answered, conversation, unsaid, unwritten
from harken.shards.exports.files import json_lines
from harken.shards.formats.base import TAG


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    return json_lines(rows, folder, lambda row: [line(row)], name="{part}.jsonl")


def line(row: ExportRow) -> dict[str, Any]:
    """One line."""
    item = row.item
    return {
        "id": item.id,
        "messages": [
            {"role": said.role, "content": said.text(lambda _: TAG)} for said in conversation(row)
        ],
        "audios": [file.path for file in row.audio],
        **(
            {"rejected_response": answered(item, item.rejected, row.style)} if item.rejected else {}
        ),
        "task": item.task,
    }


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """What is beside the conversation, the pair and the task."""
    return unwritten(item, style, "rejected", "task")


FORMAT = ExportFormat(
    "ms-swift",
    "ms-swift: messages and audios, rejected_response of pairs",
    write,
    partial(unsaid, tags=MEDIA),
    loses,
    "swift sft --dataset train.jsonl, started in this folder (or --absolute)",
)
