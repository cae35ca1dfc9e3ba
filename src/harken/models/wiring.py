"""How a model is wired: its parts, their widths and rates, where audio goes in, what is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from harken.audio.clip import RATE_HZ, silence
from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.directional import DirectionalEncoder
from harken.models.composed.net import ComposedNet
from harken.models.composed.projectors.cross_attention import CrossAttentionProjector
from harken.models.composed.projectors.deepstack import DeepStackProjector
from harken.models.engine.lora import adapted_groups
from harken.models.engine.net import GROUPS, LearnerNet
from harken.models.learner import Learner

SECONDS = 10.0
"""Length of the clip whose tokens are counted."""


def wiring(learner: Learner) -> dict[str, Any]:
    """The wiring of a model, as JSON values; see `net_wiring`."""
    net: Any = learner.net
    if isinstance(net, ComposedNet):
        return net_wiring(net, learner.name, learner.config["projector"])
    tokens_s = _tokens_s(learner)
    lm = net.lm.config
    encoder, projector = net.audio_encoder.encoder, net.projector.inner
    parts = [
        _part(net, "audio_encoder", type(encoder).__name__, []),
        *([_part(net, "projector", type(projector).__name__, [])] if projector is not None else []),
        _part(net, "lm", str(lm.model_type), _lm_lines(lm)),
    ]
    return _whole(net, learner.name, parts, tokens_s, "as the class has it", [])


def _tokens_s(learner: Learner) -> float:
    """Audio tokens a second of a clip of 10 s, or of 1 s where the class takes no longer one."""
    try:
        return learner.load_audio(silence(SECONDS)).tokens / SECONDS
    except ModelError:
        return float(learner.load_audio(silence(1.0)).tokens)


def net_wiring(net: ComposedNet, name: str, projector: Mapping[str, Any]) -> dict[str, Any]:
    """The wiring of a composed net, on any device, the meta device too.

    Args:
        net: its parameters that require a gradient count as trained.
        name: of the model.
        projector: its settings.

    Returns:
        ``name``, ``parts`` (each with ``group``, ``title``, ``lines``, ``total``, ``trained``,
        ``adapters``), ``tokens_s`` (of a clip of 10 s), ``enters`` (where audio goes in, in
        words), ``layers`` (of the language model that get audio), ``total``, ``trained``.
    """
    encoder = net.audio_encoder
    wave = np.zeros(round(RATE_HZ * min(SECONDS, encoder.limit_s)), np.float32)
    seconds = len(wave) / RATE_HZ
    frames = encoder.frames_of(encoder.features(wave))
    if isinstance(encoder, DirectionalEncoder):  # of a clip with as many sounds as it hears
        frames *= encoder.sources
    tokens = net.projector.tokens(frames)
    parts: list[AudioEncoder] = list(encoder.parts) if encoder.name == "concat" else [encoder]  # type: ignore[arg-type]
    found = [_encoder(net, part, wave) for part in parts]
    known = {
        k: v
        for k, v in projector.items()
        if k not in ("kind", "number_ids") and v not in (None, "", 0)
    }
    lines = [
        ", ".join(
            f"{k} {v}".replace("True", "yes").replace("False", "no") for k, v in known.items()
        )
    ]
    lines.append(f"{encoder.width} wide → {_out(net)} wide")
    found.append(_part(net, "projector", net.projector.name or projector.get("kind", "mlp"), lines))
    lm: Any = net.lm
    found.append(_part(net, "lm", str(lm.config.model_type), _lm_lines(lm.config)))
    enters, layers = _entrance(net)
    return _whole(net, name, found, tokens / seconds, enters, layers)


def _encoder(net: ComposedNet, part: AudioEncoder, wave: Any) -> dict[str, Any]:
    if isinstance(part, DirectionalEncoder):
        inside = _encoder(net, part.inner, wave)
        told = f"on each of up to {part.sources} sounds, with where it is: {part.width} wide"
        lines = [*inside["lines"], told]
        return {**inside, "title": f"{part.name}: {inside['title']}", "lines": lines}
    seconds = len(wave) / RATE_HZ
    rate = part.frames_of(part.features(wave)) / seconds
    width = part.layer_shape[0][1]
    depth = part._layer_count() - 1
    lines = [
        f"{depth} layers" if depth > 0 else "stages",
        f"{width} wide, {rate:.4g} frames a second",
    ]
    if part.layers:
        lines.append("layers " + ", ".join(map(str, part.layers)) + " side by side")
    found = _counted(part)
    own = {"group": "audio_encoder", "title": part.name, "lines": lines}
    return {**own, **found, "adapters": "audio_encoder" in adapted_groups(net)}


def _out(net: ComposedNet) -> int:
    lm: Any = net.lm
    return int(lm.get_input_embeddings().embedding_dim)


def _entrance(net: ComposedNet) -> tuple[str, list[int]]:
    """Where audio goes into the language model, in words, and into which of its layers."""
    projector = net.projector
    if isinstance(projector, DeepStackProjector):
        layers = [*projector.layers]
        return "in place of words, and added before layers of the language model", layers
    if isinstance(projector, CrossAttentionProjector):
        every = projector.every
        layers = [(number + 1) * every - 1 for number in range(len(projector.blocks))]
        return "words attend to it before layers of the language model", layers
    return "in place of words, at the language model's input", []


def _lm_lines(config: Any) -> list[str]:
    layers = getattr(config, "num_hidden_layers", "?")
    width, rows = getattr(config, "hidden_size", "?"), getattr(config, "vocab_size", "?")
    return [f"{layers} layers, {width} wide", f"vocabulary of {rows:,}"]


def _part(net: LearnerNet, group: str, title: str, lines: Sequence[str]) -> dict[str, Any]:
    own = {"group": group, "title": title, "lines": [line for line in lines if line]}
    return {**own, **_counted(getattr(net, group)), "adapters": group in adapted_groups(net)}


def _counted(module: nn.Module) -> dict[str, int]:
    total = sum(p.numel() for p in module.parameters())
    return {
        "total": total,
        "trained": sum(p.numel() for p in module.parameters() if p.requires_grad),
    }


def _whole(
    net: LearnerNet,
    name: str,
    parts: list[dict[str, Any]],
    tokens_s: float,
    enters: str,
    layers: list[int],
) -> dict[str, Any]:
    whole = _counted(net)
    frozen = [g for g in GROUPS if not any(p.requires_grad for p in getattr(net, g).parameters())]
    return {
        "name": name, "parts": parts, "tokens_s": tokens_s, "enters": enters, "layers": layers,
        "frozen": frozen, **whole,
    }  # fmt: skip
