"""directional: any audio encoder, applied to each sound by itself, with where it comes from.

A recording in ambisonics, of an array or of two ears is taken apart by the directions of its energy
(`harken.audio.space.apart`), at most `sources` sounds, and the encoder inside hears each alone and
in mono. Their frames follow one another, the strongest sound first, and to each frame are added how
near its sound is to each of 128 directions, its share of the energy, and by octave how much of it
is reflected (diffuse: one minus the length of the energy's vectors). So what is heard and from
where are in one token, and need not be bound by the language model. An encoder that was trained in
mono can be kept as it is: what is new is the projector's input.

The direction is not found by a trained network, and its errors are those of the vectors: two sounds
nearer than 30 degrees to each other are one, and of more than `sources` the strongest are heard.
Related: directional audio coding, and speech recognition on beams of several directions (Lin et
al., "AGADIR: Towards array-geometry agnostic directional speech recognition", ICASSP 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import Clip
from harken.audio.space.apart import OCTAVES_HZ, Arrival, sphere, taken_apart
from harken.errors import ConfigError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.channels import all_channels, layout_setting
from harken.models.composed.encoders.concat import packed, unpacked
from harken.models.composed.encoders.registry import build_encoder
from harken.models.engine.features import Array

AROUND = 128
"""Directions of the sphere, 18 degrees apart; a frame says how near each is to where its sound is:
a small projector reads ten degrees out of a population code, and not out of three coordinates."""

NEAR = 40.0
"""Sharpness κ of exp(κ (cos θ - 1)): half its height at 10.7 degrees."""

WHERE = AROUND + 1 + len(OCTAVES_HZ) - 1
"""Numbers added to a frame: nearness of directions, share of the energy, reflections by octave."""

SCALE = 4.0
"""What is added is multiplied by it: a few numbers beside hundreds would be learned too slowly."""

MOST = 3
"""Sounds that can be told apart by vectors."""


class DirectionalEncoder(AudioEncoder):
    """An `AudioEncoder` on each sound of a clip, and where it comes from."""

    name = "directional"
    hears_channels = True
    about = "any encoder on each sound of a spatial recording by itself, with its direction"
    options: ClassVar[Mapping[str, type]] = {
        "of": str, "sources": int, "layout": str, "limit_s": float,
    }  # fmt: skip

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        assert isinstance(encoder, AudioEncoder)
        if encoder.hears_channels:
            raise ConfigError(
                f"the encoder {encoder.name!r} hears directions itself, and cannot be inside",
                hint="Use one that hears mono inside of 'directional', such as Whisper.",
            )
        own = {"kind": self.name, "part": {"kind": encoder.name, **encoder.settings}}
        super().__init__(encoder, {**(settings or {}), **own})
        sources = self.settings.get("sources")
        self.sources = 2 if sources is None else int(sources)
        if not 1 <= self.sources <= MOST:
            raise ConfigError(f"sources is {self.sources} (accepted: 1 to {MOST})")
        self.layout = layout_setting(self.settings)
        limit_s = self.limit_s if self.settings.get("limit_s") else encoder.limit_s
        self.limit_s = min(limit_s, encoder.limit_s)
        self.layer_shape = (*encoder.layer_shape, (1, WHERE))

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Self:
        """The encoder inside with fresh weights, from ``settings["part"]``."""
        return cls(build_encoder(settings["part"]), settings)

    @property
    def inner(self) -> AudioEncoder:
        """The encoder that hears each sound."""
        assert isinstance(self.encoder, AudioEncoder)
        return self.encoder

    def clip_features(self, clip: Clip) -> Array:
        """What each sound of a clip gives the encoder inside, and where it is (`all_channels`)."""
        heard = all_channels(clip, self.layout, self.limit_s)
        return self._packed(taken_apart(*heard, self.sources))

    def features(self, samples: Array) -> Array:
        """The same of one channel (n,), which comes from nowhere."""
        return self._packed(taken_apart(samples[None], "mono"))

    def frames_of(self, features: Array) -> int:
        """Those of all sounds."""
        return sum(self.inner.frames_of(own) for own in unpacked(features)[1:])

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """The sounds of all clips are one batch of the encoder inside."""
        rows = [unpacked(features) for features in batch]
        frames, counts = self.inner.encode([own for _, *sounds in rows for own in sounds])
        told = torch.from_numpy(np.concatenate([where for where, *_ in rows])).to(frames)
        alone = [
            torch.cat([own[:count], place.expand(count, -1)], -1)
            for own, count, place in zip(frames, counts, told, strict=True)
        ]
        each = iter(alone)
        found = [torch.cat([next(each) for _ in sounds]) for _, *sounds in rows]
        return nn.utils.rnn.pad_sequence(found, batch_first=True), [len(one) for one in found]

    def _packed(self, arrivals: Sequence[Arrival]) -> Array:
        where = np.stack([_where(one) for one in arrivals])
        inner = [self.inner.prepare(self.inner.features(one.samples)) for one in arrivals]
        return packed([where, *inner])

    def _width(self) -> int:
        """Set by the encoder inside."""
        return 0

    def _layers(self, asked: Any) -> tuple[int, ...]:
        """The encoder inside has its own."""
        return ()


def _where(arrival: Arrival) -> Array:
    """(WHERE,), times `SCALE`; nearness is zero from nowhere, reflections are -log10 of a share."""
    known = bool(arrival.direction.any())
    near = np.exp(NEAR * (sphere(AROUND) @ arrival.direction - 1)) * known
    reflected = -np.log10(1.001 - np.minimum(arrival.lengths, 1.0))
    return np.array(SCALE * np.array([*near, arrival.share, *reflected]), np.float32)
