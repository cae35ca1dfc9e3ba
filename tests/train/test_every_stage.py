"""Every stage of the registry, on every kind of learner, in float32 and bfloat16.

The loss falls; the saved model is the trained one; a finished run is loaded and not repeated; a
killed one ends with the same weights. A new stage joins by its name in the registry; what it needs
beside the usual settings is in `CASES`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
import tiny_qwen_omni
from tiny import write

from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.recipes.steps import run_stage, save_once
from harken.runs import Run, read_run
from harken.train.sft import SftSettings
from harken.train.stages import STAGES
from tiny_audio import NAMES, TEXTS, alike, mini, named

NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "qwen2_5_omni": next(t for t in tiny_qwen_omni.TINIES if t.kind.startswith("qwen2_5_omni")),
}
KINDS = ("composed", *NATIVE)
STEPS = 8


@dataclass(frozen=True)
class Case:
    """What a stage needs in this test.

    Attributes:
        settings: changes of the usual ones.
        falls: whether its loss is one that falls.
        taught: whether the learner must know some answers before.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    falls: bool = True
    taught: bool = False


CASES = {
    # The encoder of some classes projects.
    "align": Case({"groups": ("audio_encoder", "projector")}),
    "timestamps": Case({"resolution": 0.1, "max_s": 2.0}),
    "idk": Case({"batch": 6, "known_from": 1, "temperature": 0.2, "max_tokens": 4}, taught=True),
    "dpo": Case({"from_choices": True, "lr": 1e-3}),
    "grpo": Case(
        {"items": 2, "group": 4, "max_tokens": 2, "temperature": 2.0, "lr": 1e-3}, falls=False
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """kind -> what `load_learner` opens."""
    root = tmp_path_factory.mktemp("learners")
    mini().save(root / "composed")
    found = {"composed": str(root / "composed")}
    for kind, tiny in NATIVE.items():
        write(tiny, root / kind, FAMILIES.get(tiny.kind).template)
        found[kind] = f"native:{root / kind}"
    return found


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Of every kind: with options, about two clips, open-ended, with times."""
    folder = tmp_path_factory.mktemp("sounds")
    one = [named(folder, name, 0, 0.3) for name in NAMES]
    two = [alike(folder, "noise", "noise"), alike(folder, "noise", "low tone")]
    opened = [replace(named(folder, name, 1, 0.3), choices=(), question=TEXTS[0]) for name in NAMES]
    timed = [replace(opened[n], answer=f"{NAMES[n]} at 0.{n + 1}s") for n in range(2)]
    return [*one, *two, *opened, *timed]


def settings(name: str) -> Any:
    kind = STAGES.get(name).settings
    known = {entry.name for entry in fields(kind)}
    usual = {"steps": STEPS, "lr": 5e-3, "batch": 4, "checkpoint_every": 3, "threads": 1}
    own = CASES.get(name, Case()).settings
    return kind(**{key: value for key, value in {**usual, **own}.items() if key in known})


def opened(kind: str, dtype: str, name: str, folders: dict[str, str], items: list[Item]) -> Learner:
    """A learner as the stage gets it."""
    learner = load_learner(folders[kind], dtype=dtype)
    if not CASES.get(name, Case()).taught:
        return learner
    folder = Path(folders["composed"]).parent / f"taught-{kind}-{dtype}"
    if not folder.is_dir():
        few = [item for item in items if item.choices][:2]
        taught = SftSettings(steps=40, batch=2, lr=1e-2, threads=1)
        run_stage("sft", learner, few, taught, folder.with_suffix(".runs"))
        learner.save(folder)
    return load_learner(str(folder), dtype=dtype)


class Killed(Exception):
    """In place of a signal."""


def killed(monkeypatch: pytest.MonkeyPatch, appends: int) -> None:
    """From now on, the append of so many records raises."""
    plain, done = Run.append, []

    def append(run: Run, name: str, records: Any, **more: Any) -> None:
        if name == "metrics":
            if len(done) == appends:
                raise Killed
            done.append(name)
        plain(run, name, records, **more)

    monkeypatch.setattr(Run, "append", append)


def logprobs(learner: Learner, items: list[Item]) -> list[tuple[float, ...] | None]:
    asked = [item for item in items if item.choices]
    return learner.choice_logprobs([make_prompt(item, learner.style) for item in asked])


@pytest.mark.parametrize("name", list(STAGES))
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_trained_saved_opened_rerun_and_resumed(
    kind: str,
    dtype: str,
    name: str,
    folders: dict[str, str],
    items: list[Item],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = settings(name)
    chosen = STAGES.get(name).chosen(items, how)
    learner = opened(kind, dtype, name, folders, items)
    before = learner.identity()
    run_stage(name, learner, chosen, how, tmp_path / "run")
    records = read_run(tmp_path / "run" / name).records("metrics")
    assert [record["step"] for record in records] == list(range(how.steps))
    if CASES.get(name, Case()).falls:
        losses = [record["loss"] for record in records]
        assert sum(losses[-3:]) < sum(losses[:3]) and learner.identity() != before
    save_once(learner, tmp_path / "model")
    again = load_learner(str(tmp_path / "model"), dtype=dtype)
    assert again.identity() == learner.identity()
    assert logprobs(again, items) == logprobs(learner, items)
    fresh = opened(kind, dtype, name, folders, items)
    run_stage(name, fresh, chosen, how, tmp_path / "run")
    assert fresh.identity() == learner.identity()
    with monkeypatch.context() as patch:
        killed(patch, 5)
        with pytest.raises(Killed):
            run_stage(
                name, opened(kind, dtype, name, folders, items), chosen, how, tmp_path / "cut"
            )
    resumed = opened(kind, dtype, name, folders, items)
    run_stage(name, resumed, chosen, how, tmp_path / "cut")
    assert resumed.identity() == learner.identity()
    assert read_run(tmp_path / "cut" / name).records("metrics") == records
