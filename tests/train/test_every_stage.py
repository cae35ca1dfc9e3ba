"""Every stage of the registry, on every kind of learner, in float32 and bfloat16.

The loss falls; the saved model is the trained one; a finished run is loaded and not repeated; a
killed one ends with the same weights. A new stage joins by its name in the registry; what it needs
beside the usual settings is in `CASES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
from learner_kinds import KINDS, adapted, learner_folders, projecting

from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.models.learner import Learner, load_learner
from harken.recipes.steps import run_stage, save_once
from harken.runs import Run, read_run
from harken.train.sft import SftSettings
from harken.train.stages import STAGES
from tiny_audio import NAMES, TEXTS, alike, named

STEPS = 8


@dataclass(frozen=True)
class Case:
    """What a stage needs in this test.

    Attributes:
        settings: changes of the usual ones.
        projects: the group that projects is trained alone.
        falls: whether its loss is one that falls.
        taught: whether the learner must know some answers before.
        adapted: whether it needs adapters.
        keep: which items it can learn: (learner, item).
    """

    settings: dict[str, Any] = field(default_factory=dict)
    projects: bool = False
    falls: bool = True
    taught: bool = False
    adapted: bool = False
    keep: Callable[[Learner, Item], bool] = lambda learner, item: True


def short(learner: Learner, item: Item) -> bool:
    """Whether the answer has at most as many tokens as the shortest clip has audio tokens."""
    return not item.choices and len(learner.tokenizer.encode(item.answer)) < 3


CASES = {
    "align": Case(projects=True),
    "ctc": Case({"held_out": 0.3}, projects=True, keep=short),
    "distil": Case(projects=True),
    "timestamps": Case({"resolution": 0.1, "max_s": 2.0}),
    "idk": Case({"batch": 6, "known_from": 1, "temperature": 0.2, "max_tokens": 4}, taught=True),
    "dpo": Case({"from_choices": True, "lr": 1e-3}),
    "activation": Case(
        {
            "collect": 6,
            "least": 1,
            "least_tokens": 1,
            "max_tokens": 40,
            "temperature": 1.5,
            "top_p": 1.0,
            "prompts": (TEXTS[0],),
        },
        adapted=True,
    ),
    "grpo": Case(
        {"items": 2, "group": 4, "max_tokens": 2, "temperature": 2.0, "lr": 1e-3}, falls=False
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """kind -> what `load_learner` opens."""
    return learner_folders(tmp_path_factory.mktemp("learners"))


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Of every kind: with options, about two clips, open-ended, with times."""
    folder = tmp_path_factory.mktemp("sounds")
    one = [named(folder, name, 0, 0.3) for name in NAMES]
    two = [alike(folder, "noise", "noise"), alike(folder, "noise", "low tone")]
    opened = [replace(named(folder, name, 1, 0.6), choices=(), question=TEXTS[0]) for name in NAMES]
    timed = [replace(opened[n], answer=f"{NAMES[n]} at 0.{n + 1}s") for n in range(2)]
    return [*one, *two, *opened, *timed]


def settings(name: str, kind_of_learner: str) -> Any:
    kind = STAGES.get(name).settings
    known = {entry.name for entry in fields(kind)}
    usual = {"steps": STEPS, "lr": 5e-3, "batch": 4, "checkpoint_every": 3, "threads": 1}
    case = CASES.get(name, Case())
    own = case.settings | ({"groups": projecting(kind_of_learner)} if case.projects else {})
    return kind(**{key: value for key, value in {**usual, **own}.items() if key in known})


def opened(kind: str, dtype: str, name: str, folders: dict[str, str], items: list[Item]) -> Learner:
    """A learner as the stage gets it."""
    learner, case = load_learner(folders[kind], dtype=dtype), CASES.get(name, Case())
    if case.adapted:
        return adapted(learner)
    if not case.taught:
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


def every() -> list[Any]:
    """Kind, dtype and stage; of native classes only sft in float32 is among the quick tests."""
    return [
        pytest.param(
            kind,
            dtype,
            name,
            marks=()
            if (kind == "composed" and (dtype == "float32" or name == "sft"))
            or (dtype, name) == ("float32", "sft")
            else pytest.mark.slow,
        )
        for kind in KINDS
        for dtype in ("float32", "bfloat16")
        for name in STAGES
    ]


@pytest.mark.parametrize(("kind", "dtype", "name"), every())
def test_trained_saved_opened_rerun_and_resumed(
    kind: str,
    dtype: str,
    name: str,
    folders: dict[str, str],
    items: list[Item],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = settings(name, kind)
    learner = opened(kind, dtype, name, folders, items)
    keep = CASES.get(name, Case()).keep
    chosen = [item for item in STAGES.get(name).chosen(items, how) if keep(learner, item)]
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
