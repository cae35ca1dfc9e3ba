"""CNN14: the published names of its tensors, its features, independence of the batch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from harken.models.composed.encoders.cnn14 import Cnn14Config, Cnn14Encoder, Cnn14Model
from harken.models.composed.encoders.open import open_encoder

SMALL = {"channels": [4, 4, 4, 8, 8, 8]}


def tone(hz: float, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(16_000 * seconds)) / 16_000)).astype(
        np.float32
    )


def test_names_and_shapes_are_those_of_the_published_weights() -> None:
    """80.8 M parameters are stated (arXiv 1912.10211, table IV); 5.2 M of them classify."""
    with torch.device("meta"):
        model = Cnn14Model(Cnn14Config())
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    expected = {
        "bn0.running_mean": (64,),
        "conv_block1.conv1.weight": (64, 1, 3, 3),
        "conv_block1.bn2.weight": (64,),
        "conv_block6.conv1.weight": (2048, 1024, 3, 3),
        "conv_block6.conv2.weight": (2048, 2048, 3, 3),
    }
    assert {name: shapes.get(name) for name in expected} == expected
    classifier = 2048 * 2048 + 2048 + 2048 * 527 + 527
    whole = sum(p.numel() for p in model.parameters()) + classifier
    assert whole == pytest.approx(80.8e6, rel=0.005)


def test_a_folder_with_published_tensors_is_opened_and_frames_stand_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = Cnn14Model(Cnn14Config(tuple(SMALL["channels"])))
    extra = {"fc1.weight": torch.zeros(2, 2), "logmel_extractor.melW": torch.zeros(2, 2)}
    save_file({**made.state_dict(), **extra}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "cnn14", **SMALL}))
    opened = open_encoder(str(tmp_path)).eval()
    assert isinstance(opened, Cnn14Encoder)
    parts = [opened.features(tone(440, seconds)) for seconds in (0.1, 1.0)]
    with torch.no_grad():
        frames, counts = opened.encode(parts)
        assert counts == [1, 4]  # 11 and 101 mel frames at 32 kHz, filled up to 32 and 128
        expected = made.eval()(torch.from_numpy(parts[1])[None])
        torch.testing.assert_close(frames[1:, :4], expected)
        alone, _ = opened.encode(parts[:1])
        torch.testing.assert_close(frames[0, :1], alone[0])


def test_the_mel_has_a_tone_where_it_is() -> None:
    """Slaney's scale has a mel for 66.7 Hz below 1 kHz: 64 bands from 50 Hz to 14 kHz are 54 Hz.

    14 kHz is mel 15 + 27 ln(14) / ln(6.4) = 53.4, so a band is (53.4 - 0.75) / 65 = 0.81 mel.
    """
    encoder = Cnn14Encoder.build({"config": SMALL})
    bands = [int(encoder.features(tone(hz, 0.5))[:40].mean(0).argmax()) for hz in (200, 400, 800)]
    assert bands[0] < bands[1] < bands[2]
    steps = np.diff(bands)
    assert steps.tolist() == pytest.approx([200 / 54, 400 / 54], abs=1)
    silent = encoder.features(np.zeros(16_000, np.float32))
    assert silent.max() == pytest.approx(-100.0)
