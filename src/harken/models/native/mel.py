"""Whisper's log-mel at a clip's own length, equal to that of the padded extractor.

`WhisperFeatureExtractor` pads to 30 s (or 300 s) before the transform. The frames of a clip are the
same if it is followed by just enough zeros: a frame reaches 200 samples past its centre, so four
hops of zeros also give one frame of silence only, whose value pads the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import RATE_HZ
from harken.models.engine.features import Array
from harken.models.native.base import Window

_TAIL_HOPS = 4


def whisper(
    extractor: Any, wave: Array, index: int = 0, *, tail: bool = True, limit: int = 0
) -> Window:
    """Log-mel (bins, T) of a wave (n,); its first ceil(n / hop) frames are the clip's.

    Args:
        extractor: a ``WhisperFeatureExtractor``.
        wave: 16 kHz mono.
        index: number of the window in its clip.
        tail: append zeros, as padding does; False where the class does not pad (then T = n // hop,
            and the end of the clip is mirrored).
        limit: samples that the class pads to; the extractor's own window if 0.
    """
    hop = int(extractor.hop_length)
    size = len(wave)
    if tail:
        length = max(size, min(size + _TAIL_HOPS * hop, limit or int(extractor.n_samples)))
        wave = np.pad(wave, (0, length - size))
    made = extractor(
        wave, sampling_rate=RATE_HZ, padding=False, truncation=False, return_tensors="np"
    )
    mel = np.ascontiguousarray(made["input_features"][0], np.float32)
    return Window(mel, min(-(-size // hop), mel.shape[1]), index)


def stack(windows: Sequence[Window], length: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Windows as one batch, padded on the device with the value of silence.

    Args:
        windows: from `whisper`.
        length: frames of a row.
        like: has the device and dtype of the features.

    Returns:
        Features (W, bins, length), and a mask (W, length), 0 at padding.
    """
    rows = []
    for window in windows:
        mel = torch.from_numpy(window.features).to(like.device, like.dtype)
        fill = mel[:, -1:].expand(-1, max(0, length - mel.shape[1]))
        rows.append(torch.cat([mel, fill], 1)[:, :length])
    frames = torch.tensor([window.frames for window in windows], device=like.device)
    mask = torch.arange(length, device=like.device)[None] < frames[:, None]
    return torch.stack(rows), mask.long()
