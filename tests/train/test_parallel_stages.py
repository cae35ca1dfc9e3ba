"""Every stage in several processes: weights and metrics of one process, and errors that end all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from learner_kinds import projecting
from test_parallel import assert_close, launch
from two_processes import all_items, learner_of, train

from harken.audio.clip import Clip
from harken.errors import ConfigError, RunError
from harken.models.engine.batch import AudioInput
from harken.models.learner import Learner
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train import parallel
from harken.train.grpo_settings import GrpoSettings
from harken.train.measure import prompts_in
from harken.train.objective import Objective, Prepared
from harken.train.sft import SftSettings
from harken.train.stages import STAGES
from tiny_audio import TEXTS

PROJECTS = list(projecting("composed"))
ANSWERS = {"least": 1, "least_tokens": 1, "max_tokens": 24, "temperature": 1.5, "top_p": 1.0}
REPLIES = {
    "items": 2, "group": 4, "max_tokens": 4, "temperature": 2.0, "accumulate": 2,
    "rewards": "accuracy=1,length=1", "reward_settings": {"length": {"limit": 1}},
}  # fmt: skip

JOBS: dict[str, dict[str, Any]] = {
    "ctc": {"held_out": 0.3, "groups": PROJECTS, "evaluate_every": 2, "batch": 3},
    "distil": {"cross_entropy": 0.5, "batch": 3},
    "distil-teacher": {"stage": "distil", "answers": "teacher", "max_tokens": 6},
    "distil-lora": {"stage": "distil", "kind": "lora", "groups": ["projector", "lm"]},
    "activation": {"kind": "adapted", "collect": 6, **ANSWERS, "prompts": [TEXTS[0]]},
    "dpo": {"from_choices": True, "loss": "ipo", "batch": 3},
    "joint": {"single": 0.4},
    "text-warmup": {},
    "align": {"audio_dropout": 0.3, "nothing": 0.3, "modality_dropout": 0.2},
    "timestamps": {"resolution": 0.1, "max_s": 2.0},
    "grpo": {**REPLIES, "kl": 0.05, "reuse": 2},
    "grpo-token": {"stage": "grpo", **REPLIES, "normalise": "token", "token_share": 0.5},
}
"""By name; the stage is the name, unless given."""

WHOLE = ("grpo", "grpo-token")
"""What the whole model is needed for."""


def jobs(root: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The jobs, with a model that knows some answers for ``idk``."""
    taught = learner_of("")
    few = [item for item in all_items(root / "sounds") if item.choices][:2]
    settings = SftSettings(steps=40, batch=2, lr=1e-2, threads=1)
    run_stage("sft", taught, few, settings, root / "taught.runs")
    taught.save(root / "taught")
    idk = {"kind": str(root / "taught"), "known_from": 1, "temperature": 0.2, "max_tokens": 4}
    found = {**JOBS, "idk": {**idk, "batch": 6}}
    kept = {name: job for name, job in found.items() if kind == "ddp" or name not in WHOLE}
    return {name: {"stage": name, "steps": 4, **job} for name, job in kept.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", parallel.KINDS)
def test_every_stage_in_two_processes_ends_with_the_weights_of_one(
    kind: str, tmp_path: Path
) -> None:
    asked = jobs(tmp_path, kind)
    assert {job["stage"] for job in asked.values()} >= {*STAGES} - {"sft", "grpo"}
    launch(tmp_path / "two", kind, asked)
    for name, job in asked.items():
        train(tmp_path / "one" / name, job)
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        print(name)  # for a failure below
        assert_close(one, two, str(job.get("kind", "")), job["stage"])
        ranks = [json.loads((two / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
        assert ranks[0] == ranks[1] and ranks[0]["size"] == 2
        for own in (one, two):  # what is made before the first step is made once
            for file in (path for path in own.rglob("*.jsonl") if path.stem != "log"):
                twin = (two if own is one else one) / file.relative_to(own)
                assert len(file.read_text().splitlines()) == len(twin.read_text().splitlines())


@pytest.mark.slow
def test_replies_of_a_server_are_asked_for_by_one_process(tmp_path: Path) -> None:
    """Weights are pushed and replies sampled as in one process, once a turn."""
    pytest.importorskip("aiohttp")
    from test_server_rollouts import serving

    for count in (1, 2):
        root = tmp_path / str(count)
        with serving(learner_of(""), root / "weights") as url:
            server = {"rollouts": f"openai:harken-mini@{url}?retries=1", "parity_every": 1}
            server |= {"push": f"folder:{root / 'weights'}"}
            job = {"stage": "grpo", "steps": 3, **REPLIES, **server, "checkpoint_every": 1}
            if count == 1:
                train(root / "served", job)
            else:
                launch(root, "ddp", {"served": job})
    one, two = tmp_path / "1" / "served", tmp_path / "2" / "served"
    assert_close(one, two, stage="grpo")
    replies = [read_run(own / "grpo").records("rollouts") for own in (one, two)]
    assert [r["text"] for r in replies[0]] == [r["text"] for r in replies[1]]
    assert len(replies[1]) == 3 * 8


def counting(learner: Learner, keys: list[str]) -> Callable[[Clip], AudioInput]:
    """`audio_input` of a learner that writes down the keys of the clips."""
    plain = learner.audio_input

    def load(clip: Clip) -> AudioInput:
        keys.append(clip.key)
        return plain(clip)

    return load


def keeping(objectives: list[Objective]) -> Callable[..., None]:
    """A train loop that keeps what it should train."""
    return lambda learner, settings, run, objective: objectives.append(objective)


@pytest.mark.parametrize(
    ("module", "changes"),
    [
        ("answers", {}),
        ("answers", {"pack_tokens": 300, "modality_dropout": 0.3, "audio_dropout": 0.2}),
        ("answers", {"batch": 2, "accumulate": 3, "nothing": 0.4}),
        ("dpo", {"from_choices": True}),
        ("distil", {}),
        ("ctc", {}),
    ],
)
def test_each_process_loads_the_audio_of_its_own_examples_only(
    module: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together they load what one does; what is drawn for the step is the same for all."""
    name = "sft" if module == "answers" else module
    settings = STAGES.get(name).settings(**{"steps": 4, "batch": 6, **changes})
    asked = STAGES.get(name).chosen(all_items(tmp_path / "sounds"), settings)
    loaded: dict[tuple[int, int], list[list[str]]] = {}
    prepared: dict[tuple[int, int], list[Prepared]] = {}
    for size, rank in ((1, 0), (2, 0), (2, 1), (3, 2)):
        with monkeypatch.context() as patch:
            Others(patch, rank, size=size)
            objectives: list[Objective] = []
            keys: list[str] = []
            learner = learner_of("")
            audio_input = counting(learner, keys)
            patch.setattr(learner, "audio_input", audio_input)
            patch.setattr(learner.prompt_tokenizer, "audio_input", audio_input)
            patch.setattr(f"harken.train.{module}.train_loop", keeping(objectives))
            with Run.open(tmp_path / "run", {}) as run:  # what process 0 made is there
                STAGES.get(name).run(learner, asked, settings, run)
            for step in range(4):
                keys.clear()
                prepared.setdefault((size, rank), []).append(objectives[0].prepare(step))
                loaded.setdefault((size, rank), []).append(list(keys))
    whole = sum(map(len, loaded[1, 0]))
    for step in range(4):
        both = sorted(loaded[2, 0][step] + loaded[2, 1][step])
        assert both == sorted(loaded[1, 0][step])  # each clip by one process, none by both
        one, first, second = (prepared[at][step] for at in ((1, 0), (2, 0), (2, 1)))
        for count, number in one.counts.items():
            assert first.counts[count] + second.counts[count] == number, count
        weights = [sum(m.weight for m in own.micro_batches) for own in (one, first, second)]
        assert weights[0] == weights[1] + weights[2]
        ids = [
            sorted(p.ids for m in own for p in prompts_in(m.batch))
            for own in (one.micro_batches, [*first.micro_batches, *second.micro_batches])
        ]
        assert ids[0] == ids[1]
    assert sum(map(len, loaded[3, 2])) < 0.6 * whole


def test_grpo_of_a_sharded_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "sharded", lambda: True)
    settings = GrpoSettings(steps=1)
    with pytest.raises(ConfigError, match="the model is sharded") as caught:
        run_stage("grpo", learner_of(""), all_items(tmp_path), settings, tmp_path / "run")
    assert "--parallel ddp" in (caught.value.hint or "")


class Others:
    """Stands in for torch.distributed: other processes, which fail or do not."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, rank: int, *, fails: str = "", size: int = 2
    ) -> None:
        self.fails = fails
        monkeypatch.setattr(parallel, "size", lambda: size)
        monkeypatch.setattr(parallel, "rank", lambda: rank)
        monkeypatch.setattr(parallel, "share", lambda value: value)
        monkeypatch.setattr(parallel, "summed", self.summed)
        monkeypatch.setattr(parallel.dist, "all_gather_object", self.gather)

    def summed(self, values: list[float]) -> list[float]:
        return [value + bool(self.fails) for value in values]

    def gather(self, told: list[str], own: str) -> None:
        told[parallel.rank()], told[1 - parallel.rank()] = own, self.fails


@pytest.mark.parametrize("rank", [0, 1])
def test_what_one_process_cannot_do_ends_all(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Others(monkeypatch, rank, fails="clip.wav cannot be read")
    with pytest.raises(RunError, match=f"process {1 - rank} stopped: clip.wav cannot be read"):
        parallel.together(lambda: 3)
    Others(monkeypatch, rank)
    assert parallel.together(lambda: 3) == 3

    def bad() -> int:
        raise ConfigError("own")

    with pytest.raises(ConfigError, match="own"):
        parallel.together(bad)


def test_the_first_process_works_and_the_others_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    for rank in (0, 1):
        Others(monkeypatch, rank)
        parallel.in_first(lambda rank=rank: done.append(rank))
    assert done == [0]
    Others(monkeypatch, 1, fails="a label cannot be made")
    with pytest.raises(RunError, match="process 0 stopped: a label"):
        parallel.in_first(lambda: done.append(1))
    assert done == [0]
