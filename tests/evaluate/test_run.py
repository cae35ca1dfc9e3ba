"""A whole evaluation with text-only models, and one that knows the answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from harken.errors import DataError, RunError, TooManyFailures
from harken.evaluate import run as evaluate
from harken.evaluate.compare import compare
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.load import load_model
from harken.shards.write import write_dataset
from scored_records import make_items


class OracleWithAudio:
    """Right where a prompt has the item's own clips, silent failure or first choice elsewhere."""

    name = "oracle-with-audio"
    max_clips = 9
    style = PromptStyle()

    def __init__(self, items: Sequence[Item], fail_without: bool = False) -> None:
        self.items = {item.id: item for item in items}
        self.fail_without = fail_without
        self.asked = 0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        self.asked += len(prompts)
        return [self._reply(prompt) for prompt in prompts]

    def _reply(self, prompt: Prompt) -> Reply:
        item = self.items[prompt.item_id]
        if self.fail_without and not prompt.clips:
            return Reply("", stop="failed", error="no clips")
        matched = [c.key for c in prompt.clips] == [c.key for c in item.clips]
        shown = prompt.order.index(item.gold) if matched else 0
        return Reply(prompt.targets[shown])

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "oracle-with-audio"


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return make_items(tmp_path_factory.mktemp("items"), 18)


def test_a_model_that_uses_audio_is_found_to_listen(items: list[Item], tmp_path: Path) -> None:
    found = evaluate.run(OracleWithAudio(items), items, tmp_path / "run")
    cells = found["overall"]["cells"]
    assert list(cells) == ["audio", "none", "silence", "swap"]
    assert cells["audio"]["accuracy"] == 1.0
    assert cells["none"]["accuracy"] == found["overall"]["floors"]["first"]
    assert found["overall"]["gains"]["none"]["difference"] > 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"run.json", "records.jsonl", "results.json", "done.json"} <= names


@pytest.mark.parametrize("name", ["random", "constant:1", "longest"])
def test_a_text_only_model_gains_nothing(name: str, items: list[Item], tmp_path: Path) -> None:
    found = evaluate.run(load_model(name), items, tmp_path / "run", conditions=("audio", "none"))
    gain = found["overall"]["gains"]["none"]
    assert gain["difference"] == 0.0 and gain["p"] == 1.0


def test_a_finished_run_is_read_not_asked_again(items: list[Item], tmp_path: Path) -> None:
    model = OracleWithAudio(items)
    first = evaluate.run(model, items, tmp_path / "run")
    asked = model.asked
    assert evaluate.run(model, items, tmp_path / "run") == first
    assert model.asked == asked
    assert evaluate.results(tmp_path / "run") == first


def test_a_killed_run_ends_with_the_same_bytes(items: list[Item], tmp_path: Path) -> None:
    model = OracleWithAudio(items)
    evaluate.run(model, items, tmp_path / "a", batch=8)
    evaluate.run(model, items, tmp_path / "b", batch=8)
    for name in ("results.json", "done.json", "records.jsonl"):
        (tmp_path / "b" / name).unlink()
    lines = (tmp_path / "b" / "replies.jsonl").read_bytes()
    (tmp_path / "b" / "replies.jsonl").write_bytes(lines[: int(len(lines) * 0.6)])
    before = model.asked
    evaluate.run(model, items, tmp_path / "b", batch=8)
    assert 0 < model.asked - before < 4 * len(items)
    for name in ("run.json", "replies.jsonl", "records.jsonl", "results.json", "done.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_another_spec_in_the_same_folder_is_refused(items: list[Item], tmp_path: Path) -> None:
    evaluate.run(OracleWithAudio(items), items, tmp_path / "run", conditions=("audio",))
    with pytest.raises(RunError, match="seed"):
        evaluate.run(OracleWithAudio(items), items, tmp_path / "run", conditions=("audio",), seed=7)


def test_too_many_failures_are_raised_after_everything_is_written(
    items: list[Item], tmp_path: Path
) -> None:
    model = OracleWithAudio(items, fail_without=True)
    with pytest.raises(TooManyFailures):
        evaluate.run(model, items, tmp_path / "run", max_failed=0.1)
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    none = found["overall"]["cells"]["none"]
    assert none["outcomes"]["failed"] == len(items) and none["accuracy"] is None
    # A laxer threshold reads the very same run.
    again = evaluate.run(model, items, tmp_path / "run", max_failed=0.9)
    assert again["overall"]["cells"]["audio"]["accuracy"] == 1.0
    assert again["overall"]["gains"]["none"]["difference"] is None


def test_the_dataset_is_recorded_by_path_and_content(items: list[Item], tmp_path: Path) -> None:
    info = write_dataset(items, tmp_path / "data", name="d", root=tmp_path)
    evaluate.run(
        OracleWithAudio(items),
        items,
        tmp_path / "runs" / "x",
        dataset=tmp_path / "data",
        conditions=("audio",),
    )
    spec = json.loads((tmp_path / "runs" / "x" / "run.json").read_text())["spec"]
    assert spec["dataset"] == {"path": "../../data", "digest": info.digest}


def test_items_that_cannot_be_asked_are_counted(items: list[Item], tmp_path: Path) -> None:
    found = evaluate.run(
        OracleWithAudio(items), items, tmp_path / "run", conditions=("audio", "clip-2")
    )
    single = sum(len(item.clips) == 1 for item in items)
    assert sum(found["excluded"].values()) == single
    assert found["overall"]["cells"]["clip-2"]["asked"] == len(items) - single


def test_compare_finds_the_flips(items: list[Item], tmp_path: Path) -> None:
    first = load_model("constant:0")
    evaluate.run(first, items, tmp_path / "a", conditions=evaluate.CONDITIONS)
    evaluate.run(OracleWithAudio(items), items, tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b")
    whole = found["conditions"]["audio"][0]
    wrong = sum(item.gold != 0 for item in items)
    assert len(whole["paired"]["better"]) == wrong and whole["paired"]["worse"] == []
    assert whole["paired"]["difference"] == pytest.approx(wrong / len(items))
    assert found["conditions"]["none"][0]["paired"]["difference"] == 0.0
    back = compare(tmp_path / "b", tmp_path / "a")["conditions"]["audio"][0]
    assert back["paired"]["worse"] == whole["paired"]["better"]


def test_runs_on_different_items_are_refused_by_number(items: list[Item], tmp_path: Path) -> None:
    evaluate.run(OracleWithAudio(items), items[:12], tmp_path / "a", conditions=("audio",))
    evaluate.run(OracleWithAudio(items), items[4:], tmp_path / "b", conditions=("audio",))
    with pytest.raises(RunError, match="12 in the first, 14 in the second, 8 shared"):
        compare(tmp_path / "a", tmp_path / "b")


def test_an_unfinished_run_is_refused(items: list[Item], tmp_path: Path) -> None:
    evaluate.run(OracleWithAudio(items), items, tmp_path / "a", conditions=("audio",))
    (tmp_path / "a" / "done.json").unlink()
    with pytest.raises(RunError, match="not a finished evaluation"):
        compare(tmp_path / "a", tmp_path / "a")


def test_nothing_to_ask_is_an_error_and_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no items"):
        evaluate.run(load_model("random"), [], tmp_path / "run")
    assert not (tmp_path / "run").exists()
