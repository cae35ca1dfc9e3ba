"""Replies to one prompt, computed together: the numbers and gradients of each reply by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_audioflamingo3
import tiny_granite
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
from tiny import write

from harken.ask.prompt import make_prompt
from harken.models.base import Sampling
from harken.models.engine import reply_logprobs as module
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.reply_logprobs import (
    fixed_logprobs,
    in_chunks,
    reply_logits,
    reply_logprobs,
)
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from tiny_audio import NAMES, alike, mini, named

NATIVE: dict[str, Any] = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "granite_speech": tiny_granite.TINIES[0],
    "qwen2_5_omni": tiny_qwen_omni.TINIES[0],
}
KINDS = ("composed", *NATIVE)


@pytest.fixture(scope="module", params=KINDS)
def learner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Learner:
    if request.param == "composed":
        return mini(1)
    tiny, folder = NATIVE[request.param], tmp_path_factory.mktemp(request.param)
    write(tiny, folder, FAMILIES.get(tiny.kind).template)
    return load_learner(f"native:{folder}")


def replies_to(learner: Learner, folder: Path, group: int = 4) -> list[TokenizedPrompt]:
    """A group of replies, of several lengths, to each of four prompts (one, two, no clips).

    Two are about the same clip, so that they may share a beginning.
    """
    items = [named(folder, NAMES[0], 0, 0.3), alike(folder, NAMES[1], NAMES[2]),
             replace(named(folder, NAMES[3], 1, 0.3), facts=(), clips=()),
             replace(named(folder, NAMES[0], 0, 0.3), choices=NAMES[::-1])]  # fmt: skip
    rng = np.random.default_rng(0)
    end = learner.tokenizer.eos
    found = []
    for item in items:
        prompt = learner.tokenize(make_prompt(item, learner.style))
        words = learner.tokenizer.encode(" ".join(NAMES))
        for k in range(group):
            ids = [*rng.choice(words, k + 1).tolist(), end]
            found.append(replace(prompt, ids=(*prompt.ids, *ids), answer=len(ids)))
        found.append(found[-1])  # two replies of a group may be equal
    return [found[i] for i in rng.permutation(len(found))]


def gradients(learner: Learner, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    learner.net.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {
        name: p.grad.clone() for name, p in learner.net.named_parameters() if p.grad is not None
    }


def one_by_one(
    learner: Learner, replies: list[TokenizedPrompt]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each reply in a row of its own; the placeholder is never sampled."""
    logits, ids, rows = learner.engine.answer_logits(replies)
    others = [i for i in range(logits.shape[1]) if i != learner.tokenizer.audio]
    total = logits[:, others].logsumexp(-1)
    return logits.gather(1, ids[:, None])[:, 0] - total, rows


def test_a_group_together_is_each_reply_by_itself(learner: Learner, tmp_path: Path) -> None:
    replies = replies_to(learner, tmp_path)
    parameters = learner.trainable(("audio_encoder", "projector", "lm"))
    assert parameters
    expected, rows = one_by_one(learner, replies)
    found, own_rows = reply_logprobs(learner.engine, replies)
    assert torch.equal(rows, own_rows) and len(rows) == sum(one.answer for one in replies)
    assert torch.allclose(found, expected, atol=1e-5), (found - expected).abs().max()
    weights = torch.linspace(-1, 1, len(found))  # every token counts for itself
    assert learner.engine.audio is not None
    ours = gradients(learner, (found * weights).sum())
    theirs = gradients(learner, (one_by_one(learner, replies)[0] * weights).sum())
    assert set(ours) == set(theirs)
    for name, grad in theirs.items():
        scale = max(1.0, float(grad.abs().max()))
        assert torch.allclose(ours[name], grad, atol=2e-5 * scale), name


