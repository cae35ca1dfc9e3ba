"""Hugging Face `datasets`: Parquet with the audio inside, a file for each split.

``datasets.load_dataset(folder)`` gives the splits; ``audio`` is a list of ``Audio``, one for each
clip, whatever their number. What is nested in an item is JSON text, null where it has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from harken.shards.exports.base import ExportFormat, ExportRow, loses_nothing
from harken.shards.exports.conversation import MEDIA, conversation, unsaid
from harken.shards.exports.files import dumped
from harken.shards.exports.parquet import parquet

_TEXTS = ("id", "question", "answer", "rejected", "task", "split", "licence", "contribution",
          "twins")  # fmt: skip
_NESTED = {"dialogue": "dialogue", "facts": "facts", "need": "need", "history": "history",
           "plan": "plan", "contribution_measured": "contribution"}  # fmt: skip
"""A column of JSON -> the key that `Item.to_dict` has for it."""
_LISTS = ("choices", "rationales", "tags", "recordings", "speakers")


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    import pyarrow as pa

    text = pa.string()
    sound = pa.struct([("bytes", pa.binary()), ("path", text)])
    message = pa.struct([("role", text), ("content", text)])
    schema = pa.schema(
        [("audio", pa.list_(sound)), ("messages", pa.list_(message)),
         *((name, text) for name in (*_TEXTS, *_NESTED)),
         *((name, pa.list_(text)) for name in _LISTS)]
    )  # fmt: skip
    about = json.dumps({"info": {"features": _features()}})
    return parquet(rows, folder, schema.with_metadata({"huggingface": about}), record)


def _features() -> dict[str, Any]:
    """The features as `datasets` stores them; a list in a list's place is read by all versions."""
    text = {"dtype": "string", "_type": "Value"}
    return {
        "audio": [{"_type": "Audio"}],
        "messages": [{"role": text, "content": text}],
        **dict.fromkeys((*_TEXTS, *_NESTED), text),
        **{name: [{**text}] for name in _LISTS},
    }


def record(row: ExportRow, number: int) -> dict[str, Any]:
    """One row."""
    item = row.item
    whole = item.to_dict()
    return {
        "audio": [{"bytes": f.file.read_bytes(), "path": f.file.name} for f in row.audio],
        "messages": [
            {"role": said.role, "content": said.text(lambda _: "<audio>")}
            for said in conversation(row)
        ],
        **{name: getattr(item, name) for name in _TEXTS if name != "contribution"},
        "contribution": item.contribution.label if item.contribution else "",
        **{name: dumped(whole[key]) if whole.get(key) else None for name, key in _NESTED.items()},
        **{name: list(getattr(item, name)) for name in _LISTS},
    }


FORMAT = ExportFormat(
    "hf-datasets",
    "Hugging Face datasets: Parquet with the audio inside",
    write,
    partial(unsaid, tags=MEDIA),
    loses_nothing,
    "datasets.load_dataset('parquet', data_files={'train': 'train.parquet'})",
)
