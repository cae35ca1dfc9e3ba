"""Datasets on disk: items in Parquet shards, JSONL in and out, and steps over a stream of items.

A dataset is a folder of ``shard-00000.parquet`` … and ``dataset.json``, which is written last.
Audio is referenced (paths relative to a root) or embedded (FLAC bytes). Reading and writing hold
one row group in memory, whatever the size of the dataset.
"""