def test_each_prompt_and_clip_is_in_the_pass_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = mini(1)
    replies = [one for one in replies_to(learner, tmp_path) if one.audio_inputs]
    seen: list[int] = []
    plain = learner.engine.embedded

    def counted(prompts: Any, **more: Any) -> Any:
        seen.append(sum(len(prompt.ids) for prompt in prompts))
        return plain(prompts, **more)

    monkeypatch.setattr(learner.engine, "embedded", counted)
    reply_logits(learner.engine, replies)
    prompts = {one.ids[: one.start] for one in replies}
    # A reply's last token is not in the pass.
    most = sum(map(len, prompts)) + sum(one.answer - 1 for one in replies)
    assert sum(map(len, prompts)) <= sum(seen) <= most < sum(len(one.ids) for one in replies) / 2


@pytest.mark.parametrize("room", [1, 3, 4, 5, 9, 100])
def test_replies_of_any_number_are_computed_in_chunks_of_whole_groups(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for so many of the longest replies; a group that does not fit is divided."""
    learner = mini(1)
    replies = replies_to(learner, tmp_path)
    replies = [*replies, *replies[:2]]  # a group of which there is a part
    costs = [one.answer * learner.tokenizer.size for one in replies]
    monkeypatch.setattr(module, "_LOGITS", room * max(costs))
    monkeypatch.setattr(module, "_TOKENS", 1 << 40)
    chunks = list(in_chunks(learner.engine, replies))
    assert [one for few in chunks for one in few] == replies
    sizes = [sum(one.answer * learner.tokenizer.size for one in few) for few in chunks]
    assert all(size <= room * max(costs) * (1 + 1e-6) for size in sizes)
    if room >= 4:
        starts = [few[0].ids[: few[0].start] for few in chunks]
        ends = [few[-1].ids[: few[-1].start] for few in chunks]
        assert all(a != b for a, b in zip(ends, starts[1:], strict=False))  # no group is divided
    assert (len(chunks) == 1) is (room == 100)
    found = fixed_logprobs(learner.engine, replies)
    assert not found.requires_grad
    assert torch.allclose(found, reply_logprobs(learner.engine, replies)[0], atol=1e-5)


@pytest.mark.parametrize("tokens", [1, 40, 200])
def test_long_prompts_are_fewer_in_a_chunk(
    tokens: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = mini(1)
    replies = replies_to(learner, tmp_path)
    monkeypatch.setattr(module, "_TOKENS", tokens)
    chunks = list(in_chunks(learner.engine, replies))
    assert [one for few in chunks for one in few] == replies
    assert all(len(few) == 1 or sum(len(one.ids) for one in few) <= tokens for few in chunks)
    assert len(chunks) > 1 and list(in_chunks(learner.engine, [])) == []


def test_a_single_reply_needs_no_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = mini(1)
    (reply, *_) = replies_to(learner, tmp_path)
    monkeypatch.setattr(learner.engine, "embedded", None)  # what trees use
    found, _ = reply_logprobs(learner.engine, [reply])
    assert torch.allclose(found, one_by_one(learner, [reply])[0], atol=1e-5)


def test_sampled_replies_have_the_log_probabilities_of_their_tokens(
    learner: Learner, tmp_path: Path
) -> None:
    """Those of the generating pass (with its cache) are those of a pass over the whole reply."""
    prompt = learner.tokenize(make_prompt(alike(tmp_path, *NAMES[:2]), learner.style))
    seeds = [[0, k] for k in range(6)]
    sampling = Sampling(max_tokens=5, temperature=1.5)
    asked = dict.fromkeys(range(6), prompt)
    sampled = learner.sample(asked, sampling, seeds, logprobs=True)
    replies = [
        replace(prompt, ids=(*prompt.ids, *sampled[k].ids), answer=len(sampled[k].ids))
        for k in range(6)
    ]
    known = [value for k in range(6) for value in sampled[k].logprobs]
    with torch.no_grad():
        found = reply_logprobs(learner.engine, replies)[0]
    assert len(known) == len(found)
    assert np.allclose(known, found.numpy(), atol=2e-5)
    plain = learner.sample(asked, sampling, seeds)
    assert all(not plain[k].logprobs and plain[k].ids == sampled[k].ids for k in range(6))
