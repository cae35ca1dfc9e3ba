"""A contrastive audio-text model (CLAP): an audio tower, a text tower, a projection head for each.

The audio tower is any `AudioEncoder`; its frames are averaged over time, or over each of several
equal stretches of it, whose means stand side by side: one mean knows what is heard and not when.
One with pretrained weights is frozen, and one from fresh weights is trained with the heads. The
text tower is a text
embedder (`harken.models.embedding`): a sentence encoder of transformers (``hf:minilm-l6``), frozen,
or ``ngrams``, which needs no weights. Heads are two layers, as in CLAP (Wu et al. 2023, arXiv
2211.06687).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from harken.audio.clip import Clip
from harken.audio.content import content_key
from harken.errors import ConfigError, ModelError
from harken.hashing import canonical, digest
from harken.models.bases import Base
from harken.models.code_hash import code_hash
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.open import is_name, open_encoder
from harken.models.composed.encoders.registry import build_encoder
from harken.models.contrastive.loss import MOST_SCALE
from harken.models.embedding import load_embedder
from harken.models.engine.feature_store import FeatureStore
from harken.models.engine.features import Array, FeatureCache
from harken.models.saved_module import (
    find_saved,
    load_into,
    require_kind,
    save_module,
    state_hash,
)
from harken.threads import fix_products

KIND = "clap"
"""``kind`` in the `MODEL_FILE` of a saved one."""

_RESNET = {
    "model_type": "resnet", "num_channels": 1, "embedding_size": 16, "hidden_sizes": [16, 32, 64],
    "depths": [1, 1, 1], "layer_type": "basic", "hidden_act": "relu",
    "downsample_in_first_stage": False,
}  # fmt: skip
"""The audio tower ``resnet``, which learns from few recordings."""


@lru_cache(maxsize=2)
def _text_tower(name: str) -> Any:
    """The embedder of this name, which is frozen: loaded once."""
    return load_embedder(name)


class ContrastiveNet(nn.Module):
    """What has weights: the audio encoder, both heads, and the logarithm of the scale."""

    def __init__(
        self, encoder: AudioEncoder, text_width: int, dim: int, stretches: int = 1
    ) -> None:
        super().__init__()
        self.audio_encoder = encoder
        self.audio_head = _head(stretches * encoder.width, dim)
        self.text_head = _head(text_width, dim)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @property
    def scale(self) -> Tensor:
        """exp(log_scale), at most `MOST_SCALE`."""
        return self.log_scale.clamp(max=math.log(MOST_SCALE)).exp()


def _head(width: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, dim), nn.GELU(), nn.Linear(dim, dim))


class ContrastiveModel:
    """See the module's docstring.

    Attributes:
        net: with the weights.
        name: for display.
        training: what is told of its training, as JSON values.
        base: the pretrained audio encoder that is frozen; None: it was trained here.
        stretches: of equal length, into which a clip's time is divided.
        store: where the mean frames of clips are kept, if the encoder is frozen.
    """

    def __init__(
        self,
        net: ContrastiveNet,
        text: str,
        *,
        base: Base | None = None,
        name: str = "clap",
        stretches: int = 1,
    ) -> None:
        fix_products()
        self.net, self.name, self.base = net.eval(), name, base
        self.text_tower, self.stretches = text, stretches
        self.training: dict[str, Any] = {}
        self.store = FeatureStore(None)
        self._embedder = _text_tower(text)
        self._features = FeatureCache()
        self._texts: dict[str, Array] = {}
        self._pooled: dict[str, Tensor] = {}
        for parameter in net.audio_encoder.parameters():
            parameter.requires_grad_(base is None)

    @staticmethod
    def build(
        encoder: str = "resnet",
        text: str = "ngrams",
        *,
        dim: int = 128,
        seed: int = 0,
        stretches: int = 1,
    ) -> ContrastiveModel:
        """With fresh heads.

        Args:
            encoder: ``resnet``, trained from fresh weights; or a folder, a hub id or a name below
                ``$HARKEN_WEIGHTS`` of a pretrained one, which is frozen, with its settings
                (``whisper-base?own_length=true``).
            text: an embedder's name.
            dim: of the common space.
            seed: of fresh weights.
            stretches: see the attributes.

        Raises:
            ModelError, ConfigError: a tower that cannot be opened.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            base = None
            kind = encoder.partition("?")[0]
            several = "+" in kind and not Path(kind).is_dir()
            if several or kind in ("concat", "directional"):
                raise ConfigError(
                    f"{encoder} cannot be the audio tower of a contrastive model",
                    hint="Use one pretrained encoder (a folder or hub id), or resnet.",
                )
            if is_name(encoder.partition("?")[0]):
                own = build_encoder({"kind": encoder, "config": _RESNET})
            else:
                own = open_encoder(encoder)
                base = Base.of("audio_encoder.", "encoder", encoder.partition("?")[0])
            width = _text_tower(text).encode(["a"]).shape[1]
            net = ContrastiveNet(own, width, dim, stretches)
            return ContrastiveModel(net, text, base=base, stretches=stretches)

    @staticmethod
    def open(spec: str) -> ContrastiveModel:
        """The saved model `spec`: a folder, or the name of one below ``$HARKEN_MODELS``.

        Raises:
            ModelError: there is none, it is damaged or of another kind, or a tower is not found.
        """
        folder, content = find_saved(spec)
        require_kind(folder, content, KIND, "contrastive model")
        try:
            settings, saved = dict(content["encoder"]), content.get("base")
            base = Base(**saved) if saved else None
            if base is None:
                encoder = build_encoder(settings)
            else:
                kept = {key: value for key, value in settings.items() if key != "config"}
                encoder = open_encoder(str(base.checked()), kept)
            stretches = int(content.get("stretches", 1))  # earlier models have one
            net = ContrastiveNet(
                encoder, int(content["text_width"]), int(content["dim"]), stretches
            )
            made = ContrastiveModel(
                net, str(content["text"]), base=base, name=content["name"], stretches=stretches
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{error!r} in its configuration", where=str(folder)) from None
        load_into(net, folder, content)
        made.training = dict(content.get("training") or {})
        return made

    def save(self, folder: Path) -> str:
        """Write the folder that `open` opens; returns the identity.

        Raises:
            RunError: the folder has another model.
        """
        return save_module(folder, KIND, self._config(), self._state())

    def identity(self) -> str:
        """Hash of configuration and weights."""
        return state_hash(self._config(), self._state())

    def _config(self) -> Mapping[str, Any]:
        from dataclasses import asdict

        own, head = self.net.audio_encoder, self.net.text_head
        return {
            "name": self.name,
            "encoder": {"kind": own.name, **own.settings},
            "base": asdict(self.base) if self.base else None,
            "text": self.text_tower,
            "text_width": _first(head).in_features,
            "dim": _first(head).out_features,
            "stretches": self.stretches,
            "training": self.training,
        }

    def _state(self) -> dict[str, Tensor]:
        """The tensors that no base has."""
        state = self.net.state_dict()
        return {
            name: tensor
            for name, tensor in state.items()
            if self.base is None or not name.startswith("audio_encoder.")
        }

    # Vectors ----------------------------------------------------------------------------------

    def text_inputs(self, texts: Sequence[str]) -> Tensor:
        """What the text tower makes of texts, before the head: (n, width); kept in memory."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if fresh:
            self._texts |= dict(zip(fresh, self._embedder.encode(fresh), strict=True))
        return torch.from_numpy(np.stack([self._texts[text] for text in texts]))

    def pooled(self, clips: Sequence[Clip]) -> Tensor:
        """The mean frames of each clip, before the head: (n, stretches · width).

        Of a frozen encoder they are kept.

        Raises:
            ModelError: a clip is too long for the encoder.
            AudioError: one cannot be read.
        """
        if self.base is None:
            return self._encode(clips)
        found = []
        for clip in clips:
            key = clip.key
            if key not in self._pooled:
                self._pooled[key] = self._frozen(clip)
            found.append(self._pooled[key])
        return torch.stack(found)

    def _frozen(self, clip: Clip) -> Tensor:
        """The mean frames of one clip by the frozen encoder, from the store or into it."""
        assert self.base is not None
        encoder = self.net.audio_encoder
        releases = [torch.__version__, transformers.__version__]
        made_by = [*releases, code_hash(*(type(module) for module in encoder.modules()))]
        own = [self.base.sha256, encoder.settings, *made_by]
        key, name = digest(canonical([content_key(clip), own]), 40), f"mean of {self.stretches}"
        kept = self.store.get(key) or {}
        if name not in kept:
            with torch.no_grad():
                frames, (count,) = self._frames([clip])
            one = {"mean of 1": _means(frames[0], count, 1)}  # an encoding serves both
            kept = {**kept, **one, name: _means(frames[0], count, self.stretches)}
            self.store.put(key, kept)
        return kept[name].clone()

    def _encode(self, clips: Sequence[Clip]) -> Tensor:
        frames, lengths = self._frames(clips)
        rows = zip(frames, lengths, strict=True)
        return torch.stack([_means(row, count, self.stretches) for row, count in rows])

    def _frames(self, clips: Sequence[Clip]) -> tuple[Tensor, list[int]]:
        encoder = self.net.audio_encoder
        batch = [
            encoder.prepare(
                self._features.get(clip, encoder.name, encoder.clip_features, encoder.limit_s)
            )
            for clip in clips
        ]
        return encoder.encode(batch)

    def project(self, pooled: Tensor) -> Tensor:
        """Unit vectors (n, dim) of what `pooled` gives, differentiable."""
        return _unit(self.net.audio_head(pooled))

    def audio_vectors(self, clips: Sequence[Clip]) -> Tensor:
        """Unit vectors of clips, (n, dim), differentiable."""
        return self.project(self.pooled(clips))

    def text_vectors(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors of texts, (n, dim), differentiable."""
        return _unit(self.net.text_head(self.text_inputs(texts)))

    @torch.no_grad()
    def embed_audio(self, clips: Sequence[Clip], batch: int = 8) -> Array:
        """Unit vectors of clips, float32 (n, dim); in evaluation mode."""
        self.net.eval()
        parts = [
            self.audio_vectors(clips[start : start + batch]).numpy()
            for start in range(0, len(clips), batch)
        ]
        return np.concatenate(parts)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Array:
        """Unit vectors of texts, float32 (n, dim); in evaluation mode."""
        self.net.eval()
        return np.asarray(self.text_vectors(texts).numpy())


def _means(frames: Tensor, count: int, stretches: int) -> Tensor:
    """The mean of the first `count` frames (T, width) in each stretch, side by side."""
    edges = [number * count // stretches for number in range(stretches + 1)]
    means = [frames[start : max(end, start + 1)].mean(0) for start, end in pairwise(edges)]
    return torch.cat(means)


def _unit(vectors: Tensor) -> Tensor:
    return nn.functional.normalize(vectors, dim=-1)


def _first(head: nn.Sequential) -> nn.Linear:
    found = head[1]
    assert isinstance(found, nn.Linear)
    return found
