"""Hand-over checks: a failing one names what and where; what is shared is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import DataError, RunError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.recipes.handover import (
    FILE,
    check_before,
    check_exam,
    handover_of,
    overlap,
    read_handover,
)
from harken.recipes.job import PlannedStage
from made_sets import lines
from tiny_audio import mini, sound


def clip(name: str, **more: object) -> Clip:
    return Clip(path=f"{name}.wav", sha256=name * 64, **more)  # type: ignore[arg-type]


def item(question: str, *clips: Clip, recordings: tuple[str, ...] = ()) -> Item:
    return Item(question, "x", clips=clips, recordings=recordings)


@pytest.fixture(scope="module")
def learner() -> ComposedModel:
    return mini()


def test_a_record_survives_its_file_and_a_damaged_one_is_told(
    learner: ComposedModel, tmp_path: Path
) -> None:
    left = handover_of("align", learner, [item("Q?", clip("a"))], ("projector",))
    left.write(tmp_path)
    assert read_handover(tmp_path) == left
    assert read_handover(tmp_path / "other") is None
    for text in ("{", "[]", '{"stage": "a"}', '{"stage": 1, "tokenizer": "x", "groups": 3}'):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(RunError, match="damaged"):
            read_handover(tmp_path)


def test_another_tokenizer_is_refused(learner: ComposedModel) -> None:
    left = handover_of("align", learner, [], ("projector",))
    other = ComposedModel.preset("harken-mini", ["another vocabulary", "of words"])
    stage = PlannedStage("sft", "instruct")
    check_before(stage, learner, [left], pretrained=False)
    with pytest.raises(RunError, match=r"tokenizer.*stage align.*before stage instruct"):
        check_before(stage, other, [left], pretrained=False)


@pytest.mark.parametrize(
    ("done", "fits"),
    [
        ([], False),
        ([("lm",)], False),
        ([("projector",)], True),
        ([("audio_encoder", "projector"), ("lm",)], True),
    ],
)
def test_groups_that_a_stage_needs_must_have_been_trained(
    learner: ComposedModel, done: list[tuple[str, ...]], fits: bool
) -> None:
    earlier = [handover_of(f"s{i}", learner, [], groups) for i, groups in enumerate(done)]
    stage = PlannedStage("sft", needs=("projector",))
    if fits:
        check_before(stage, learner, earlier, pretrained=False)
    else:
        with pytest.raises(RunError, match=r"needs projector trained.*before stage sft"):
            check_before(stage, learner, earlier, pretrained=False)
        check_before(stage, learner, earlier, pretrained=True)


def test_adapters_that_a_stage_needs_must_be_there() -> None:
    own = mini()
    stage = PlannedStage("activation", adapters=("lm",))
    with pytest.raises(RunError, match="LoRA adapters in lm"):
        check_before(stage, own, [], pretrained=True)
    own.add_lora(2)
    check_before(stage, own, [], pretrained=True)


SCENE = Clip(kind="plan", plan=ScenePlan((Part(clip("a")), Part(clip("b"))), 2.0), duration_s=2.0)


@pytest.mark.parametrize(
    ("trained", "examined", "shared"),
    [
        (item("Q?", clip("a")), item("Q?", clip("a")), "item "),
        (item("Q?", clip("a")), item("R?", clip("a")), "clip "),
        (item("Q?", clip("c"), SCENE), item("R?", clip("b")), "clip "),
        (item("Q?", clip("b")), item("R?", SCENE), "clip "),
        (
            item("Q?", clip("a"), recordings=("freesound:7",)),
            item("R?", clip("b"), recordings=("freesound:8", "freesound:7")),
            "recording freesound:7",
        ),
    ],
)
def test_what_is_in_the_exam_is_not_trained_on(trained: Item, examined: Item, shared: str) -> None:
    apart = item("T?", clip("d"), recordings=("r",))
    check_exam("sft", [apart], [examined])
    with pytest.raises(DataError) as caught:
        check_exam("sft", [apart, trained], [examined])
    message = str(caught.value)
    by = "1 as items, 0 by" if shared.startswith("item ") else "0 as items, 1 by"
    assert f"1 of 2 training items are in the exam ({by} a recording)" in message
    assert "before stage sft" in message
    assert f"{trained.id}: {shared}" in message and f"as item {examined.id}" in message


def test_other_spans_of_one_file_are_told_apart_by_their_recordings_only() -> None:
    first, second = (item("Q?", clip("a", start_s=s, duration_s=1.0)) for s in (0.0, 5.0))
    check_exam("sft", [first], [second])
    with pytest.raises(DataError):
        check_exam(
            "sft",
            [replace(first, recordings=("r",))],
            [replace(second, recordings=("r",))],
        )


@pytest.mark.parametrize("span", [{"duration_s": 1.0}, {"start_s": 5.0}])
def test_a_whole_file_has_all_its_spans(span: dict[str, float]) -> None:
    whole, part = item("Q?", clip("a")), item("R?", clip("a", **span))
    for trained, examined in ((whole, part), (part, whole)):
        with pytest.raises(DataError, match="1 of 1 training items are in the exam"):
            check_exam("sft", [trained], [examined])
    check_exam("sft", [part], [item("Q?", clip("b"))])


def test_many_leaks_are_counted_and_the_first_are_named() -> None:
    leaked = [item(f"{i}?", clip("a")) for i in range(9)]
    with pytest.raises(DataError, match=r"9 of 9 training items(?s:.*)and 4 more"):
        check_exam("sft", leaked, [item("Q?", clip("a"))])


def test_what_two_stages_share_is_told_with_numbers(learner: ComposedModel) -> None:
    first = [item("Q?", clip("a")), item("R?", clip("b"))]
    left = handover_of("align", learner, first, ("projector",))
    (told,) = overlap([first[0], item("S?", clip("b"))], "sft", [left])
    assert told == "sft has 1 of the 2 items and 2 of the 2 clips that align was trained on"
    assert overlap([item("S?", clip("c"))], "sft", [left]) == []


def test_a_stage_that_goes_on_from_a_model_is_told_what_it_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harken.recipes.run import train

    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    rows = [{"question": f"{i}?", "answer": "noise",
             "audio": Path(sound(tmp_path, "noise", seed=i // 2).path).name}
            for i in range(4)]  # fmt: skip
    first, second = (lines(tmp_path / f"{n}.jsonl", *some)
                     for n, some in (("first", rows[:3]), ("second", rows[2:])))  # fmt: skip
    small = ("sft.steps=1", "sft.batch=2", "sft.threads=1", "hearing.items=0")
    train("sft", first, tmp_path / "one", model="harken-mini", overrides=small)
    assert not any("hand-over" in line for line in told)
    model = str(tmp_path / "one" / "model")
    train("sft", second, tmp_path / "two", model=model, overrides=small)
    (shared,) = [line for line in told if "hand-over" in line]
    assert shared.endswith("sft has 1 of the 3 items and 1 of the 2 clips that sft was trained on")
