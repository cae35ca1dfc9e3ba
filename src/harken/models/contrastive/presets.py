"""Published contrastive audio-text models by name: their towers, their sizes, their negatives.

An entry sets what ``harken train-clap --preset`` trains with; `published_counts` builds its towers
in their published size without memory, to be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harken.models.composed.systems import parts
from harken.models.composed.systems.base import SystemPart, SystemSize
from harken.registry import named


@dataclass(frozen=True, slots=True)
class ContrastivePreset:
    """A published contrastive audio-text model.

    Attributes:
        name: by which it is chosen; `about`: one sentence.
        paper: its arXiv id.
        audio: the audio tower; `text`: the text tower, of kind ``text``.
        dim: of the common space.
        hard_negatives: most false captions of a clip (`harken.train.clap.ClapTraining`).
        built: parameters of the published size as built here.
        sizes: what paper or card state.
        weights: hub id of the trained model, and `licence`, that of these weights.
        departures: what differs from the published model.
    """

    name: str
    about: str
    paper: str
    audio: SystemPart
    text: SystemPart
    dim: int
    hard_negatives: int
    built: int
    sizes: tuple[SystemSize, ...] = ()
    weights: str = ""
    licence: str = "no weights published"
    departures: tuple[str, ...] = ()


_ROBERTA: Mapping[str, Any] = {
    "model_type": "roberta", "vocab_size": 50265, "max_position_embeddings": 514,
    "type_vocab_size": 1,
}  # fmt: skip
_FLAN_T5: Mapping[str, Any] = {
    "model_type": "t5", "vocab_size": 32128, "d_model": 1024, "d_kv": 64, "d_ff": 2816,
    "num_layers": 24, "num_heads": 16, "feed_forward_proj": "gated-gelu",
}  # fmt: skip
_FROZEN = "pretrained towers are frozen, and the heads are trained"

CLAP = ContrastivePreset(
    "clap",
    "HTSAT and RoBERTa, whose vectors are near each other where a text describes a clip",
    "arXiv 2211.06687",
    parts.HTSAT,
    SystemPart("text", "FacebookAI/roberta-base", _ROBERTA, "MIT"),
    512,
    0,
    153_495_961,
    sizes=(SystemSize("all", 153.5e6, "its file on the hub, 614 MB of float32", 0.02),),
    weights="laion/clap-htsat-unfused",
    licence="Apache-2.0",
    departures=(_FROZEN,),
)
COMPA_CLAP = ContrastivePreset(
    "compa-clap",
    "CLAP that is taught which of two sounds comes first, by false captions of the same words",
    "arXiv 2310.08753",
    parts.HTSAT,
    SystemPart("text", "google/flan-t5-large", _FLAN_T5, "Apache-2.0"),
    512,
    2,
    370_213_017,
    departures=(
        _FROZEN,
        "false captions are made of what is known of a scene, not written by a language model",
        "no third stage with the modular contrastive loss",
    ),
)

CONTRASTIVE = {one.name: one for one in (CLAP, COMPA_CLAP)}


def contrastive_preset(name: str) -> ContrastivePreset:
    """The preset called `name`.

    Raises:
        ConfigError: there is none.
    """
    return named(name, CONTRASTIVE, "contrastive model")


def published_counts(preset: ContrastivePreset) -> dict[str, int]:
    """Parameters of the published size on the meta device.

    Returns:
        ``audio``, ``text`` (the towers), ``heads`` (with the scale), and ``all``.
    """
    import torch
    from transformers import AutoModel, T5EncoderModel

    from harken.models.composed.encoders.registry import ENCODERS
    from harken.models.composed.transformers_parts import config_of
    from harken.models.contrastive.model import ContrastiveNet
    from harken.models.pretrained import build_model

    config = config_of(preset.text.config)
    with torch.device("meta"):
        audio = ENCODERS.get(preset.audio.kind).build({"config": dict(preset.audio.config)})
        encodes_only = preset.text.config["model_type"] == "t5"
        text = T5EncoderModel(config) if encodes_only else build_model(AutoModel, config)
        net = ContrastiveNet(audio, int(config.hidden_size), preset.dim)
    towers = {name: sum(p.numel() for p in part.parameters()) for name, part in
              (("audio", audio), ("text", text))}  # fmt: skip
    heads = sum(p.numel() for p in net.parameters()) - towers["audio"]
    return {**towers, "heads": heads, "all": heads + sum(towers.values())}
