"""Every recipe end to end in smoke size: a tiny model on the generated corpus."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("torch")

from harken.errors import ConfigError
from harken.models.base import MODEL_FILE
from harken.models.load import load_model
from harken.recipes.handover import read_handover
from harken.recipes.job import SIZES
from harken.recipes.registry import RECIPES
from harken.runs import read_run
from harken.train.stages import STAGES

sys.path.insert(0, str(Path(__file__).parent))
from small_corpus import job, made

STORIES = {
    "mallm": ("joint",),
    "salmonn": ("pretrain", "instruct", "activation"),
    "qwen2-audio": ("align", "instruct", "dpo"),
    "slam-asr": ("align",),
    "tac-timestamps": ("timestamps",),
    "small": ("ctc", "align", "joint"),
}
KINDS = {"pretrain": "align", "instruct": "sft"}


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("small"))


def lacking(name: str) -> list[str]:
    """Stages of a recipe that are not installed."""
    return [stage for stage in STORIES[name] if KINDS.get(stage, stage) not in STAGES]


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_a_recipe_runs_and_goes_on_where_it_stopped(
    name: str, items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacking(name):
        pytest.skip(f"no stage {', '.join(lacking(name))}")
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    learner = RECIPES.get(name).run(job(name, items, tmp_path))
    assert (tmp_path / "model" / MODEL_FILE).is_file()
    assert load_model(str(tmp_path / "model")).identity() == learner.identity()
    stages = STORIES[name]
    for stage in stages:
        run = read_run(tmp_path / "training" / stage)
        assert run.done
        left = read_handover(tmp_path / "training" / stage)
        assert left is not None and left.stage == stage and left.items and left.clips
    if len(stages) > 1:
        assert any(f"{stages[1]} has" in line and stages[0] in line for line in told)
    again = RECIPES.get(name).run(job(name, items, tmp_path))
    assert again.identity() == learner.identity()


@pytest.mark.parametrize("name", list(RECIPES))
def test_sizes_differ_in_the_steps_alone_and_every_stage_has_settings(name: str) -> None:
    if name in STORIES and lacking(name):
        pytest.skip(f"no stage {', '.join(lacking(name))}")
    smoke, full = (RECIPES.get(name).plan("model", size, 3) for size in ("smoke", "full"))
    assert list(smoke) == list(full) == list(STORIES.get(name, ("sft", "grpo")))
    for stage in full:
        small, large = asdict(smoke[stage]), asdict(full[stage])
        assert small["steps"] <= 4 < large["steps"]
        assert {small["seed"], large["seed"]} == {3}
        changed = {key for key in small if small[key] != large[key]}
        assert changed <= {"steps", "batch", "items", "group", "max_tokens", "checkpoint_every"} | {
            *("accumulate", "examples", "samples")
        }


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"Use {' or '.join(SIZES)}"):
        RECIPES.get("slam-asr").plan("model", "tiny", 0)


def test_published_numbers_are_those_of_the_references() -> None:
    w2s, m2s = (
        RECIPES.get(n).plan("model", "full", 0) for n in ("weak-to-strong", "mixed-to-strong")
    )
    assert [w2s[s].steps for s in ("sft", "grpo")] == [750, 100]
    assert [m2s[s].steps for s in ("sft", "grpo")] == [1000, 900]
    sft, grpo = m2s["sft"], m2s["grpo"]
    assert (sft.lr, sft.warmup, sft.batch) == (1e-6, 0.05, 20)
    assert (grpo.lr, grpo.warmup, grpo.kl, grpo.group) == (1e-6, 0.01, 0.001, 8)
    assert (grpo.temperature, grpo.top_k, grpo.rewards) == (1.5, 4, "accuracy=2,format=0.5")
    slam = RECIPES.get("slam-asr").plan("model", "full", 0)["align"]
    assert (slam.lr, slam.steps * slam.warmup, slam.groups) == (1e-4, 1000, ("projector",))
    tac = RECIPES.get("tac-timestamps").plan("model", "full", 0)["timestamps"]
    assert (tac.lr, tac.steps, tac.batch, tac.steps * tac.warmup) == (5e-5, 5000, 32, 1000)
    assert tac.weight == 5.0
