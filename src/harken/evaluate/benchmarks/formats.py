"""Prediction files as other programs write them, turned into rows with a key and a reply.

* lmms-eval's samples (``…_samples_<task>.jsonl``, ``--log_samples``): ``doc_id``, ``target``,
  ``input`` (the prompt as text), ``filtered_resps`` and the metrics; the release's row is not
  kept, but some tasks repeat its id within a metric. Where none is found, the row is matched by its
  prompt (`harken.evaluate.benchmarks.align`).
* AIR-Bench's ``batch_run_output.jsonl``: the rows with ``uuid``, ``openai_args`` and ``gen``, what
  the model that was asked said. Foundation: ``gen`` is the letter to which ``response`` was
  aligned, and the repository scores that. Chat: ``gen`` is the judge's line, and the reply is
  under ``Audio-LLM-response``.

SLAM-LLM's decode files have lines ``id<TAB>reply`` (`harken.evaluate.benchmarks.text_files`); DCASE
2025's submission is a matter of that benchmark alone, since its column ``answer`` is the gold of
others (`harken.evaluate.benchmarks.dcase2025`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harken.evaluate.benchmarks.rows import Row

PROMPT = "input"
"""Where lmms-eval has the prompt of a row."""

PLACE = "doc_id"
"""Where lmms-eval has the row's number in the data that it was given, from 0."""

_FAILED = "error"
"""What AIR-Bench's scripts hold under ``gen`` where the request failed."""


def adapted(rows: Sequence[Row], key: str) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of one file, each with its reply where `predictions` looks for it, and notes.

    Args:
        rows: as read; of a form that is not known they are returned as they are.
        key: the benchmark's name of a row's key.
    """
    if rows and all("filtered_resps" in row and PLACE in row for row in rows):
        return [_of_lmms(row, key) for row in rows], ("read as samples of lmms-eval",)
    if rows and all("gen" in row and "openai_args" in row for row in rows):
        return _of_air_bench(rows)
    return list(rows), ()


def _of_lmms(row: Row, key: str) -> Row:
    """One sample: the reply is what was scored, after the task's filters."""
    found = row["filtered_resps"]
    while isinstance(found, list) and found:
        found = found[0]
    given = _id_within(row, key)
    kept = {name: row[name] for name in (PLACE, "target", PROMPT) if name in row}
    return {**kept, key: f"doc {row[PLACE]}" if given is None else given,
            "prediction": "" if found == [] else found}  # fmt: skip


def _id_within(row: Row, key: str) -> Any:
    """The id of the release's row, which older versions and some metrics repeat."""
    for own in row.values():
        if isinstance(own, dict):
            for name in (key, "id"):
                if isinstance(own.get(name), str | int) and own[name] != "":
                    return own[name]
    return None


def _of_air_bench(rows: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """The rows of an output file; those whose request failed are left out, and told."""
    kept = [row for row in rows if row["gen"] != _FAILED]
    notes: list[str] = []
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept)} rows left out: their request failed (gen is error)")
    chat = any("Audio-LLM-response" in row for row in kept)
    found = []
    for row in kept:
        own = {name: value for name, value in row.items() if name != "openai_args"}
        if chat:
            own |= {"response": row.get("Audio-LLM-response"), "gpt-score": row["gen"]}
        else:
            own |= {"response": row["gen"], "reply": row.get("response")}
        found.append(own)
    if chat:
        notes.append("read as AIR-Bench's output of the judge: its line is gen (gpt-score)")
    else:
        notes.append(
            "read as AIR-Bench's output of the alignment: the letter in gen is scored, as the "
            "repository does, not the reply that it was made from"
        )
    return found, tuple(notes)
