"""What explains that a model does not use its audio: each planted fault is told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harken.models.composed.model import ComposedModel
from harken.train.arrival import text_rms
from harken.train.hearing_causes import AudioTokens, audio_tokens, likely_causes
from tiny_audio import NAMES, alike, mini, named

GROUPS = ("audio_encoder", "projector", "lm")


def planted(tmp_path: Path, fault: Callable[[torch.Tensor], torch.Tensor] | None) -> AudioTokens:
    learner = mini(2)
    if fault is not None:
        learner.net.projector.register_forward_hook(lambda module, given, made: fault(made))
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    return audio_tokens(learner, [*items, alike(tmp_path, "noise", "clicks")])


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, "look at the data"),
        (lambda made: made * 0, "all zero"),
        (lambda made: made * 0 + 0.3, "different clips give the same audio tokens"),
        (lambda made: made * 0 + made.mean() * 0 - 1.0, "different clips give the same"),
        (lambda made: made * 1e4, "off scale"),
        (lambda made: made * 1e-5, "off scale"),
    ],
)
def test_planted_faults_of_audio_tokens(
    tmp_path: Path, fault: Callable[[torch.Tensor], torch.Tensor] | None, told: str
) -> None:
    tokens = planted(tmp_path, fault)
    assert tokens.clips == 6 and tokens.text_rms > 0
    causes = likely_causes(tokens, GROUPS, [{"audio_grad_norm": 0.5}])
    assert told in causes[0]
    # A scale is seldom the whole cause: the data is named beside it.
    assert len(causes) == 1 + (told == "off scale")
    assert told != "off scale" or "look at the data" in causes[1]


def test_gradients_and_frozen_groups_are_told() -> None:
    fine = AudioTokens(8, 1.0, 1.0, 0.5)
    none = likely_causes(fine, GROUPS, [{"audio_grad_norm": 1.0}] + [{"audio_grad_norm": 0.0}] * 20)
    assert len(none) == 1 and "no gradient reached" in none[0]
    assert "look at the data" in likely_causes(fine, GROUPS, [{"loss": None}])[0]
    cut = [{"audio_grad_norm": 1.0, "grad_norm_projector": 0.0, "grad_norm_audio_encoder": 0.1}]
    assert likely_causes(fine, GROUPS, cut) == [
        "no gradient reached the projector in the last steps"
    ]
    assert "look at the data" in likely_causes(fine, ("audio_encoder", "lm"), cut)[0]
    frozen = likely_causes(fine, ("lm",), [{"audio_grad_norm": 1.0}])
    assert len(frozen) == 1 and "only lm is trained" in frozen[0]
    both = likely_causes(AudioTokens(8, 0.0, 1.0, None), ("lm",), [{"audio_grad_norm": 0.0}])
    assert len(both) == 3 and "all zero" in both[0]


def test_clips_that_cannot_be_loaded_are_passed_over(tmp_path: Path) -> None:
    learner: ComposedModel = mini(2)
    items = [named(tmp_path, name, 1, 0.23) for name in NAMES[:2]]  # in no cache
    Path(items[0].clips[0].path).unlink()
    assert audio_tokens(learner, items).clips == 1
    nothing = audio_tokens(learner, items[:1])
    assert nothing.clips == 0 and nothing.apart is None
    assert "no held-out clip" in likely_causes(nothing, GROUPS, [])[0]


class Scaled(torch.nn.Embedding):
    """As Gemma's: what is looked up is larger than the weights."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids) * 16.0


def test_embeddings_of_text_are_taken_as_the_model_gets_them(tmp_path: Path) -> None:
    learner = mini(2)
    items = [named(tmp_path, name, 0, 0.3) for name in NAMES]
    lm: Any = learner.net.lm
    table = lm.get_input_embeddings()
    plain = audio_tokens(learner, items)
    scaled = Scaled(table.num_embeddings, table.embedding_dim)
    scaled.weight = table.weight
    lm.set_input_embeddings(scaled)
    assert audio_tokens(learner, items).text_rms == pytest.approx(16 * plain.text_rms)
    assert text_rms(learner) == pytest.approx(16 * plain.text_rms)
    learner.net.projector.register_forward_hook(lambda module, given, made: made * 12)
    loud = audio_tokens(learner, items)
    assert not any("off scale" in cause for cause in likely_causes(loud, GROUPS, []))
