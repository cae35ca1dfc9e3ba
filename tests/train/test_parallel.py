"""Several processes: the gradient, the weights and the resumed run of one process.

Tolerances, in float32 and after six steps at 1e-3: the weights are apart by less than 0.2 % of the
way they went, and no value by more than a fifth of one step: gradients are added in another order,
and AdamW divides by their size, so where one is all but zero its last digits count. Losses and
norms of the gradient are equal to 0.1 %. With equal numbers of processes a resumed run is equal to
the last bit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from two_processes import learner_of, train

from harken.errors import ConfigError
from harken.models.learner import load_learner
from harken.runs import Run, read_run
from harken.train import parallel
from harken.train.checkpoint import open_stage
from harken.train.objective import Made, MicroBatch, Prepared, pieces, prepared
from harken.train.parallel import Follower, processes
from harken.train.step import whole_step
from paths import REPO

JOBS: dict[str, dict[str, Any]] = {
    "all": {},
    "accumulated": {"batch": 2, "accumulate": 3, "steps": 3},
    "three": {"batch": 3, "decay": 0.1},  # one process has fewer micro-batches
    "projector": {"batch": 2, "groups": ["projector"], "steps": 10},
    "audio": {"batch": 2, "groups": ["audio_encoder", "projector"], "steps": 10},
    "rates": {"lr_lm": 0.0, "lr_projector": 2e-3},
    "recomputed": {"gradient_checkpointing": True},
    "lora": {"kind": "lora"},
}


def launch(
    root: Path, kind: str, jobs: dict[str, dict[str, Any]], *, count: int = 2, ends: int = 0
) -> None:
    """The jobs in several processes; they end, within a minute or two, as is expected."""
    program = str(REPO / "tests" / "train" / "two_processes.py")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(count), program, str(root),
        json.dumps({"parallel": kind, "jobs": jobs}),
    ]  # fmt: skip
    paths = [str(REPO / "src"), *(path for path in sys.path if path.startswith(str(REPO)))]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=280)
    assert (done.returncode != 0) is bool(ends), done.stderr[-3000:]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_learner(str(folder / "model")).state()


def assert_close(one: Path, other: Path, kind: str = "", stage: str = "sft") -> None:
    """The same steps, but for rounding."""
    ours, theirs, start = weights(one), weights(other), learner_of(kind).state()
    same = [n for n, t in ours.items() if start[n].shape == t.shape]  # tokens may have been added
    moved = sum(float((start[n] - ours[n]).double().square().sum()) for n in same)
    apart = sum(float((theirs[n] - t).double().square().sum()) for n, t in ours.items())
    assert moved > 0 and (apart / moved) ** 0.5 < 2e-3
    for name, tensor in ours.items():
        assert float((theirs[name] - tensor).abs().max()) < 2e-4, name
    records = [read_run(folder / stage).records("metrics") for folder in (one, other)]
    for mine, its in zip(*records, strict=True):
        tied = abs(mine.get("margin", 1.0)) < 1e-5  # which answer is ahead is rounding then
        for key, value in mine.items():
            if tied and key == "accuracy":
                continue
            same = (
                value if isinstance(value, str | None) else pytest.approx(value, rel=1e-3, abs=1e-5)
            )
            assert its[key] == same, (mine["step"], key)


@pytest.mark.slow
@pytest.mark.parametrize("kind", parallel.KINDS)
def test_two_processes_end_with_the_weights_of_one(kind: str, tmp_path: Path) -> None:
    """Among the batches are such without audio in one process, and in both."""
    jobs = JOBS if kind == "ddp" else {name: JOBS[name] for name in JOBS}
    launch(tmp_path / "two", kind, jobs)
    for name, asked in jobs.items():
        train(tmp_path / "one" / name, asked)
        kind_of = str(asked.get("kind", ""))
        assert_close(tmp_path / "one" / name, tmp_path / "two" / name, kind_of)
        ranks = [
            json.loads((tmp_path / "two" / name / f"rank-{rank}.json").read_text())
            for rank in (0, 1)
        ]
        assert ranks[0] == ranks[1] and ranks[0]["size"] == 2
    clips = [r["clips"] for r in read_run(tmp_path / "one" / "audio" / "sft").records("metrics")]
    assert 0 in clips  # a whole step without audio


@pytest.mark.slow
@pytest.mark.parametrize("kind", parallel.KINDS)
def test_bfloat16_has_float32_weights_in_two_processes(kind: str, tmp_path: Path) -> None:
    job = {"bf16": {"kind": "bfloat16", "steps": 3}}
    launch(tmp_path / "two", kind, job)
    train(tmp_path / "one" / "bf16", job["bf16"])
    ours, theirs = weights(tmp_path / "one" / "bf16"), weights(tmp_path / "two" / "bf16")
    far = [float((theirs[n].float() - t.float()).abs().max()) for n, t in ours.items()]
    assert max(far) < 1e-2  # Adam's first steps are of the size of the rate, whatever the gradient


@pytest.mark.slow
@pytest.mark.parametrize("kind", parallel.KINDS)
def test_resumed_on_the_same_and_on_another_number_of_processes(kind: str, tmp_path: Path) -> None:
    job = {"checkpoint_every": 2, "batch": 4, "seed": 5}
    launch(tmp_path, kind, {"whole": job})
    launch(tmp_path, kind, {"same": {**job, "stop": 3}}, ends=9)
    launch(tmp_path, kind, {"other": {**job, "stop": 5}}, ends=9)
    for name, step in (("same", 2), ("other", 4)):
        found = open_stage(read_run(tmp_path / name / "sft"), "sft")
        assert (found.step, found.finished) == (step, False)
        files = sorted(path.name for path in found.folder.rglob("*.safetensors"))
        shards = [f"{kind}-{n}-of-2.safetensors" for kind in ("model", "optimizer") for n in (0, 1)]
        whole = ["model.safetensors", "optimizer.safetensors"]
        assert files == (shards if kind == "fsdp" else whole)
    launch(tmp_path, kind, {"same": job})
    assert (tmp_path / "same" / "rank-0.json").read_text() == (
        tmp_path / "whole" / "rank-0.json"
    ).read_text()
    train(tmp_path / "other", job)  # in one process
    assert_close(tmp_path / "whole", tmp_path / "other")


@pytest.mark.slow
def test_one_process_resumes_what_it_left_in_two(tmp_path: Path) -> None:
    job = {"checkpoint_every": 2, "seed": 6}
    train(tmp_path / "whole", job)
    launch(tmp_path, "ddp", {"cut": {**job, "stop": 4}}, count=1, ends=9)
    launch(tmp_path, "fsdp", {"cut": job})
    assert_close(tmp_path / "whole", tmp_path / "cut")


def counted(piece: Sequence[int]) -> Made:
    """A micro-batch of numbers that weighs as much as they do together."""
    return Made(list(piece), sum(piece), {"numbers": len(piece), "sum": sum(piece)})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("numbers", [(3,), (3, 5), (1, 2, 3, 4, 5), (7, 7, 7, 1)])
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_every_thing_is_prepared_by_one_process_and_counts_once(
    numbers: tuple[int, ...], size: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "size", lambda: size)
    asked: list[list[int]] = []
    found: list[Prepared] = []
    for rank in range(size):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        made: list[int] = []

        def make(piece: Sequence[int], made: list[int] = made) -> Made:
            made += piece
            return counted(piece)

        found.append(prepared(numbers, batch, make))
        asked.append(made)
    assert len({len(own.micro_batches) for own in found}) == 1  # all take part in as many passes
    taken = [micro for own in found for micro in own.micro_batches]
    kept = [number for micro in taken if micro.weight for number in micro.batch]
    assert sorted(kept) == sorted(numbers)
    assert sum(micro.weight for micro in taken) == sum(numbers)
    for name, whole in (("numbers", len(numbers)), ("sum", sum(numbers))):
        assert sum(own.counts[name] for own in found) == whole
    extra = [micro.batch for micro in taken if not micro.weight]
    assert all(one == taken[0].batch for one in extra)
    if len(numbers) >= size > 1:  # none prepares all
        assert all(len(own) <= -(-len(numbers) // size) + len(extra) for own in asked)
        assert all(len(own) < len(numbers) for own in asked)


def test_the_step_sums_weights_and_counts_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes with 3 and 5 answer tokens each has its share in 8."""
    own = Prepared([MicroBatch("a", 3)], {"clips": 2, "audio_tokens": 40})
    other = [5.0, 1.0, 30.0]
    monkeypatch.setattr(
        parallel, "summed", lambda values: [a + b for a, b in zip(values, other, strict=True)]
    )
    assert whole_step(own) == (8.0, {"clips": 3, "audio_tokens": 70})


