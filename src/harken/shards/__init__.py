"""Datasets on disk: items in Parquet shards, JSONL in and out, and the running of steps.

A dataset is a folder of ``shard-00000.parquet`` … and ``dataset.json``, which is written last.
Audio is referenced (paths relative to a root) or embedded (FLAC bytes). Reading and writing hold
one row group in memory, whatever the size of the dataset.
"""

from harken.shards.info import Info, ShardInfo, read_info
from harken.shards.jsonl import read_jsonl, write_jsonl
from harken.shards.read import Dataset, open_dataset, read_items
from harken.shards.schema import SCHEMA_VERSION
from harken.shards.steps import Counts, apply_steps, run_steps
from harken.shards.write import Unit, build_dataset, write_dataset

__all__ = [
    "SCHEMA_VERSION",
    "Counts",
    "Dataset",
    "Info",
    "ShardInfo",
    "Unit",
    "apply_steps",
    "build_dataset",
    "open_dataset",
    "read_info",
    "read_items",
    "read_jsonl",
    "run_steps",
    "write_dataset",
    "write_jsonl",
]
