"""From a run to replies that can be handed in."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_bench_golden import opened

from harken.audio.clip import Clip
from harken.errors import DataError
from harken.evaluate.benchmarks import submit
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.load import BENCHMARKS, open_benchmark
from harken.evaluate.benchmarks.types import key_of
from harken.item import Item

CLIP = (Clip(path="a.wav"),)


def test_the_first_order_is_submitted_and_open_replies_as_generated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choices = ("clip 1", "clip 2")
    shut = Item("Which?", "clip 1", choices, clips=CLIP, plan={"key": "a", "row": {}})
    free = Item("What?", "a dog", clips=CLIP, plan={"key": "b", "row": {}})

    def record(
        item: Item, parsed: str, reply: str, turned: int = 0, options_turned: int = 0
    ) -> dict[str, object]:
        about = {"condition": "audio", "rotation": options_turned, "clip_rotation": turned}
        return {"item": item.id, "outcome": "wrong", "parsed": parsed, "reply": reply, **about}

    records = [
        record(shut, "clip 1", "Clip 1."),
        record(free, "dog", "It is a dog!"),
        record(shut, "clip 2", "Clip 1.", turned=1),  # the same words mean another clip here
        record(shut, "clip 2", "B", options_turned=1),
    ]
    del records[0]["clip_rotation"]  # as in runs of before clips were turned
    run = SimpleNamespace(records=lambda _: records)
    monkeypatch.setattr(submit, "read_run", lambda _: run)
    texts, notes = submit.replies_of(open_benchmark("own"), [shut, free], Path("run"))
    assert texts == {"a": "clip 1", "b": "It is a dog!"} and not notes


def item_of(name: str, at: int = 0) -> tuple[Benchmark, Item]:
    benchmark, items = opened(name)
    return benchmark, items[at]


@pytest.mark.parametrize("name", ["mmsu", "air-bench"])
def test_a_rule_of_letters_gets_letters(name: str) -> None:
    benchmark, item = item_of(name)
    for place, text in enumerate(item.choices):
        record = {"parsed": text, "reply": f"I think it is {text}."}
        assert submit.chosen(benchmark, item, record) == "ABCD"[place]
    unread = {"parsed": None, "reply": "Who knows?"}
    assert submit.chosen(benchmark, item, unread) == "Who knows?"


def test_dcase_gets_the_option_as_the_release_has_it() -> None:
    benchmark, item = item_of("dcase2025")
    given = item.plan["row"]["choice"]
    for place, text in enumerate(item.choices):
        assert submit.chosen(benchmark, item, {"parsed": text, "reply": ""}) == given[place]
    bare = benchmark.item(
        {**item.plan["row"], "choice": ["whistle", "click"], "answer": "click"}, ()
    )
    assert benchmark.submitted(bare, 1) == "B. click"
    turned = {**item.plan["row"], "choice": ["B. whistle", "A. click"], "answer": "A. click"}
    # The rule goes by the place: the letter written is the one of the place.
    assert benchmark.submitted(benchmark.item(turned, ()), 1) == "B. click"


SHAPES = {
    "hallucination": "entry_id,audio_index,label,response",
    "retrieval": "caption," + ",".join(f"fname_{n}" for n in range(1, 11)),
    "captioning": "file_name,caption_predicted",
    "dcase2025": "question,answer",
}


@pytest.mark.parametrize("name", SHAPES)
def test_tables_have_the_columns_of_the_script_alone(name: str, tmp_path: Path) -> None:
    benchmark, items = opened(name)
    path = tmp_path / "s.csv"
    texts = {key_of(item): 'a.wav\nb.wav, "c"' for item in items[1:]}
    benchmark.write_predictions(path, items, texts)
    assert path.read_text().splitlines()[0] == SHAPES[name]
    assert list(benchmark.read_predictions(path).texts) == [key_of(item) for item in items[1:]]


def test_generated_objects_are_a_list_in_the_nested_object(tmp_path: Path) -> None:
    benchmark, items = opened("hallucination-generative")
    path = tmp_path / "s.json"
    benchmark.write_predictions(path, items, {key_of(items[0]): " dog, car horn,dog ,"})
    clip, prompt = key_of(items[0]).split("|")
    assert json.loads(path.read_text()) == {
        clip: {prompt: {"label": items[0].plan["row"]["label"], "prediction": ["dog", "car horn"]}}
    }


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_rows_without_a_reply_are_written_where_the_script_skips_them(
    name: str, tmp_path: Path
) -> None:
    if name == "own":
        pytest.skip("its release is given by the user")
    benchmark, items = opened(name)
    path = tmp_path / "s.jsonl"
    benchmark.write_predictions(path, items, {key_of(items[0]): "x"})
    back = benchmark.read_predictions(path)
    assert len(back.rows) == (len(items) if benchmark.keeps_absent else 1)
    assert list(back.texts) == [key_of(items[0])]
    told = submit.about_file(benchmark, path, len(items) - 1)
    assert any("have no row" in one for one in told) is not benchmark.keeps_absent
    other = benchmark.suffixes and ".jsonl" not in benchmark.suffixes
    assert any("the official script reads" in one for one in told) is bool(other)


@pytest.mark.parametrize("outcomes, reason", [
    (["failed", "failed"], "all 2 asked failed"), ([], "no record"), (["failed"], "all 1 asked"),
])  # fmt: skip
def test_a_run_without_a_reply_is_no_submission(
    outcomes: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the field, the script of MMAU-Pro scores the gold."""
    items = [Item("Which?", "a", ("a", "b"), clips=CLIP, plan={"key": n, "row": {}}, task=n)
             for n in "xy"]  # fmt: skip
    records = [{"item": item.id, "outcome": outcome, "condition": "audio", "rotation": 0,
                "parsed": None, "reply": ""}
               for item, outcome in zip(items, outcomes, strict=False)]  # fmt: skip
    monkeypatch.setattr(submit, "read_run", lambda _: SimpleNamespace(records=lambda _: records))
    with pytest.raises(DataError, match=reason):
        submit.replies_of(open_benchmark("mmau-pro"), items, Path("run"))


