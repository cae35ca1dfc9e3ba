"""Training stages by name."""

from __future__ import annotations

from harken.registry import Registry
from harken.train.stage import Stage

STAGES: Registry[Stage] = Registry(
    "stage",
    {
        "text-warmup": "harken.train.text_warmup:STAGE",
        "align": "harken.train.align:STAGE",
        "ctc": "harken.train.ctc:STAGE",
        "distil": "harken.train.distil:STAGE",
        "sft": "harken.train.sft:STAGE",
        "joint": "harken.train.joint:STAGE",
        "timestamps": "harken.train.timestamps:STAGE",
        "idk": "harken.train.idk:STAGE",
        "dpo": "harken.train.dpo:STAGE",
        "activation": "harken.train.activation:STAGE",
        "grpo": "harken.train.grpo:STAGE",
    },
    shape="harken.train.stage:Stage",
)