def test_pieces_are_enough_for_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(part) for part in pieces(range(8), 8)] == [8]
    for count, expected in ((2, [4, 4]), (3, [3, 3, 2]), (8, [1] * 8), (16, [1] * 8)):
        monkeypatch.setattr(parallel, "size", lambda count=count: count)
        found = pieces(range(8), 8)
        assert [len(part) for part in found] == expected
        assert [thing for part in found for thing in part] == list(range(8))
    assert [len(part) for part in pieces(range(8), 1)] == [1] * 8
    monkeypatch.setattr(parallel, "size", lambda: 2)
    assert [len(part) for part in pieces(range(6), 2)] == [2, 2, 1, 1]  # none waits for the other
    assert [len(part) for part in pieces(range(5), 8)] == [3, 2] and pieces((), 3) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_parts_join_to_the_whole(rows: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.arange(rows * 2.0).view(rows, 2)
    monkeypatch.setattr(parallel, "size", lambda: size)
    parts = []
    for rank in range(size):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        parts.append(parallel.part(whole))
    assert torch.equal(torch.cat(parts), whole)


def test_a_follower_reads_and_does_not_write(tmp_path: Path) -> None:
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        run.append("metrics", [{"step": 0}])
        follower = Follower(tmp_path / "run", {"a": 1})
        follower.append("metrics", [{"step": 1}])
        follower.log({"s": 1})
        follower.truncate("metrics", 0)
        follower.write_json("results", {})
        follower.finish({})
        assert follower.records("metrics") == [{"step": 0}]
        assert not follower.done
        assert sorted(p.name for p in run.folder.glob("*.json*")) == ["metrics.jsonl", "run.json"]


def test_alone_nothing_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with processes("cpu", "ddp") as device:
        assert (device, parallel.size(), parallel.rank()) == ("cpu", 1, 0)
        assert parallel.summed([1.5]) == [1.5] and parallel.share("x") == "x"
    with pytest.raises(ConfigError, match="'zero'"), processes("", "zero"):
        pass
    with pytest.raises(ConfigError, match="one process"), processes("cpu", "fsdp"):
        pass
