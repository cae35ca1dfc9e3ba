"""Features that are remembered: of the right clip, and for the right encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from harken.audio.clip import Clip
from harken.audio.load import load
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.engine.features import FeatureCache
from tiny_audio import mini, sound


def test_features_are_remembered_by_clip_and_kind(tmp_path: Path) -> None:
    cache, made = FeatureCache(), []

    def make(clip: Clip) -> np.ndarray:
        samples = load(clip)
        made.append(len(samples))
        return samples[:3] + np.float32(len(made))

    one, other = sound(tmp_path, "noise", 0.2), sound(tmp_path, "noise", 0.3)
    asked = [(clip, kind) for clip in (one, other) for kind in ("a", "b")]
    found = [cache.get(clip, kind, make, 1.0) for clip, kind in asked]
    assert made == [3200, 3200, 4800, 4800]
    again = [cache.get(clip, kind, make, 1.0) for clip, kind in asked]
    assert all(a is b for a, b in zip(found, again, strict=True)) and len(made) == 4


def test_two_models_in_one_process_hear_through_their_own_encoders(tmp_path: Path) -> None:
    clip = sound(tmp_path, "noise", 0.4)
    wide, narrow, slow = mini(), mini(bins=32), mini(hop=512)
    shapes = [model.features(clip).shape for model in (wide, narrow, slow)]
    assert [bins for _, bins in shapes] == [64, 32, 64]
    assert shapes[2][0] < 0.6 * shapes[0][0]


def test_steady_sounds_of_one_length_are_told_apart() -> None:
    """Silence is remembered by its length; a hum that never changes is no silence."""
    learner = mini()
    tokenizer = learner.tokenizer

    def line(level: float) -> TokenizedPrompt:
        features = np.full((64, 64), level, np.float32)
        features[:, 30] += 3 * level
        tokens = learner.net.projector.tokens(learner.net.audio_encoder.frames(64))
        heard = AudioInput(features, tokens, f"hum at {level}")
        ids = (tokenizer.bos, *[tokenizer.audio] * tokens, tokenizer.answer)
        return TokenizedPrompt(ids, (0,) * len(ids), (heard,))

    answers = [(5, tokenizer.eos), (6, tokenizer.eos)]
    together = learner.engine.choices([(line(level), answers) for level in (0.0, 1.0, -1.0)])
    for level, found in zip((0.0, 1.0, -1.0), together, strict=True):
        learner.engine.clear_cache()
        torch.testing.assert_close(found, learner.engine.branches(line(level), answers))
    assert len({round(found[0], 4) for found in together}) == 3
