"""AF-Whisper: the encoder of Audio Flamingo 3 (Goel et al. 2025, arXiv 2507.08128).

Whisper's layers, further trained on sounds and music; the means of two frames, then a layer norm:
25 frames a second. It hears 30 s at once; a longer clip is cut into windows of 30 s, whose frames
follow each other, as Audio Flamingo 3 does with clips of up to 10 minutes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.errors import ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.concat import packed, unpacked
from harken.models.composed.transformers_parts import config_of, model_type_of
from harken.models.engine.features import Array
from harken.models.pretrained import build_model, check_folder
from harken.parsing import load_json

_HOP = 160
_ALONE = "audioflamingo3_encoder"
_TENSOR = re.compile(r"(?:model\.)?audio_tower\.(.+)")


class AfWhisperEncoder(AudioEncoder):
    """AF-Whisper, 25 frames a second; opens the folder of the whole model, or of it alone.

    Of the whole model's folder (Audio Flamingo 3, Music Flamingo) only its own tensors are read.
    """

    name = "af-whisper"
    about = "AF-Whisper, the encoder of Audio Flamingo 3; windows of 30 s"
    model_types = (_ALONE, "audioflamingo3", "musicflamingo")
    options: ClassVar[dict[str, type]] = {"limit_s": float}
    longest_s = 600.0

    def __init__(self, encoder: nn.Module, settings: Mapping[str, Any] | None = None) -> None:
        from transformers import WhisperFeatureExtractor

        super().__init__(encoder, settings)
        config: Any = encoder.config
        self._length = int(config.max_source_positions) * 2
        self._extract = WhisperFeatureExtractor(
            feature_size=config.num_mel_bins, chunk_length=math.ceil(self._length * _HOP / RATE_HZ)
        )

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any] | None = None) -> Self:
        """The encoder of the model in a folder.

        Raises:
            ModelError: no such folder, no safetensors in it, or tensors that are not its own.
        """
        from transformers import AutoModel

        alone = model_type_of(folder) == _ALONE
        check_folder(folder)
        try:
            values = load_json(folder / "config.json")
            own = values if alone else values["audio_config"]
            encoder = build_model(AutoModel, config_of({**own, "model_type": _ALONE}))
            encoder.load_state_dict(_tensors(folder, alone))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"this AF-Whisper cannot be opened: {' '.join(str(error).split())[:300]}",
                where=str(folder),
                hint="Name a folder of Audio Flamingo 3 as transformers saves it "
                "(nvidia/audio-flamingo-3-hf).",
            ) from error
        return cls(encoder, settings)

    def features(self, samples: Array) -> Array:
        """Log-mel (T, bins) of the windows, one after another, and their samples: packed.

        A window's features go on to where its last sample is heard, two frames past its end.
        """
        size = self._length * _HOP
        samples = np.pad(samples, (0, max(0, 1 - len(samples))))
        windows = [samples[start : start + size] for start in range(0, len(samples), size)]
        mels = []
        for window in windows:
            made = self._extract(window, sampling_rate=RATE_HZ, return_tensors="np")
            mels.append(made["input_features"][0].T[: self._rows(len(window))])
        lengths = np.array([len(window) for window in windows], np.float32)
        return packed([np.concatenate(mels).astype(np.float32), lengths])

    def frames_of(self, features: Array) -> int:
        """The sum over its windows."""
        return sum(self._frames(int(length)) for length in unpacked(features)[1])

    def encode(self, batch: Sequence[Array]) -> tuple[Tensor, list[int]]:
        """All windows of all clips at once, masked after their ends; then a clip's in a row."""
        mels: list[Array] = []
        lengths: list[list[int]] = []
        for features in batch:
            mel, sizes = unpacked(features)
            lengths.append([int(size) for size in sizes])
            cuts = np.cumsum([self._rows(size) for size in lengths[-1]])[:-1]
            mels += np.split(mel, cuts)
        flat = [size for own in lengths for size in own]
        fill = [max(float(mel.max()) - 2.0, -1.5) for mel in mels]
        rows = self._stack(mels, self._length, fill).transpose(1, 2)
        valid = torch.tensor([-(-size // _HOP) for size in flat], device=self.device)
        mask = torch.arange(self._length, device=self.device)[None] < valid[:, None]
        made = self.encoder(rows, input_features_mask=mask.long()).last_hidden_state
        cut = [row[: self._frames(size)] for row, size in zip(made, flat, strict=True)]
        clips = []
        for own in lengths:
            clips.append(torch.cat(cut[: len(own)]))
            del cut[: len(own)]
        return nn.utils.rnn.pad_sequence(clips, batch_first=True), [len(clip) for clip in clips]

    def _rows(self, size: int) -> int:
        """Mel frames that are kept of a window of `size` samples."""
        return min(self._length, size // _HOP + 2)

    def _frames(self, size: int) -> int:
        """Frames of a window of `size` samples: a convolution of stride 2, then pairs."""
        halved = (-(-size // _HOP) - 1) // 2 + 1
        return max(1, halved // 2)

    def _layer_count(self) -> int:
        """The last state has half as many frames as the layers before it."""
        return 0


def _tensors(folder: Path, alone: bool) -> dict[str, Tensor]:
    """The encoder's tensors in float32; those of other parts of the model are not read."""
    from safetensors import safe_open

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in sorted(file.keys()):
                own = None if alone else _TENSOR.fullmatch(name)
                if alone or own:
                    found[own[1] if own else name] = file.get_tensor(name).float()
    return found
