"""verl: Parquet with ``prompt``, ``audios``, ``reward_model`` and ``extra_info``, for GRPO and PPO.

``<audio>`` in a message is the place of the next of ``audios``, which are paths (verl 0.9.1,
``RLHFDataset``). The right answer is ``reward_model.ground_truth``; no reply is in the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from harken.item import Item
from harken.shards.exports.base import ExportFormat, ExportRow, Style
from harken.shards.exports.conversation import MEDIA, answered, conversation, unsaid, unwritten
from harken.shards.exports.parquet import parquet
from harken.shards.formats.base import TAG


def write(rows: Iterable[ExportRow], folder: Path) -> dict[str, int]:
    """See `ExportFormat.write`."""
    import pyarrow as pa

    text = pa.string()
    message = pa.struct([("role", text), ("content", text)])
    reward = pa.struct([("style", text), ("ground_truth", text)])
    extra = pa.struct(
        [("split", text), ("index", pa.int64()), ("id", text), ("answer", text),
         ("choices", pa.list_(text)), ("audio_contribution", text)]
    )  # fmt: skip
    schema = pa.schema(
        [("data_source", text), ("prompt", pa.list_(message)), ("audios", pa.list_(text)),
         ("ability", text), ("reward_model", reward), ("extra_info", extra)]
    )  # fmt: skip
    return parquet(rows, folder, schema, record)


def record(row: ExportRow, number: int) -> dict[str, Any]:
    """One row."""
    item = row.item
    return {
        "data_source": f"harken/{item.task}",
        "prompt": [
            {"role": said.role, "content": said.text(lambda _: TAG)}
            for said in conversation(row, reply=False)
        ],
        "audios": [file.path for file in row.audio],
        "ability": item.task,
        "reward_model": {"style": "rule", "ground_truth": answered(item, item.answer, row.style)},
        "extra_info": {
            "split": item.split,
            "index": number,
            "id": item.id,
            "answer": item.answer,
            "choices": list(item.choices),
            "audio_contribution": item.contribution.label if item.contribution else "",
        },
    }


def loses(item: Item, style: Style) -> tuple[str, ...]:
    """The rejected answer and the reasoning, which rewards do not need, and what is beside them."""
    measured = ("how the audio's contribution was measured",) if item.contribution else ()
    return (*unwritten(item, style, "task", "contribution"), *measured)


FORMAT = ExportFormat(
    "verl",
    "verl: Parquet of prompts, audios and the answer that is rewarded",
    write,
    partial(unsaid, tags=MEDIA, reply=False),
    loses,
    "data.train_files=train.parquet, started in this folder (or --absolute)",
    reasons=False,
)
