"""The four kinds of learners that every stage is tried on, as tiny folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import tiny_audioflamingo3
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
from tiny import write

from harken.models.learner import Learner
from harken.models.native.families import FAMILIES
from tiny_audio import mini

NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "qwen2_5_omni": next(t for t in tiny_qwen_omni.TINIES if t.kind == "qwen2_5_omni"),
}
KINDS = ("composed", *NATIVE)


def learner_folders(root: Path) -> dict[str, str]:
    """kind -> what `load_learner` opens."""
    mini(audio_encoder="conformer").save(root / "composed")
    found = {"composed": str(root / "composed")}
    for kind, tiny in NATIVE.items():
        write(tiny, root / kind, FAMILIES.get(tiny.kind).template)
        found[kind] = f"native:{root / kind}"
    return found


def projecting(kind: str) -> tuple[str, ...]:
    """The group that projects: Qwen2.5-Omni's tower does."""
    return ("audio_encoder",) if kind == "qwen2_5_omni" else ("projector",)


def adapted(learner: Learner) -> Learner:
    """With adapters that change something, and replies that end as soon as they are cut."""
    learner.add_lora(rank=2, alpha=4)
    with torch.no_grad():
        for number, (name, tensor) in enumerate(learner.net.named_parameters()):
            if "lora_B" in name:
                tensor.normal_(0, 0.1, generator=torch.Generator().manual_seed(number))
    plain = learner.engine.generate

    def generate(*given: Any, **named: Any) -> Any:
        return [replace(reply, ended=True) for reply in plain(*given, **named)]

    learner.engine.generate = generate  # type: ignore[method-assign]
    return learner
