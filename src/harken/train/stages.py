"""Teaches a Learner: one file a stage, all of one shape.

A stage is ``stage(learner, items, settings, run) -> None``: it teaches in place, appends to
``metrics.jsonl`` of the run, and keeps its checkpoint in ``checkpoint/<settings.name>``. Called
again after a kill, with the learner as it was before the stage, it goes on from the checkpoint and
ends with the same weights to the last bit; called again when it was finished, it loads them.
"""

from __future__ import annotations

from typing import Any

from harken.registry import Registry

STAGES: Registry[Any] = Registry(
    "stage",
    {
        "warm": "harken.train.text_warmup:STAGE",
        "align": "harken.train.align:STAGE",
        "sft": "harken.train.sft:STAGE",
        "grpo": "harken.train.grpo:STAGE",
    },
)


"""Name -> (function, settings class)."""
