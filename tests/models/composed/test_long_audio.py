"""Long clips window by window: bounded tokens and memory, gradients, time, kept frames."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip, Part, ScenePlan, noise, silence
from harken.errors import ConfigError
from harken.item import Item
from harken.models.composed.long_audio import (
    WindowedFeatures,
    heard_in_windows,
    tokens_in_windows,
    window_frames,
)
from harken.models.composed.model import ComposedModel
from harken.models.composed.with_memory import with_memory

WINDOW_S, SUMMARY, SEGMENTS = 1.0, 3, 4
SPEC = f"memory?window_s={WINDOW_S}&summary={SUMMARY}&segments={SEGMENTS}"


@pytest.fixture(scope="module")
def model() -> ComposedModel:
    """Its times and scores are as after a training; they are zero at first."""
    found = with_memory(ComposedModel.preset("harken-mini", ["what is heard"], seed=1), SPEC)
    projector: Any = found.net.projector
    torch.nn.init.normal_(projector.time.weight, std=0.05)
    torch.nn.init.normal_(projector.of_two.score.weight)
    return found


def scene(seconds: float, *sounds: tuple[int, float]) -> Clip:
    """Noises (their seed and onset in seconds) in silence."""
    parts = [Part(noise(0.9, seed), at_s, 20.0) for seed, at_s in sounds]
    plan = ScenePlan((Part(silence(seconds)), *parts), seconds, gain_db=-12.0)
    return Clip("plan", duration_s=seconds, plan=plan)


def windows(model: ComposedModel, clip: Clip) -> WindowedFeatures:
    found = model.features(clip)
    assert isinstance(found, WindowedFeatures)
    return found


def heard(model: ComposedModel, clip: Clip) -> Any:
    with torch.no_grad():
        (tokens,) = model.net.encode([model.load_audio(clip).features])
    return tokens


def test_a_clip_is_divided_into_equal_windows(model: ComposedModel) -> None:
    found = windows(model, scene(4.5))
    assert (len(found), found.length_s) == (5, 0.9)
    assert [found.start_s(number) for number in range(5)] == [0.0, 0.9, 1.8, 2.7, 3.6]
    assert isinstance(model.features(scene(1.0)), np.ndarray)


@pytest.mark.parametrize(("seconds", "segments"), [(2.0, 2), (4.0, 4), (5.0, 4), (40.0, 4)])
def test_tokens_are_bounded_whatever_the_length(
    model: ComposedModel, seconds: float, segments: int
) -> None:
    clip = scene(seconds)
    assert model.load_audio(clip).tokens == len(heard(model, clip)) == SUMMARY * segments


def test_short_clips_are_heard_as_without_memory(model: ComposedModel) -> None:
    plain = ComposedModel.preset("harken-mini", ["what is heard"], seed=1)
    clip = scene(1.0, (3, 0.05))
    assert torch.equal(heard(model, clip), heard(plain, clip))


@pytest.mark.parametrize("gradient", [False, True])
def test_one_window_is_held_at_a_time(
    model: ComposedModel, gradient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of features, of frames, and with a gradient of what is saved for the backward pass."""
    alive: dict[str, set[int]] = {"features": set(), "frames": set()}
    most = dict.fromkeys(alive, 0)

    def watched(kind: str, one: Any) -> Any:
        alive[kind].add(id(one))
        weakref.finalize(one, alive[kind].discard, id(one))
        most[kind] = max(most[kind], len(alive[kind]))
        return one

    load, encode = WindowedFeatures.load, model.net.audio_encoder.encode
    monkeypatch.setattr(WindowedFeatures, "load", lambda *a: watched("features", load(*a)))

    def encoded(batch: Any) -> Any:
        frames, counts = encode(batch)
        return watched("frames", frames), counts

    monkeypatch.setattr(model.net.audio_encoder, "encode", encoded)
    saved = {}
    for count in (6, 60):
        with torch.set_grad_enabled(gradient):
            made, saved[count] = counted(model, float(count))
        assert made.requires_grad == gradient
    assert max(most.values()) <= 2, most
    if gradient:  # of a window a summary and a merge are saved, and nothing of its encoding
        _, of_one = counted(model, 1.0)
        assert (saved[60] - saved[6]) / 54 < 0.25 * of_one


def counted(model: ComposedModel, seconds: float) -> tuple[Any, int]:
    """The tokens of a silent clip, and how many numbers are saved for the backward pass."""
    sizes: list[int] = []

    def pack(tensor: Any) -> Any:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        (made,) = model.net.encode([model.load_audio(scene(seconds)).features])
    return made, sum(sizes)


