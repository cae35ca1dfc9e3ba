"""Published models by name: built tiny, taught a few steps, saved; published sizes counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.audio.clip import noise, silence
from harken.models.base import Prompt, Sampling
from harken.models.composed.encoders.registry import ENCODERS
from harken.models.composed.model import ComposedModel
from harken.models.composed.projectors.registry import PROJECTORS
from harken.models.composed.systems.base import System
from harken.models.composed.systems.published import published_counts
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.composed.systems.tiny import tiny_model
from harken.models.engine.net import GROUPS, set_trainable
from tiny_audio import TEXTS, alike, named

NAMES = [
    "pengi", "ltu", "slam-asr", "ultravox", "mellow", "qwen-audio", "mallm", "qwen2-audio",
    "salmonn", "gama", "audio-flamingo-1", "audio-flamingo-2", "audio-flamingo-3", "moss-audio",
]  # fmt: skip


def test_the_table_has_the_systems() -> None:
    assert [*SYSTEMS][: len(NAMES)] == NAMES
    for system in SYSTEMS.members():
        assert all(part.kind in ENCODERS for part in system.encoders)
        assert system.projector.partition("?")[0] in PROJECTORS
        assert {*system.trained} <= {*GROUPS} and system.paper and system.licence


@pytest.fixture(scope="module", params=NAMES)
def taught(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ComposedModel, list[Prompt], list[float]]]:
    """A tiny model after a few steps on one batch, the batch, and its losses."""
    folder = tmp_path_factory.mktemp("sounds")
    model = tiny_model(SYSTEMS.get(request.param), TEXTS)
    items = [named(folder, "noise"), named(folder, "low tone"), alike(folder, "noise", "low tone")]
    prompts = [make_prompt(item, model.style) for item in items]
    answers = [item.answer for item in items]
    trained = set_trainable(model.net, GROUPS)
    optimiser = torch.optim.AdamW(trained, lr=3e-3)
    losses = []
    for _ in range(4):
        loss = -model.logprobs(prompts, answers).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    model.net.requires_grad_(False)
    yield model, prompts, losses


def test_a_step_lowers_the_loss_and_the_audio_matters(
    taught: tuple[ComposedModel, list[Prompt], list[float]],
) -> None:
    model, prompts, losses = taught
    assert losses[1] < losses[0] and losses[-1] < losses[1], losses
    one = prompts[0]
    other = [replace(one, parts=_with(one, clip)) for clip in (silence(0.5), noise(0.5, 1))]
    values = [model.logprobs([prompt], [one.targets[0]]).item() for prompt in (one, *other)]
    assert abs(values[0] - values[1]) > 1e-5 and abs(values[0] - values[2]) > 1e-5, values


def test_several_clips_in_a_prompt_are_in_their_order(
    taught: tuple[ComposedModel, list[Prompt], list[float]],
) -> None:
    model, prompts, _ = taught
    two = prompts[2]
    clips = [part for part in two.parts if not isinstance(part, str)]
    assert len(clips) == 2
    turned = iter(clips[::-1])
    swapped = replace(
        two, parts=tuple(p if isinstance(p, str) else next(turned) for p in two.parts)
    )
    told = [model.logprobs([prompt], ["yes"]).item() for prompt in (two, swapped)]
    assert abs(told[0] - told[1]) > 1e-7, told
    alone = [model.logprobs([p], [p.targets[0]]).item() for p in prompts]
    together = model.logprobs(prompts, [p.targets[0] for p in prompts])
    assert together.tolist() == pytest.approx(alone, abs=1e-3)


def test_saved_and_opened_again_it_is_the_same(
    taught: tuple[ComposedModel, list[Prompt], list[float]], tmp_path: Path
) -> None:
    model, prompts, _ = taught
    model.save(tmp_path / "model")
    again = ComposedModel.load(tmp_path / "model")
    assert again.identity() == model.identity()
    assert again.choice_logprobs(prompts) == model.choice_logprobs(prompts)
    sampling = Sampling(max_tokens=3, temperature=1.0)
    assert again.generate(prompts, sampling) == model.generate(prompts, sampling)


def test_choices_are_those_of_one_forward_pass_each(
    taught: tuple[ComposedModel, list[Prompt], list[float]],
) -> None:
    """Prompt trees, where the model allows them, give what each prompt with each answer gives."""
    model, prompts, _ = taught
    found = model.choice_logprobs(prompts[:1])[0]
    assert found is not None
    sums = [model.logprobs(prompts[:1], [text]).item() for text in prompts[0].targets]
    expected = torch.tensor(sums).double().log_softmax(0).tolist()
    assert list(found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_published_size_is_what_paper_or_card_states(name: str) -> None:
    """Counted on the meta device; each entry of `System.sizes` has its own tolerance."""
    system: System = SYSTEMS.get(name)
    counts = published_counts(system)
    assert counts["all"] == system.built
    for size in system.sizes:
        built = sum(counts[group] for group in size.what.split("+"))
        assert built == pytest.approx(size.count, rel=size.tolerance), (size, counts)


def _with(prompt: Prompt, clip: object) -> tuple[object, ...]:
    return tuple(part if isinstance(part, str) else clip for part in prompt.parts)
