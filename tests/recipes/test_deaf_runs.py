"""A healthy training and two planted deaf ones: the watch stops these, and not the healthy one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harken.models.learner import Learner
from harken.recipes import run as recipe_run
from harken.recipes.run import train
from harken.report.training_page import write_training_report
from harken.runs import read_run
from harken.shards.jsonl import write_jsonl
from tiny_audio import NAMES, mini, named

SETTINGS = [
    "sft.steps=60",
    "sft.batch=16",
    "sft.lr=0.01",
    "sft.modality_dropout=0.1",
    "sft.augment=false",
    "sft.threads=1",
    "sft.evaluate_every=5",
    "hearing.min_gap=0.1",
    "hearing.patience=3",
    "hearing.grace=0.5",
]


def trained(folder: Path, name: str) -> tuple[dict[str, Any], list[float]]:
    """One training in ``folder/name``, and its gaps to swapped audio."""
    sounds = folder / "sounds"
    taught = [replace(named(sounds, n, k, 0.3), split="train") for n in NAMES for k in range(12)]
    held = [replace(named(sounds, n, k, 0.3), split="dev") for n in NAMES for k in range(20, 24)]
    if name == "shuffled":
        order = np.random.default_rng(0).permutation(len(taught))
        taught = [one.with_clips(taught[i].clips) for one, i in zip(taught, order, strict=True)]
    write_jsonl([*taught, *held], folder / f"{name}.jsonl")
    if not (folder / "start").exists():
        mini(3).save(folder / "start")
    found = train(
        "sft",
        folder / f"{name}.jsonl",
        folder / name,
        model=str(folder / "start"),
        overrides=SETTINGS,
    )
    records = read_run(folder / name / "sft").records("evaluations")
    return found, [record["hearing"]["gap"]["swap"]["nats"] for record in records]


@pytest.mark.slow
def test_deaf_trainings_are_stopped_and_a_healthy_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, gaps = trained(tmp_path, "healthy")
    print("healthy", gaps)
    assert not healthy["deaf"] and len(gaps) == 13 and gaps[-1] > 0.5
    shuffled, none = trained(tmp_path, "shuffled")
    print("shuffled", none)
    assert "stopped after step 40 of 60" in shuffled["deaf"] and "shuffled" in shuffled["deaf"]
    assert max(none[6:]) < 0.1
    plain = recipe_run.start

    def start(*args: Any, **more: Any) -> Learner:
        learner = plain(*args, **more)
        learner.net.projector.register_forward_hook(lambda module, given, made: made * 0)
        return learner

    monkeypatch.setattr(recipe_run, "start", start)
    zeroed, zero = trained(tmp_path, "zeroed")
    print("zeroed", zero)
    assert "stopped after step 40 of 60" in zeroed["deaf"] and "all zero" in zeroed["deaf"]
    assert not any(zero)
    folders = [tmp_path / name for name in ("zeroed", "shuffled", "healthy")]
    page = write_training_report(tmp_path / "page.html", folders).read_text("utf-8")
    assert "<h1>It listens.</h1>" in page and "stopped below 0.1" in page
