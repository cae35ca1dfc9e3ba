"""A clip's time in stretches: their means, a saved model, and what is kept of frozen encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harken.audio.clip import Clip, Part, ScenePlan, noise, silence
from harken.models.bases import Base
from harken.models.contrastive.model import ContrastiveModel, _means
from harken.models.engine.feature_store import FeatureStore


def test_means_of_stretches_by_hand() -> None:
    frames = torch.arange(12.0).reshape(6, 2)  # rows (0, 1), (2, 3), … (10, 11)
    assert _means(frames, 6, 1).tolist() == [5.0, 6.0]
    assert _means(frames, 6, 3).tolist() == [1.0, 2.0, 5.0, 6.0, 9.0, 10.0]
    assert _means(frames, 4, 2).tolist() == [1.0, 2.0, 5.0, 6.0]  # what is behind does not count
    assert _means(frames, 1, 2).tolist() == [0.0, 1.0, 0.0, 1.0]  # a frame for each, at least


def loud(at_s: float) -> Clip:
    parts = (Part(silence(2.0)), Part(noise(0.8, 1), at_s))
    return Clip("plan", duration_s=2.0, plan=ScenePlan(parts, 2.0, gain_db=0.0))


@pytest.fixture(scope="module")
def model() -> ContrastiveModel:
    return ContrastiveModel.build(dim=8, stretches=2)


def test_stretches_are_saved_with_a_model(model: ContrastiveModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    opened = ContrastiveModel.open(str(tmp_path / "model"))
    clips = [loud(0.0), loud(1.0)]
    vectors = opened.embed_audio(clips)
    assert opened.stretches == 2
    assert np.array_equal(vectors, model.embed_audio(clips))
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)


def test_what_a_frozen_encoder_makes_is_kept_for_other_models(
    model: ContrastiveModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base: Any = Base("audio_encoder.", "encoder", "somewhere", "0" * 64)
    one, other = (ContrastiveModel(model.net, "ngrams", base=base, stretches=2) for _ in range(2))
    one.store, other.store = FeatureStore(tmp_path), FeatureStore(tmp_path)
    made = one.pooled([loud(0.0)])
    monkeypatch.setattr(model.net.audio_encoder, "encode", None)
    assert torch.equal(other.pooled([loud(0.0)]), made)
    whole = ContrastiveModel(model.net, "ngrams", base=base)  # one mean is kept beside them
    whole.store = FeatureStore(tmp_path)
    assert whole.pooled([loud(0.0)]).shape == (1, made.shape[1] // 2)
