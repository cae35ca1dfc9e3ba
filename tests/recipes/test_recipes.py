"""Every recipe end to end in smoke size: a tiny model on the generated corpus."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from harken.audio.clip import Clip
from harken.errors import ConfigError, DataError, RunError
from harken.item import Contribution, Item
from harken.models.base import MODEL_FILE
from harken.models.load import load_model
from harken.recipes.handover import read_handover
from harken.recipes.job import SIZES, JobOptions
from harken.recipes.registry import RECIPES
from harken.recipes.story import Mark, Story
from harken.runs import Run, read_run
from harken.shards.jsonl import write_jsonl
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from harken.train.stages import STAGES

sys.path.insert(0, str(Path(__file__).parent))
from small_corpus import job, made

from made_sets import array, lines, turns
from tiny_audio import NAMES, mini, sound

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
    of_presets = {"tiny": ("drill", "text-warmup", "align", "sft")}
    expected = STORIES.get(name) or of_presets.get(name) or ("sft", "grpo")
    assert list(smoke) == list(full) == list(expected)
    for stage in full:
        small, large = asdict(smoke[stage]), asdict(full[stage])
        assert small["steps"] <= 4 < large["steps"]
        assert {small["seed"], large["seed"]} == {3}
        changed = {key for key in small if small[key] != large[key]}
        assert changed <= {"steps", "batch", "items", "group", "max_tokens", "checkpoint_every"} | {
            *("accumulate", "collect", "least", "least_tokens")
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


@pytest.mark.parametrize("name", ["weak-to-strong", "mixed-to-strong"])
def test_a_set_with_labels_of_its_own_is_taken_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {
            "id": str(i),
            "question": f"Which sound is it, {i}?",
            "choices": list(NAMES),
            "answer": NAMES[i % 4],
            "audio_path": Path(sound(tmp_path, NAMES[i % 4], seed=i).path).name,
            "audio-contribution": ("weak", "strong")[i % 2],
        }
        for i in range(12)
    ]
    data = array(tmp_path / "mcq.json", *rows)
    asked = job(name, data, tmp_path / "out")
    grpo = replace(asked.plan["grpo"], steps=1, items=2, group=2, max_tokens=2, reuse=1)  # type: ignore[call-arg]
    sft = replace(asked.plan["sft"], steps=1, batch=2)  # type: ignore[call-arg]
    plan = {**asked.plan, "sft": sft, "grpo": grpo}
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    RECIPES.get(name).run(replace(asked, plan=plan))
    assert any("warm-up and alignment are skipped" in line for line in told)
    sft_left, grpo_left = (
        read_handover(tmp_path / "out" / "training" / stage) for stage in ("sft", "grpo")
    )
    assert sft_left is not None and grpo_left is not None
    assert not {*sft_left.items} & {*grpo_left.items}
    labels = {item.id: item.contribution for item in read_items(data)}
    kinds = [{labels[i].label for i in left.items} for left in (sft_left, grpo_left)]  # type: ignore[union-attr]
    assert kinds == [{"weak"} if name == "weak-to-strong" else {"weak", "strong"}, {"strong"}]


@pytest.mark.parametrize("name", ["weak-to-strong", "mixed-to-strong"])
@pytest.mark.parametrize("kind", ["set", "curated"])
def test_other_splits_are_the_exam_of_the_recipes_of_audiomcq(
    name: str, kind: str, tmp_path: Path
) -> None:
    clips = [Clip(path=Path(sound(tmp_path, NAMES[i % 4], seed=i).path).name, sha256=f"{i:064d}")
             for i in range(8)]  # fmt: skip
    made = [
        Item(
            *(f"Which is it, {i}?", NAMES[0], tuple(NAMES)),
            clips=(clips[i],),
            split="train",
            contribution=Contribution(("weak", "strong")[i % 2], "bits"),
        )
        for i in range(8)
    ]
    made.append(replace(made[0], question="Again?", split="test"))
    data = tmp_path / "data.jsonl"
    if kind == "set":
        write_jsonl(made, data)
    else:
        data = tmp_path / "curated"
        for label, own in (("weak", made[::2]), ("strong", made[1::2]),
                           ("undecided", []), ("dropped", [])):  # fmt: skip
            write_dataset(own, data / label, name=label)
    asked = job(name, data, tmp_path / "out")
    sft = replace(asked.plan["sft"], steps=1, batch=2)  # type: ignore[call-arg]
    grpo = replace(asked.plan["grpo"], items=2)  # type: ignore[call-arg]
    with pytest.raises(DataError, match=r"1 of \d training items are in the exam") as caught:
        RECIPES.get(name).run(replace(asked, plan={**asked.plan, "sft": sft, "grpo": grpo}))
    assert caught.value.exit_code == 3


def test_without_labels_the_recipes_of_audiomcq_say_what_to_do(tmp_path: Path) -> None:
    row = {"question": "Q?", "choices": ["a", "b"], "answer": "a",
           "audio_path": Path(sound(tmp_path, "noise").path).name}  # fmt: skip
    with pytest.raises(DataError, match=r"how much its audio contributes.*harken curate"):
        RECIPES.get("mixed-to-strong").run(
            job("mixed-to-strong", lines(tmp_path / "s.jsonl", row), tmp_path / "out")
        )


def test_a_leak_into_the_exam_stops_a_recipe_before_the_stage(tmp_path: Path) -> None:
    clip = Path(sound(tmp_path, "noise").path).name
    row = {"messages": turns("<audio>Say it.", "noise"), "audios": [clip]}
    exam = lines(tmp_path / "exam.jsonl", {"question": "Q?", "answer": "x", "audio": clip})
    asked = job("slam-asr", lines(tmp_path / "s.jsonl", row), tmp_path / "out")
    options = replace(asked.options, exam=exam)
    with pytest.raises(DataError, match=r"1 of 1 training items are in the exam(?s:.*)stage align"):
        RECIPES.get("slam-asr").run(replace(asked, options=options))
    assert not (tmp_path / "out" / "training" / "align" / "done.json").exists()


def test_what_a_recipe_replays_is_not_of_the_exam(tmp_path: Path) -> None:
    clip, other = (Path(sound(tmp_path, name).path).name for name in ("noise", "low tone"))
    row = {"messages": turns("<audio>Say it.", "tone"), "audios": [other]}
    exam = lines(tmp_path / "exam.jsonl", {"question": "Q?", "answer": "x", "audio": clip})
    old = {"question": "What is it?", "answer": "noise", "audio": clip}
    again = lines(tmp_path / "old.jsonl", old)
    asked = job("slam-asr", lines(tmp_path / "s.jsonl", row), tmp_path / "out")
    align = replace(asked.plan["align"], replay=str(again), replay_share=0.5)  # type: ignore[call-arg]
    options = replace(asked.options, exam=exam)
    with pytest.raises(DataError, match=r"1 of 2 training items are in the exam(?s:.*)stage align"):
        RECIPES.get("slam-asr").run(
            replace(asked, options=options, plan={**asked.plan, "align": align})
        )


@pytest.mark.parametrize("name", ["slam-asr", "salmonn", "qwen2-audio", "small"])
def test_recipes_for_pretrained_parts_refuse_presets_in_full_size(
    name: str, tmp_path: Path
) -> None:
    for model in ("harken-tiny", "harken-mini"):
        asked = replace(job(name, tmp_path / "gone", tmp_path, model), options=JobOptions("full"))
        with pytest.raises(ConfigError, match=f"{model} is trained from scratch.*harken compose"):
            RECIPES.get(name).run(asked)
    with pytest.raises(DataError, match="no such dataset"):  # smoke size goes on to the data
        RECIPES.get(name).run(job(name, tmp_path / "gone", tmp_path))


def test_help_lists_every_recipe_of_the_package() -> None:
    from harken.cli.train import RECIPE_HELP

    for name in RECIPES:
        if RECIPES.is_built_in(name):
            assert f"{name}: {RECIPES.get(name).about}." in RECIPE_HELP


def test_a_mark_that_is_missed_ends_the_recipe_in_full_size_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    asked = job("slam-asr", tmp_path, tmp_path)
    story = Story(asked, (), [])
    mark = Mark("align", "hearing.gap.swap.nats", above=0.3)
    story.require(mark)
    assert "was not measured" in told[-1]
    with Run.open(tmp_path / "training" / "align", {"kind": "train"}) as run:
        for nats in (0.9, 0.2):
            run.append("evaluations", [{"hearing": {"gap": {"swap": {"nats": nats}}}}])
    story.require(mark)
    assert "is 0.2 after stage align" in told[-1]
    full = Story(replace(asked, options=JobOptions("full")), (), [])
    with pytest.raises(RunError, match=r"is 0\.2 after stage align, and should be above 0\.3"):
        full.require(mark)
    full.require(replace(mark, above=0.1))
    full.require(Mark("align", "hearing.gap.swap.nats", below=0.3))


@pytest.mark.slow
def test_a_recipe_begins_with_a_later_stage_of_a_model_that_had_the_others(
    items: Path, tmp_path: Path
) -> None:
    """The projector was trained by ctc before, as the record beside the model says."""
    from harken.recipes.run import train

    few = ["ctc.steps=2", "ctc.batch=2"]
    model = mini(1, audio_encoder="conformer")
    model.save(tmp_path / "fresh")
    train("ctc", items, tmp_path / "first", model=str(tmp_path / "fresh"), overrides=few)
    later = job("small", items, tmp_path / "out", str(tmp_path / "first" / "model"))
    RECIPES.get("small").run(replace(later, options=JobOptions("smoke", first="align")))
    assert sorted(p.name for p in (tmp_path / "out" / "training").iterdir()) == ["align", "joint"]
    # align trains a fresh projector too, which is the ablation of ctc; joint needs one.
    bare = job("small", items, tmp_path / "bare", str(tmp_path / "fresh"))
    with pytest.raises(RunError, match="needs projector trained"):
        RECIPES.get("small").run(replace(bare, options=JobOptions("smoke", first="joint")))
    with pytest.raises(ConfigError, match="no stage 'joined'"):
        RECIPES.get("small").run(replace(bare, options=JobOptions("smoke", first="joined")))
