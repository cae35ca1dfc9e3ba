"""The parts of the composed model: ears (audio encoders of one shape), the projector, their net.

An `Ear` makes every encoder alike: it says what it is fed (`features` of a clip's samples), how
many frames come out for it (`frames`, known before anything is computed) and gives them (`hear`),
the same for a clip whether it is alone or in a batch.

======== ============================================== ==========================================
kind     encoder                                        padding
======== ============================================== ==========================================
mel      Parakeet (FastConformer) on our own log-mel    masked in attention and convolutions
mel      ResNet on our own log-mel, as on a picture     only clips of one length share a batch
whisper  Whisper's encoder                              to its fixed length, with its own silence
ast      AST; patches averaged over frequency           to its fixed length, as its extractor does
wave     wav2vec 2.0, HuBERT, WavLM, …                  none: only clips of one length share a batch
======== ============================================== ==========================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio import RATE_HZ
from harken.errors import ModelError
from harken.models.features import Array, MelSettings, log_mel, normalise

GROUPS = ("audio_encoder", "projector", "lm")
"""Names of the module groups that can be frozen."""

_WAVES = (
    "wav2vec2",
    "hubert",
    "wavlm",
    "wav2vec2-conformer",
    "data2vec-audio",
    "unispeech",
    "unispeech-sat",
)


class Ear(nn.Module):
    """An audio encoder with one face.

    Attributes:
        kind: see the table above.
        width: size of a frame's vector.
        limit_s: longest clip it takes.
        fills_with_silence: silent clips of as many frames are one to it.
    """

    kind = ""
    fills_with_silence = False

    def __init__(self, encoder: nn.Module, limit_s: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.limit_s = limit_s
        self.width = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def features(self, samples: Array) -> Array:
        """What is kept of a clip's samples (n,): time first."""
        raise NotImplementedError

    def prepare(self, features: Array) -> Array:
        """The last step before the encoder; augmentation comes before it."""
        return features

    def frames(self, length: int) -> int:
        """Frames that come out for features of `length`."""
        raise NotImplementedError

    def hear(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Frames (B, T, width) of prepared features, and how many of each row are true."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.encoder.parameters()).device

    def _stack(self, batch: Sequence[Array], length: int, fill: Sequence[float]) -> Tensor:
        """(B, length, F), each row filled up with its own value."""
        out = np.empty((len(batch), length, batch[0].shape[1]), np.float32)
        for row, (part, value) in enumerate(zip(batch, fill, strict=True)):
            out[row, : len(part)] = part
            out[row, len(part) :] = value
        return torch.from_numpy(out).to(self.device)


class MelEar(Ear):
    """Parakeet's encoder on `harken.models.features`, trained from scratch."""

    kind = "mel"

    def __init__(
        self, encoder: nn.Module, limit_s: float = 60.0, settings: MelSettings | None = None
    ) -> None:
        super().__init__(encoder, limit_s)
        self.settings = settings or MelSettings()

    def features(self, samples: Array) -> Array:
        """Log-mel (T, bins), not normalised: augmentation wants the true level."""
        return log_mel(samples, self.settings)

    def prepare(self, features: Array) -> Array:
        """Normalised."""
        return normalise(features, self.settings)

    def frames(self, length: int) -> int:
        """Three convolutions of stride 2 with kernel 3 and padding 1."""
        config: Any = self.encoder.config
        for _ in range(int(math.log2(config.subsampling_factor))):
            length = (length - 1) // 2 + 1
        return length

    def hear(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Padded with zeros and masked; its convolutions zero what is masked."""
        lengths = [len(part) for part in batch]
        rows = self._stack(batch, max(lengths), [0.0] * len(batch))
        mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        out = self.encoder(input_features=rows, attention_mask=mask.to(self.device))
        return out.last_hidden_state, [self.frames(length) for length in lengths]


class ImageEar(MelEar):
    """A ResNet (He et al. 2016, arXiv 1512.03385) that sees the log-mel as a picture.

    What it gives has a time and a frequency axis; the frequencies of one time are laid side by
    side. In training its batch norm sees clips of like length in one batch, padded with zeros; when
    asked, it uses what it has learned, and only clips of one padded length share a batch: a clip
    sounds the same alone and in company.
    """

    fills_with_silence = True

    def __init__(
        self, encoder: nn.Module, limit_s: float = 60.0, settings: MelSettings | None = None
    ) -> None:
        nn.Module.__init__(self)
        self.encoder = encoder
        self.limit_s = limit_s
        self.settings = settings or MelSettings()
        config: Any = encoder.config
        halvings = len(config.hidden_sizes) - 1 + bool(config.downsample_in_first_stage)
        self.stride = int(4 * 2**halvings)
        self.width = int(config.hidden_sizes[-1]) * (self.settings.bins // self.stride)

    def frames(self, length: int) -> int:
        """One for every `stride` features, the last one filled up."""
        return int(-(-length // self.stride))

    def hear(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Clips of one padded length together; in training all of them."""
        counts = [self.frames(len(part)) for part in batch]
        groups = {max(counts): [*range(len(batch))]} if self.training else {}
        for i, count in enumerate(() if groups else counts):
            groups.setdefault(count, []).append(i)
        out = torch.zeros(len(batch), max(counts), self.width, device=self.device)
        for count, here in groups.items():
            rows = self._stack([batch[i] for i in here], count * self.stride, [0.0] * len(here))
            seen = self.encoder(rows[:, None]).last_hidden_state
            frames = seen.permute(0, 2, 3, 1).flatten(2)
            out = out.index_copy(0, torch.tensor(here, device=self.device), _longer(frames, out))
        return out, counts


def _longer(frames: Tensor, like: Tensor) -> Tensor:
    """`frames` (B, T, F) filled up with zeros to the length of `like`."""
    return nn.functional.pad(frames, (0, 0, 0, like.shape[1] - frames.shape[1]))


class WhisperEar(Ear):
    """Whisper's encoder; hears at most the length it was trained on (30 s)."""

    kind = "whisper"
    fills_with_silence = True

    def __init__(self, encoder: nn.Module, limit_s: float | None = None) -> None:
        from transformers import WhisperFeatureExtractor

        config: Any = encoder.config
        self_limit = config.max_source_positions * 2 / 100
        super().__init__(encoder, min(limit_s or self_limit, self_limit))
        self._extract = WhisperFeatureExtractor(
            feature_size=config.num_mel_bins, chunk_length=math.ceil(self_limit)
        )
        self._length = config.max_source_positions * 2

    def features(self, samples: Array) -> Array:
        """(T, bins) up to the end of the sound."""
        made = self._extract(samples, sampling_rate=RATE_HZ, return_tensors="np")
        whole = made["input_features"][0].T
        return np.ascontiguousarray(whole[: min(self._length, len(samples) // 160 + 2)])

    def frames(self, length: int) -> int:
        """One convolution of stride 2."""
        return -(-length // 2)

    def hear(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Filled up with the value its extractor gives to silence: 8 decades below the maximum."""
        fill = [max(float(part.max()) - 2.0, -1.5) for part in batch]
        rows = self._stack(batch, self._length, fill)
        out = self.encoder(rows.transpose(1, 2)).last_hidden_state
        return out, [self.frames(len(part)) for part in batch]


class AstEar(Ear):
    """Audio Spectrogram Transformer: one frame is the mean of the patches of one time."""

    kind = "ast"

    def __init__(self, encoder: nn.Module, limit_s: float | None = None) -> None:
        from transformers import ASTFeatureExtractor

        config: Any = encoder.config
        self_limit = config.max_length / 100
        super().__init__(encoder, min(limit_s or self_limit, self_limit))
        self._extract = ASTFeatureExtractor(
            num_mel_bins=config.num_mel_bins, max_length=config.max_length
        )
        self._fill = -self._extract.mean / (2 * self._extract.std)

    def features(self, samples: Array) -> Array:
        """(T, bins) up to the end of the sound."""
        config: Any = self.encoder.config
        samples = np.pad(samples, (0, max(0, 400 - len(samples))))
        made = self._extract(samples, sampling_rate=RATE_HZ, return_tensors="np")
        length = min(config.max_length, max(1, (len(samples) - 400) // 160 + 1))
        return np.ascontiguousarray(made["input_values"][0][:length], dtype=np.float32)

    def frames(self, length: int) -> int:
        """Patches along time that reach into the sound."""
        config: Any = self.encoder.config
        whole = int((config.max_length - config.patch_size) // config.time_stride + 1)
        short = -int(-(length - config.patch_size) // config.time_stride)
        return min(whole, max(0, short) + 1)

    def hear(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Filled up as its extractor does; the two tokens in front are left out."""
        config: Any = self.encoder.config
        rows = self._stack(batch, config.max_length, [self._fill] * len(batch))
        out = self.encoder(rows).last_hidden_state[:, 2:]
        high = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        out = out.reshape(len(batch), high, -1, self.width).mean(1)
        return out, [self.frames(len(part)) for part in batch]


class WaveEar(Ear):
    """Encoders of the raw wave. Their first norm runs over time, so nothing may be padded."""

    kind = "wave"

    def __init__(self, encoder: nn.Module, limit_s: float = 60.0) -> None:
        super().__init__(encoder, limit_s)

    def features(self, samples: Array) -> Array:
        """(n,) with mean 0 and variance 1, as these encoders were trained."""
        samples = np.pad(samples, (0, max(0, 400 - len(samples))))
        return np.asarray((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7), np.float32)

    def frames(self, length: int) -> int:
        """By its convolutions."""
        encoder: Any = self.encoder
        count = encoder._get_feat_extract_output_lengths(torch.tensor(length))
        return int(count.item())

    def hear(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """Clips of one length together."""
        counts = [self.frames(len(part)) for part in batch]
        rows: dict[int, Tensor] = {}
        for length in sorted({len(part) for part in batch}):
            here = [i for i, part in enumerate(batch) if len(part) == length]
            waves = torch.from_numpy(np.stack([batch[i] for i in here])).to(self.device)
            frames = self.encoder(waves).last_hidden_state
            rows |= dict(zip(here, frames, strict=True))
        padded = nn.utils.rnn.pad_sequence([rows[i] for i in range(len(batch))], batch_first=True)
        return padded, counts


def make_ear(encoder: nn.Module, limit_s: float | None = None) -> Ear:
    """The ear for an encoder, by its kind.

    Raises:
        ModelError: no ear is written for it.
    """
    kind = str(encoder.config.model_type)  # type: ignore[union-attr]
    if kind == "parakeet_encoder":
        return MelEar(encoder, limit_s or 60.0)
    if kind == "resnet":
        return ImageEar(encoder, limit_s or 60.0)
    if kind == "whisper":
        return WhisperEar(encoder, limit_s)
    if kind == "audio-spectrogram-transformer":
        return AstEar(encoder, limit_s)
    if kind in _WAVES:
        return WaveEar(encoder, limit_s or 60.0)
    known = "parakeet_encoder, resnet, whisper, audio-spectrogram-transformer, " + ", ".join(_WAVES)
    raise ModelError(f"no ear is written for a {kind!r} encoder", mend=f"Known: {known}")


class Projector(nn.Module):
    """`pool` neighbouring frames side by side -> two linear layers -> one token of the LM."""

    def __init__(
        self, width: int, pool: int, out: int, places: int = 0, numbers: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.pool = pool
        # The same, told in the LM's own words: the ids of "0", "1", "2", … in its vocabulary.
        self.numbers = tuple(numbers)
        self.first = nn.Linear(width * pool, out)
        self.second = nn.Linear(out, out)
        # Which clip a token belongs to, for LMs too small to count the marks before it.
        self.places = nn.Embedding(places + 1, out) if places and not numbers else None

    def tokens(self, frames: int) -> int:
        """Tokens made of `frames` frames."""
        return -(-frames // self.pool)

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, tokens, out); frames past a row's count are zero."""
        short = -frames.shape[1] % self.pool
        frames = nn.functional.pad(frames, (0, 0, 0, short))
        true = torch.arange(frames.shape[1], device=frames.device)[None]
        frames = frames * (true < torch.tensor(counts, device=frames.device)[:, None])[..., None]
        frames = frames.reshape(len(frames), frames.shape[1] // self.pool, -1)
        out: Tensor = self.second(nn.functional.gelu(self.first(frames)))
        return out


class FrameNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, T), one frame at a time.

    Stands in for the batch norm of a Conformer's convolution: with batch statistics a clip would
    sound otherwise beside other clips, and otherwise again when it is asked alone.
    """

    def forward(self, frames: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return super().forward(frames.transpose(1, 2)).transpose(1, 2)


class Net(nn.Module):
    """Encoder, projector and language model, under the names by which they are frozen."""

    def __init__(self, ear: Ear, projector: Projector, lm: nn.Module) -> None:
        super().__init__()
        self.audio_encoder = ear
        self.projector = projector
        self.lm = lm

    @property
    def ear(self) -> Ear:
        """The encoder's adapter."""
        return self.audio_encoder

    def encode(self, features: Sequence[Array]) -> list[Tensor]:
        """Tokens (n, width of the LM) of each clip's prepared features.

        Clips of like length are encoded together, so that little is padding.
        """
        order = sorted(range(len(features)), key=lambda i: len(features[i]))
        found: dict[int, Tensor] = {}
        start = 0
        while start < len(order):
            end = start + 1
            # Batch norm learns from a whole batch, so in training more is padded.
            reach = (2.2 if self.training else 1.25) * len(features[order[start]]) + 16
            while end < len(order) and len(features[order[end]]) <= reach:
                end += 1
            here = order[start:end]
            frames, counts = self.ear.hear([features[i] for i in here])
            tokens = self.projector(frames, counts)
            for row, i in enumerate(here):
                found[i] = tokens[row, : self.projector.tokens(counts[row])]
            start = end
        return [found[i] for i in range(len(features))]


def set_trainable(net: Net, groups: Sequence[str]) -> list[nn.Parameter]:
    """Freeze all but `groups`; returns what is left to train. LoRA keeps the LM's own frozen.

    Raises:
        ModelError: no such group.
    """
    unknown = sorted({*groups} - {*GROUPS})
    if unknown:
        raise ModelError(
            f"no module group is called {', '.join(unknown)}", mend=f"Known: {', '.join(GROUPS)}"
        )
    adapted = any("lora_" in name for name, _ in net.named_parameters())
    for name, parameter in net.named_parameters():
        own = name.startswith("lm.") and adapted and "lora_" not in name
        parameter.requires_grad_(name.split(".")[0] in groups and not own)
    return [parameter for parameter in net.parameters() if parameter.requires_grad]
