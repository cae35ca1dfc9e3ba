"""Packing in the stages with two answers or two readers: packed as padded, and who is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_granite
import torch
from learner_kinds import KINDS, learner_folders
from tiny import write

from harken.config import settings_of
from harken.errors import ConfigError
from harken.item import Item
from harken.models.engine.net import eval_mode
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.recipes.steps import run_stage
from harken.runs import read_run
from harken.train import before
from harken.train import distil as distil_stage
from harken.train import dpo as dpo_stage
from harken.train.distil import DistilSettings, text_pair, with_their_texts
from harken.train.dpo import DpoSettings, ScoredPair
from harken.train.preferences import tokenized_pair
from harken.train.stages import STAGES
from tiny_audio import NAMES, alike, heard, mini, named

ROOMS = (1, 60, 10_000)
"""A row for each example, some in a row, and all in one."""

Loss = Callable[[int], torch.Tensor]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return learner_folders(tmp_path_factory.mktemp("packed"))


def items(folder: Path) -> list[Item]:
    """Of different lengths, with one clip, two, and options; each has a rejected answer."""
    one = [named(folder, name, n, 0.2 + 0.4 * n) for n, name in enumerate(NAMES)]
    opened = [replace(one[n], choices=(), question="What?") for n in (0, 3)]
    return [
        replace(item, rejected=NAMES[(NAMES.index(item.answer) + 1) % 4])
        for item in (*one, *opened)
    ] + [replace(alike(folder, "noise", "clicks"), rejected="yes")]


def require_equal(learner: Learner, loss: Loss) -> None:
    """Loss and gradients of packed rows are those of padded ones; no row is left out."""
    found = {}
    for room in (0, *ROOMS):
        learner.net.zero_grad()
        with eval_mode(learner.net):
            value = loss(room)
            value.backward()
        grads = {n: p.grad.clone() for n, p in learner.net.named_parameters() if p.grad is not None}
        found[room] = (value.detach(), grads)
    plain, expected = found.pop(0)
    assert float(plain) > 1e-3 and sum(float(grad.abs().sum()) for grad in expected.values()) > 0
    for value, grads in found.values():
        torch.testing.assert_close(value, plain, atol=1e-5, rtol=0)
        assert {*grads} == {*expected}
        for name, grad in expected.items():
            torch.testing.assert_close(grads[name], grad, atol=1e-5, rtol=0, msg=name)


def counted_rows(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on: the numbers of rows that are packed."""
    rows: list[int] = []
    plain = learner.engine._forward_packed

    def forward(packed: Any, prompts: Any) -> Any:
        rows.append(len(packed.trees))
        return plain(packed, prompts)

    monkeypatch.setattr(learner.engine, "_forward_packed", forward)
    return rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", dpo_stage.LOSSES)
def test_packed_pairs_have_the_loss_and_gradient_of_padded_ones(
    kind: str, loss: str, folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = load_learner(folders[kind])
    asked = [tokenized_pair(learner, item, 0) for item in items(tmp_path)]
    draws = torch.Generator().manual_seed(0)

    def drawn(count: int) -> torch.Tensor:  # a reference that is not the model itself
        return -5 * torch.rand(count, generator=draws)

    scored = [
        ScoredPair(one, drawn(one.chosen.answer_tokens), drawn(one.rejected.answer_tokens))
        for one in asked
    ]
    settings = DpoSettings(loss=loss, beta=0.5)
    rows = counted_rows(learner, monkeypatch)
    require_equal(
        learner,
        lambda room: dpo_stage.pair_loss(learner, scored, replace(settings, pack_tokens=room))[0],
    )
    assert len(rows) == len(ROOMS) and rows[0] == 2 * len(scored) and rows[-1] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{}, {"cross_entropy": 0.7, "temperature": 2.0}])
