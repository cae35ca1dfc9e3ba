"""End to end: encoder, projector and language model are all trained."""

from __future__ import annotations

from dataclasses import replace

from harken.models.composed.systems import parts
from harken.models.composed.systems.base import System, SystemSize

_ALL = ("audio_encoder", "projector", "lm")

AUDIO_FLAMINGO_3 = System(
    "audio-flamingo-3",
    "AF-Whisper, 25 frames a second through an MLP, Qwen2.5-7B",
    "prefix",
    "arXiv 2507.08128",
    (parts.AF_WHISPER,),
    parts.QWEN25_7B,
    "mlp?pool=1&norm=false",
    25.0,
    _ALL,
    built=8_270_025_216,
    sizes=(SystemSize("lm", 7.61e9, "the card of Qwen2.5-7B-Instruct", 0.01),),
    weights="nvidia/audio-flamingo-3-hf",
    licence="NVIDIA OneWay Noncommercial",
)

MOSS_AUDIO = System(
    "moss-audio",
    "an encoder of Whisper's layers, DeepStack from three of them, Qwen3-4B",
    "DeepStack",
    "arXiv 2606.01802",
    (
        replace(
            parts.WHISPER_V3,
            source="OpenMOSS-Team/MOSS-Audio-4B-Instruct",
            settings={"layers": "9,17,25,32"},
            refused="its encoder has a convolutional stem of its own, which is not on the shelf",
        ),
    ),
    parts.QWEN3_4B,
    "deepstack?pool=4&hidden=8192&start=1&norm=false",
    12.5,
    _ALL,
    built=4_827_209_216,
    sizes=(SystemSize("all", 4.6e9, "the card of a conversion, about", 0.06),),
    weights="OpenMOSS-Team/MOSS-Audio-4B-Instruct",
    licence="Apache-2.0",
    tiny="hidden=32",
    tiny_layers="1,2",
    departures=(
        "12.5 frames a second by the mean of four of Whisper's, not by three convolutions",
        "no time markers between the tokens",
        "the projections of the earlier layers start at 0",
    ),
)
