"""Native models: rotations of a question share their prefix, with unchanged results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from families import TINIES
from opened import open_both
from tiny import Tiny

from harken.audio.clip import Clip
from harken.models.base import Prompt, Sampling
from harken.models.engine import tree_forward
from harken.models.engine.tree_forward import TreeReader


def rotations(prompt: Prompt) -> list[Prompt]:
    """The prompt with its choices listed in every cyclic order."""
    size = len(prompt.choices)
    found = []
    for turn in range(size):
        order = [(i + turn) % size for i in range(size)]
        shown = tuple(prompt.choices[i] for i in order)
        listed = "\n".join((prompt.question, *(f"- {choice}" for choice in shown)))
        parts = tuple(
            listed if part == prompt.question and not isinstance(part, Clip) else part
            for part in prompt.parts
        )
        found.append(replace(prompt, parts=parts, choices=shown, order=tuple(order)))
    return found


@pytest.mark.parametrize("tiny", TINIES, ids=[tiny.name or tiny.kind for tiny in TINIES])
def test_rotations_together_equal_rotations_alone(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = open_both(tiny, tmp_path)
    model = both.model
    one, two = both.clip(0.9), both.clip(1.3, 1)
    without_letters = replace(both.prompt(one), style=replace(model.style, letters=False))
    prompts = [
        prompt
        for asked in (without_letters, both.prompt(two), both.prompt(one), both.prompt(one, two))
        for prompt in rotations(asked)
    ]
    prompts += rotations(both.prompt())
    found = model.choice_logprobs(prompts)
    for prompt, values in zip(prompts, found, strict=True):
        with torch.no_grad():
            sums = [model.logprobs([prompt], [text]).item() for text in prompt.targets]
        expected = torch.tensor(sums).double().log_softmax(0)
        np.testing.assert_allclose(values, expected, atol=1e-4)
    assert model.engine.encodes == 2
    monkeypatch.setattr(tree_forward, "_LONG_TREE", 8)  # the shared prefix is prefilled first
    for values, again in zip(found, model.choice_logprobs(prompts), strict=True):
        np.testing.assert_allclose(again, values, atol=1e-4)
    mode = TreeReader(model.net.lm).mode(100)
    assert mode == ("tree" if model.family.by_mask else "copies")
    sampling = Sampling(max_tokens=4)
    alone = [model.generate([prompt], sampling)[0] for prompt in prompts]
    assert model.generate(prompts, sampling) == alone
