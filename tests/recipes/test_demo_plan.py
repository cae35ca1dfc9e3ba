"""What a demo does with which model, and how its sizes follow from the minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from release_folder import card, released, shelf

from harken.errors import ConfigError, ModelError
from harken.models.composed.model import ComposedModel
from harken.models.composed.release import release_model
from harken.models.pretrained import WEIGHTS
from harken.models.released import MODELS_FOLDER
from harken.recipes import demo
from harken.recipes.demo import run_demo
from harken.recipes.demo_plan import FRESH, LEAST, OTHER_LEAST, PER_FAMILY, TRAINED, plan_demo
from harken.recipes.steps import texts
from harken.recipes.tiny_curriculum import tiny_plan
from harken.runs import read_run
from harken.shards.read import open_dataset
from smoke_starter import smoke_starter

pytest.importorskip("peft")


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No release anywhere."""
    monkeypatch.setattr("harken.models.released.PACKAGED", tmp_path / "package")
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path / "releases"))
    return tmp_path


@pytest.fixture
def trained(nothing: Path) -> Path:
    """The tiny model as it will be released; a smaller preset stands for it."""
    ComposedModel.preset("harken-mini", ["a dog", "rain"]).save(nothing / "model")
    release_model(str(nothing / "model"), TRAINED, nothing / "releases", card(nothing))
    return nothing


def test_the_demo_is_as_before_where_the_trained_model_is_not(nothing: Path) -> None:
    plan = plan_demo()
    assert plan.model == FRESH and plan.fresh
    assert plan.stages == tiny_plan()
    assert plan.sizes == {**PER_FAMILY, "practice": 12_000, "curated": 360}
    assert plan_demo(minutes=3.5).stages["sft"].steps == tiny_plan()["sft"].steps / 2


def test_the_demo_begins_with_the_trained_model_where_it_is(trained: Path) -> None:
    plan = plan_demo()
    assert (plan.model, plan.fresh, [*plan.stages]) == (TRAINED, False, ["sft", "grpo"])
    assert plan.stages["sft"].steps == round(240 * 4 / 7)
    assert plan.sizes == {**PER_FAMILY, "practice": 12_000, "curated": 360}
    assert plan_demo(own_corpus=True).model == FRESH  # it knows the generated sounds only
    assert plan_demo(FRESH).fresh and plan_demo(FRESH).stages == tiny_plan()
    assert plan_demo(TRAINED, own_corpus=True).model == TRAINED  # asked for by name


def test_another_model_is_tuned_for_a_few_steps(nothing: Path) -> None:
    plan = plan_demo("native:somewhere")
    assert [*plan.stages] == ["sft"] and plan.stages["sft"].steps == 12
    assert plan.sizes["practice"] == 0 and "transcribe" not in plan.left_out
    assert plan_demo("native:somewhere", minutes=20).sizes["test"] == 2 * plan.sizes["test"]


@pytest.mark.parametrize("minutes", [0.01, 0.5])
def test_however_short_the_time_is_there_are_questions(minutes: float, trained: Path) -> None:
    for model, least in ((FRESH, LEAST), (TRAINED, LEAST), ("native:x", OTHER_LEAST)):
        sizes = plan_demo(model, minutes=minutes).sizes
        assert all(sizes[name] >= least[name] for name in sizes)
        assert plan_demo(model, minutes=minutes).corpus_size == "smoke"


@pytest.mark.parametrize("minutes", [0, -1.0])
def test_time_must_be_above_nothing(minutes: float, nothing: Path) -> None:
    for model in ("", "native:x"):
        with pytest.raises(ConfigError, match="minutes is"):
            plan_demo(model, minutes=minutes)


@pytest.mark.parametrize(
    ("model", "kind"),
    [("harken-small", ModelError), ("longest", ConfigError), ("nosuch", ConfigError)],
)
def test_a_model_that_cannot_be_used_is_told_before_anything_is_made(
    model: str, kind: type[Exception], nothing: Path
) -> None:
    with pytest.raises(kind):
        run_demo(nothing / "out", model=model)
    assert not (nothing / "out").exists()


def told(found: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in found.items() if name != "seconds"}


@pytest.mark.slow
def test_the_story_of_a_pretrained_model(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions, evaluation with the controls, curation, a few steps, evaluation; and resumed."""
    weights = shelf(nothing / "weights")
    monkeypatch.setenv(WEIGHTS, str(weights))
    released(nothing, weights, "mine")
    smoke_starter(nothing / "out" / "corpus")
    done = run_demo(nothing / "out", model="mine", minutes=0.1)
    assert done.result["model"] == "mine" and done.result["rewarded"] == {}
    assert "rewards" not in done.result["seconds"] and "no rewards" in done.summary
    cells = done.result["after"]["overall"]["cells"]
    assert {*cells} == {"audio", "none", "silence", "swap"}
    tasks = {item.task for item in open_dataset(nothing / "out" / "items")}
    assert {"name", "transcribe"} <= tasks and "talk" not in tasks
    run = read_run(nothing / "out" / "training" / "sft")
    assert run.done and run.spec["settings"]["groups"] == ["projector", "lm"]
    assert (nothing / "out" / "report.html").is_file()
    again = run_demo(nothing / "out", model="mine", minutes=0.1)
    assert json.dumps(told(again.result)) == json.dumps(told(done.result))


@pytest.mark.parametrize("model", [FRESH, TRAINED, "native:somewhere"])
def test_the_stages_of_a_story_are_those_of_its_plan(
    model: str, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order, whatever the model; none is asked for a stage that it has no settings of."""
    done: list[str] = []

    def note(name: str, result: object = None) -> Callable[..., object]:
        return lambda *_, **__: done.append(name) or result

    for name, result in {"align_first": None, "tune": None, "reward": None, "evaluate": {},
                         "_curate": {}, "_rewarded": ([], {"strong": 1})}.items():  # fmt: skip
        monkeypatch.setattr(demo, name, note(name, result))
    plan = plan_demo(model)
    clock = demo._Clock()
    story = demo._Story(trained, plan, object(), 0, clock)  # type: ignore[arg-type]
    _, taken, _ = story.tell(object(), [], [], [], [])  # type: ignore[arg-type]
    first = ["align_first"] if model == FRESH else []
    last = [] if model.startswith("native") else ["_rewarded", "reward"]
    assert done == [*first, "evaluate", "tune", "_curate", *last, "evaluate"]
    assert bool(taken) == bool(last) == ("rewards" in clock.seconds)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_story_of_the_trained_tiny_model(nothing: Path) -> None:
    from harken.corpora.read import read_corpus
    from harken.synth.make import make_dataset

    read = read_corpus(smoke_starter(nothing / "corpus"))
    make_dataset(read, nothing / "items", per_family={"train": 12, "test": 0, "dev": 0})
    words = texts(open_dataset(nothing / "items"))
    ComposedModel.preset("harken-mini", words, seed=1).save(nothing / "model")
    release_model(str(nothing / "model"), TRAINED, nothing / "releases", card(nothing))
    done = run_demo(nothing / "out", minutes=0.02)
    assert done.result["model"] == TRAINED and done.result["rewarded"]
    runs = sorted(path.name for path in (nothing / "out" / "training").iterdir())
    assert runs == ["grpo", "sft"]
    assert {"fine-tuning", "rewards"} <= {*done.result["seconds"]}
    assert "align" not in done.result["seconds"]
