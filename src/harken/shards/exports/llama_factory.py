"""LLaMA-Factory: sharegpt files with ``audios``, and the ``dataset_info.json`` that names them.

A split with pairs for training on preferences has a file of its own for them, with ``chosen`` and
``rejected``, since LLaMA-Factory reads a set either as answers or as a ranking.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from harken.files import write_json
from harken.item import Item
from harken.shards.exports.base import PAIRS, ExportFormat, ExportRow, Style
from harken.shards.exports.conversation import (
    ASSISTANT,
    MEDIA,
    SYSTEM,
    USER,
    answered,
    conversation,
    unsaid,
    unwritten,
)
from harken.shards.exports.files import json_lines
from harken.shards.formats.base import TAG

_ROLES = {USER: "human", ASSISTANT: "gpt"}


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    counts = json_lines(rows, folder, lambda row: [line(row)], name="{part}.jsonl")
    write_json(folder / "dataset_info.json", {Path(n).stem: _described(n) for n in sorted(counts)})
    return counts


def line(row: ExportRow) -> dict[str, Any]:
    """One line."""
    item = row.item
    system, turns = "", []
    for said in conversation(row):
        text = said.text(lambda _: TAG)
        if said.role == SYSTEM:
            system = text
        else:
            turns.append({"from": _ROLES[said.role], "value": text})
    found: dict[str, Any] = {"id": item.id, "system": system, "audios": [f.path for f in row.audio]}
    if item.rejected:
        rejected = {"from": "gpt", "value": answered(item, item.rejected, row.style)}
        return {**found, "conversations": turns[:-1], "chosen": turns[-1], "rejected": rejected}
    return {**found, "conversations": turns}


def _described(name: str) -> dict[str, Any]:
    """The entry of a file."""
    columns = {"messages": "conversations", "system": "system", "audios": "audios"}
    entry: dict[str, Any] = {"file_name": name, "formatting": "sharegpt", "columns": columns}
    if Path(name).stem.endswith(PAIRS):
        columns |= {"chosen": "chosen", "rejected": "rejected"}
        entry["ranking"] = True
    return entry


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """What is beside the conversation and the pair."""
    return unwritten(item, style, "rejected")


FORMAT = ExportFormat(
    "llama-factory",
    "LLaMA-Factory: sharegpt with audios, dataset_info.json, pairs as a ranking",
    write,
    partial(unsaid, tags=MEDIA),
    loses,
    "dataset_dir: this folder, dataset: train",
)
