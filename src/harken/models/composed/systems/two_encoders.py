"""Q-Formers and aggregators: what several encoders, or several layers of one, hear is joined."""

from __future__ import annotations

from dataclasses import replace

from harken.models.composed.systems import parts
from harken.models.composed.systems.base import System, SystemSize

SALMONN = System(
    "salmonn",
    "Whisper and BEATs side by side, a Q-Former over each third of a second, Vicuna with LoRA",
    "window Q-Former",
    "arXiv 2310.13289",
    (parts.WHISPER_V2, parts.BEATS),
    parts.VICUNA_13B,
    "window-qformer?window=17&queries=1&depth=2&hidden=768&heads=12&norm=false",
    3.0,
    ("projector", "lm"),
    built=13_769_736_048,
    sizes=(SystemSize("projector+lora", 33e6, "the paper, as trained", 0.03),),
    lora="lm:r=8,alpha=32,dropout=0.1,targets=q_proj|v_proj",
    weights="tsinghua-ee/SALMONN",
    licence="Apache-2.0",
    tiny="window=17&depth=1&hidden=16&heads=2&dropout=0",
)

GAMA = System(
    "gama",
    "AST, whose layers are aggregated, a Q-Former and a soft prompt, LLaMA-2 with LoRA",
    "multi-layer aggregator",
    "arXiv 2406.11768",
    (replace(parts.AST, settings={"layers": "4,8,12"}),),
    parts.LLAMA2_7B,
    "aggregator?pool=2&prompt=8&queries=32&depth=12&heads=12&hidden=4096&norm=false",
    7.2,
    ("audio_encoder", "projector", "lm"),
    built=6_996_314_368,
    lora="lm:r=8,alpha=16,targets=q_proj|v_proj",
    weights="Sreyan88/GAMA",
    licence="not stated",
    tiny="pool=2&prompt=2&queries=3&depth=1&heads=2&hidden=32&dropout=0",
    tiny_layers="1,2",
    departures=(
        "the soft prompt is eight trained vectors, without the names of events in the clip",
        "the Q-Former has cross-attention in every layer, not in every second one",
        "the last layer's own frames are not given a third time",
    ),
)