def test_failed_and_unasked_items_have_no_row_and_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = [Item("Which?", "a", ("a", "b"), clips=CLIP, plan={"key": n, "row": {}}, task=n)
             for n in "vwxyz"]  # fmt: skip
    records = [
        {"item": item.id, "outcome": outcome, "condition": condition, "rotation": 0,
         "parsed": "a", "reply": "A"}
        for item, outcome, condition in zip(
            items, ("correct", "failed", "wrong", "correct"), ("audio", "audio", "audio", "none"),
            strict=False)
    ]  # fmt: skip
    monkeypatch.setattr(submit, "read_run", lambda _: SimpleNamespace(records=lambda _: records))
    texts, notes = submit.replies_of(open_benchmark("own"), items, Path("run"))
    assert texts == {"v": "a", "x": "a"}  # the reply without audio to an item with a clip is none
    assert notes == ["1 items failed", "2 items were not asked"]


def test_an_item_without_clips_is_submitted_as_asked_without_audio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = Item("Which?", "a", ("a", "b"), plan={"key": "v", "row": {}})
    records = [{"item": bare.id, "outcome": "correct", "condition": "none", "rotation": 0,
                "parsed": "a", "reply": "A"}]  # fmt: skip
    monkeypatch.setattr(submit, "read_run", lambda _: SimpleNamespace(records=lambda _: records))
    assert submit.replies_of(open_benchmark("own"), [bare], Path("run")) == ({"v": "a"}, [])


@pytest.mark.parametrize(
    ("name", "told"), [("s.csv", True), ("S.JSON", False), ("s.Jsonl", False), ("s", True)]
)
def test_the_suffix_is_told_in_any_case(name: str, told: bool) -> None:
    notes = submit.about_file(open_benchmark("mmar"), Path(name), 0)
    assert any("the official script reads" in one for one in notes) is told