def test_gradients_are_those_without_checkpoints(
    model: ComposedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, clip = model.net, scene(5.0, (1, 0.3), (2, 3.2))

    def gradients() -> dict[str, Any]:
        net.zero_grad()
        tokens = net.encode([model.features(clip)])[0]
        (tokens - torch.linspace(-1, 1, tokens.shape[1])).square().sum().backward()
        return {
            name: parameter.grad.clone()
            for name, parameter in net.named_parameters()
            if parameter.grad is not None
        }

    found = gradients()
    module = heard_in_windows.__module__
    monkeypatch.setattr(f"{module}.checkpoint", lambda make, number, use_reentrant: make(number))
    plain = gradients()
    net.zero_grad()
    assert found.keys() == plain.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, plain[name], msg=name)
    own = {name for name, value in found.items() if value.any()}
    missing = {n for n, _ in net.projector.named_parameters() if f"projector.{n}" not in own}
    assert missing == set()
    assert any(name.startswith("audio_encoder.") for name in own)


def test_order_and_time_of_windows_matter(model: ComposedModel) -> None:
    one, other = scene(4.0, (1, 0.0), (2, 2.0)), scene(4.0, (2, 0.0), (1, 2.0))
    first, second = heard(model, one), heard(model, other)
    assert not torch.allclose(first, second, atol=1e-3)
    swapped = [*range(6, 9), *range(3, 6), *range(3), *range(9, 12)]  # a permutation is not all
    assert not torch.allclose(first[swapped], second, atol=1e-3)
    quiet = heard(model, scene(4.0))
    assert not torch.allclose(quiet[:SUMMARY], quiet[SUMMARY : 2 * SUMMARY], atol=1e-3)


def test_a_clip_is_heard_in_a_batch_as_alone(model: ComposedModel) -> None:
    clips = [scene(3.3, (1, 0.3)), scene(0.8, (2, 0.0)), scene(7.1, (3, 5.0))]
    with torch.no_grad():
        together = model.net.encode([model.load_audio(clip).features for clip in clips])
    for clip, tokens in zip(clips, together, strict=True):
        torch.testing.assert_close(tokens, heard(model, clip), atol=1e-5, rtol=0)


def test_neighbours_that_stand_for_fewest_windows_become_one(model: ComposedModel) -> None:
    projector: Any = model.net.projector

    def numbered(number: int) -> Any:
        return torch.full((SUMMARY, projector._out), float(number))

    merged: list[tuple[float, float]] = []
    two = projector.of_two.forward
    projector.of_two.forward = lambda t: (merged.append((float(t[0, 0]), float(t[-1, 0]))), t[:3])[
        1
    ]
    try:
        with torch.no_grad():
            projector.remembered(8, numbered)
    finally:
        projector.of_two.forward = two
    # 0 1 2 3 4 -> 01 2 3 4 5 -> 01 23 4 5 6 -> 01 23 45 6 7 -> 01 23 45 67
    assert merged == [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0)]


def test_kept_frames_give_the_same_tokens(model: ComposedModel) -> None:
    clip = scene(5.5, (1, 0.3))
    with torch.no_grad():
        kept = window_frames(model.net.audio_encoder, windows(model, clip))
        assert model.net.tokens_of_frames(kept) == SUMMARY * SEGMENTS
        (again,) = model.net.project_frames([kept])
        torch.testing.assert_close(again, heard(model, clip), atol=1e-6, rtol=0)
        direct = tokens_in_windows(model.net.projector, kept)  # type: ignore[arg-type]
    assert torch.equal(direct, again)


def test_saved_and_opened_it_hears_the_same(model: ComposedModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    opened, clip = ComposedModel.load(tmp_path / "model"), scene(9.0, (1, 0.3), (2, 7.0))
    assert opened.identity() == model.identity()
    assert torch.equal(heard(opened, clip), heard(model, clip))


def test_a_window_beyond_the_encoder_is_refused() -> None:
    plain = ComposedModel.preset("harken-mini", ["what is heard"])
    with pytest.raises(ConfigError, match="window_s is 90"):
        with_memory(plain, "memory?window_s=90")


def test_a_long_clip_twice_in_a_batch_is_one_sound(model: ComposedModel) -> None:
    """Asked about twice, heard twice by one item, and as silence of one length."""
    clip, still = scene(4.5, (3, 1.0)), silence(4.5)
    items = [
        Item("What?", "a", ("a", "b"), (clip,)),
        Item("How often?", "a", ("a", "b"), (clip,)),
        Item("The same?", "a", ("a", "b"), (still, still)),
    ]
    prompts = [make_prompt(item, model.style) for item in items]
    together = model.choice_logprobs(prompts)
    for found, prompt in zip(together, prompts, strict=True):
        assert found == pytest.approx(model.choice_logprobs([prompt])[0], abs=1e-4)
