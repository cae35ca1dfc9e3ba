"""Cross-attention: words attend to the audio in the layers of a frozen language model."""

from __future__ import annotations

from harken.models.composed.systems import parts
from harken.models.composed.systems.base import System, SystemSize

_FAMILY = "gated cross-attention"
_TINY = "depth=1&heads=2&inner=32"

AUDIO_FLAMINGO_1 = System(
    "audio-flamingo-1",
    "HTSAT, gated cross-attention before every layer of a frozen OPT",
    _FAMILY,
    "arXiv 2402.01831",
    (parts.HTSAT,),
    parts.OPT_IML,
    "cross-attention?pool=1&depth=3&heads=8&inner=2048&every=1&norm=true",
    3.2,
    ("projector",),
    built=2_234_581_960,
    sizes=(SystemSize("all", 2.2e9, "the paper", 0.03),),
    weights="nvidia/audio-flamingo",
    licence="NVIDIA OneWay Noncommercial",
    tiny=_TINY,
    departures=(
        "a window of 10 s gives 32 frames, where ClapCap gives one for each window of 7 s",
        "the frames are 768 wide, those of ClapCap 1,024",
    ),
)

AUDIO_FLAMINGO_2 = System(
    "audio-flamingo-2",
    "AF-CLAP, gated cross-attention before every layer of a frozen Qwen2.5-3B",
    _FAMILY,
    "arXiv 2503.03983",
    (parts.AF_CLAP,),
    parts.QWEN25_3B,
    "cross-attention?pool=1&depth=3&heads=8&inner=2048&every=1&norm=true",
    3.2,
    ("audio_encoder", "projector"),
    built=4_716_151_680,
    sizes=(
        SystemSize("all", 4.7e9, "the paper", 0.03),
        SystemSize("audio_encoder", 203e6, "the paper", 0.06),
    ),
    weights="nvidia/audio-flamingo-2",
    licence="NVIDIA OneWay Noncommercial",
    tiny=_TINY,
    departures=("positions of frames are sinusoids, not rotary",),
)