def test_packed_teacher_and_student_have_the_divergence_of_padded_ones(
    kind: str,
    changes: dict[str, Any],
    folders: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = load_learner(folders[kind])
    known, _ = with_their_texts(items(tmp_path))
    pairs = [text_pair(learner, one, {}) for one in known]
    settings = DistilSettings(**changes)
    rows = counted_rows(learner, monkeypatch)
    require_equal(
        learner,
        lambda room: distil_stage.pair_loss(learner, pairs, replace(settings, pack_tokens=room))[0],
    )
    assert len(rows) == 2 * len(ROOMS) and rows[0] == len(pairs) and rows[-1] == 1


@pytest.mark.parametrize(
    ("name", "changes"),
    [("dpo", {"beta": 0.3}), ("distil", {}), ("distil", {"cross_entropy": 0.5})],
)
def test_a_packed_training_has_the_losses_of_a_padded_one(
    name: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    records = []
    for room in (0, 120):
        settings = STAGES.get(name).settings(
            steps=3, batch=4, lr=1e-3, threads=1, pack_tokens=room, **changes
        )
        run_stage(name, mini(1), items(tmp_path / "sounds"), settings, tmp_path / str(room))
        records.append(read_run(tmp_path / str(room) / name).records("metrics"))
    for padded, packed in zip(*records, strict=True):
        assert padded["answer_tokens"] == packed["answer_tokens"]
        assert packed["loss"] == pytest.approx(padded["loss"], abs=5e-5)
        assert packed["grad_norm"] == pytest.approx(padded["grad_norm"], rel=2e-3)


@pytest.mark.parametrize("name", ["dpo", "distil"])
def test_a_model_that_cannot_be_packed_is_refused_with_the_reason(
    name: str, tmp_path: Path
) -> None:
    tiny = tiny_granite.TINIES[0]
    write(tiny, tmp_path / "own", FAMILIES.get(tiny.kind).template)
    by_row = load_learner(f"native:{tmp_path / 'own'}")
    settings = STAGES.get(name).settings(steps=1, pack_tokens=50)
    for learner, words in ((by_row, "adapter is switched"), (mini(lm="lfm2-ca"), "lfm2")):
        with pytest.raises(ConfigError, match=f"pack_tokens is 50, .*{words}") as caught:
            run_stage(name, learner, items(tmp_path), settings, tmp_path / words[:4])
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["dpo", "distil"])
@pytest.mark.parametrize("words", [1, 60])
def test_the_longest_of_all_examples_decides_whether_they_can_be_packed(
    name: str, words: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worse answer, or what the teacher reads, may be longer than what is heard."""
    asked: list[int] = []
    monkeypatch.setattr(before, "refusal", lambda reader, most: asked.append(most) or "")
    learner = mini(1)
    long = heard(" ".join(["noise"] * words))
    some = [
        replace(item, rejected=item.rejected + " noise" * words, choices=(), facts=long)
        for item in items(tmp_path)[:3]
    ]
    pairs = [tokenized_pair(learner, item, 0) for item in some]
    lengths = [len(one.rejected.ids) for one in pairs]
    if name == "distil":
        known, _ = with_their_texts(some)
        both = [text_pair(learner, one, {}) for one in known]
        lengths = [len(p.ids) for pair in both for p in (pair.student, pair.teacher)]
    settings = STAGES.get(name).settings(steps=1, batch=3, threads=1, pack_tokens=400)
    run_stage(name, learner, some, settings, tmp_path / "run")
    assert max(asked) == max(lengths)


def refusal(overrides: Sequence[str]) -> str:
    parts = {name: STAGES.get(name).settings() for name in ("ctc", "grpo", "sft")}
    with pytest.raises(ConfigError) as caught:
        settings_of(parts, overrides=overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("stage", "reason"),
    [("ctc", "the language model is not run"), ("grpo", "share one pass over their prompt")],
)
def test_stages_without_rows_refuse_packing_with_the_reason(stage: str, reason: str) -> None:
    told = refusal([f"{stage}.pack_tokens=64"])
    assert f"{stage}.pack_tokens is not possible" in told and reason in told
    assert f"unknown setting '{stage}.pack_token'" in refusal([f"{stage}.pack_token=64"])


def test_packing_is_refused_with_other_faults_at_once() -> None:
    told = refusal(["ctc.pack_tokens=64", "sft.stps=3"])
    assert "ctc.pack_tokens is not possible" in told and "did you mean steps" in told
