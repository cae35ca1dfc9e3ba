"""Settings of a run: room and sampling of replies, conditions of models without audio, one item."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_server import Standin
from harken.audio.clip import Clip
from harken.errors import ConfigError, RunError
from harken.evaluate import run as evaluate
from harken.evaluate.results import cut_replies
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.load import load_model
from harken.report import terminal
from scored_records import make_items


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return make_items(tmp_path_factory.mktemp("items"), 8)


class Thinking:
    """Thinks for ten tokens before each letter; every other reply needs a hundred."""

    name, max_clips, style = "thinking", 9, PromptStyle()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        return [self._reply(prompt, sampling.room) for prompt in prompts]

    def _reply(self, prompt: Prompt, room: int) -> Reply:
        needed = 100 if int(prompt.item_id, 16) % 2 else 10
        return Reply("A") if needed < room else Reply("<think>perhaps A, or", "length")

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "thinking"


def test_replies_cut_by_their_length_are_counted_and_shown(
    items: list[Item], tmp_path: Path
) -> None:
    found = evaluate.run(Thinking(), items, tmp_path / "short")
    long = sum(int(item.id, 16) % 2 for item in items)
    assert 0 < long < len(items)
    by = dict.fromkeys(sorted(found["conditions"]), long)
    assert found["cut"] == {"replies": 4 * long, "unparsable": 4 * long, "by": by}
    cell = found["overall"]["cells"]["audio"]
    assert cell["answered"] == len(items) and cell["outcomes"]["failed"] == 0
    assert cell["outcomes"]["unparsable"] == long
    shown = " ".join(terminal.results(found).split())
    assert f"{4 * long} replies were cut at 32 tokens, {4 * long} of them unparsable" in shown
    assert "at most 32 tokens a reply, greedy" in shown


@pytest.mark.parametrize("how", [Sampling(128), Sampling(32, thinking_tokens=96)])
def test_with_more_room_nothing_is_cut(how: Sampling, items: list[Item], tmp_path: Path) -> None:
    found = evaluate.run(Thinking(), items, tmp_path / "long", sampling=how)
    assert found["cut"]["replies"] == 0 and "were cut" not in terminal.results(found)
    assert found["sampling"]["max_tokens"] + found["sampling"]["thinking_tokens"] == 128


def test_other_room_or_sampling_does_not_resume_the_run(items: list[Item], tmp_path: Path) -> None:
    first = Sampling(64, 0.5, top_p=0.9)
    evaluate.run(Thinking(), items, tmp_path / "run", sampling=first)
    evaluate.run(Thinking(), items, tmp_path / "run", sampling=first)  # the same: read
    for name, other in {
        "max_tokens": Sampling(65, 0.5, top_p=0.9),
        "temperature": Sampling(64, 0.6, top_p=0.9),
        "top_p": Sampling(64, 0.5),
        "thinking_tokens": Sampling(64, 0.5, top_p=0.9, thinking_tokens=1),
    }.items():
        with pytest.raises(RunError, match=f"sampling.{name}"):
            evaluate.run(Thinking(), items, tmp_path / "run", sampling=other)


def test_only_replies_that_were_cut_are_counted() -> None:
    rows = [("length", "unparsable", "audio"), ("length", "correct", "audio"),
            ("end", "unparsable", "audio"), ("failed", "failed", "none"),
            ("length", "wrong", "none")]  # fmt: skip
    records = [dict(zip(("stop", "outcome", "condition"), row, strict=True)) for row in rows]
    assert cut_replies(records) == {
        "replies": 3, "unparsable": 1, "by": {"audio": 2, "none": 1}
    }  # fmt: skip
    assert cut_replies([]) == {"replies": 0, "unparsable": 0, "by": {}}


@pytest.mark.parametrize("name", ["random", "constant:1", "longest", "linear", "oracle"])
def test_models_without_audio_are_asked_none_only(
    name: str, items: list[Item], tmp_path: Path
) -> None:
    model = load_model(name, **({"items": items} if name in ("linear", "oracle") else {}))
    found = evaluate.run(model, items, tmp_path / "run")
    assert found["conditions"] == ["none"] and found["records"] == len(items)
    asked = evaluate.run(model, items, tmp_path / "named", conditions=("audio", "none"))
    assert asked["conditions"] == ["audio", "none"]


@pytest.mark.parametrize("conditions", [("audio",), ("none", "swap"), ("fragment-2",)])
def test_conditions_with_clips_are_refused_where_no_clip_is_taken(
    conditions: tuple[str, ...], items: list[Item], tmp_path: Path
) -> None:
    model = Thinking()
    model.max_clips = 0
    with pytest.raises(ConfigError) as refused:
        evaluate.run(model, items, tmp_path / "run", conditions=conditions)
    assert "takes no audio" in refused.value.found and "none" in refused.value.hint
    assert not (tmp_path / "run").exists()
    assert evaluate.run(model, items, tmp_path / "run")["conditions"] == ["none"]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", ["random", "longest", "oracle"])
def test_one_item_can_be_evaluated(
    name: str, count: int, items: list[Item], tmp_path: Path
) -> None:
    few = items[:count]
    model = load_model(name, **({"items": few} if name == "oracle" else {}))
    every = evaluate.CONDITIONS
    found = evaluate.run(model, few, tmp_path / "run", conditions=every, rotations="all",
                         guards=evaluate.Guards(selfcheck=5))  # fmt: skip
    assert found["items"] == count and terminal.results(found)
    plan = evaluate.run(model, few, tmp_path / "plan", until="plan")
    assert plan["detectable"]["items"] == count


def test_a_server_that_becomes_another_model_is_told(items: list[Item], tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    with Changing() as server:
        model = load_model(f"openai:m@{server.url}?max_clips=0&concurrency=1")
        with pytest.warns(UserWarning, match="fingerprint that the server stated changed"):
            found = evaluate.run(model, items, tmp_path / "run")
    (check,) = found["checks"]
    assert (check["name"], check["ok"]) == ("server", False)
    assert check["replies"] == {"fp_1": 3, "fp_2": len(items) - 3}
    assert "failed: server" in terminal.results(found)


class Changing(Standin):
    """Answers by another build after three replies."""

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        mark = "fp_1" if sum(self.seen.answered.values()) < 3 else "fp_2"
        return {**super()._completion(body), "model": "m", "system_fingerprint": mark}


def test_options_that_fix_their_order_are_told_in_the_results(
    items: list[Item], tmp_path: Path
) -> None:
    odd = [Item(question=item.question, answer=item.answer,
                choices=(*item.choices, "None of the above"), clips=item.clips,
                recordings=item.recordings) for item in items[:3]]  # fmt: skip
    found = evaluate.run(Thinking(), [*items, *odd], tmp_path / "run", rotations="all")
    assert found["one_option_order"] == 3
    told = json.loads((tmp_path / "run" / "records-excluded.json").read_text())
    assert set(told["rotations"]) == {item.id for item in odd}
    shown = " ".join(terminal.results(found).split())
    assert re.search(r"3 items have one order of options only", shown)
    assert not any("rotations" in key for key in found["excluded"])


@pytest.mark.parametrize("kind", ["empty path", "missing", "zero bytes", "no samples", "folder"])
@pytest.mark.parametrize("place", [0, 1])
def test_an_item_whose_clip_is_not_there_is_never_asked_without_sound(
    kind: str, place: int, items: list[Item], tmp_path: Path
) -> None:
    """Failed with its reason, also where another clip of the item is whole."""
    pytest.importorskip("aiohttp")
    (tmp_path / "zero.wav").touch()
    whole = Path(items[0].clips[0].path).read_bytes()
    (tmp_path / "none.wav").write_bytes(whole[: whole.index(b"data") + 4] + bytes(4))
    path = {"empty path": "", "missing": "gone.wav", "zero bytes": "zero.wav",
            "no samples": "none.wav", "folder": "."}[kind]  # fmt: skip
    bad = Clip(path=str(tmp_path / path) if path else "")
    clips = [items[0].clips[0], bad][:: 1 if place else -1]
    odd = [replace(items[0], clips=(bad,)), replace(items[1], clips=tuple(clips))]
    with Standin() as server:
        model = load_model(f"openai:m@{server.url}", retries=1, backoff_s=0.01)
        evaluate.run(model, [*odd, *items[2:]], tmp_path / "run", max_failed=1.0,
                     conditions=("audio",))  # fmt: skip
        asked = [body["messages"][-1]["content"] for body in server.seen.bodies]
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    records = {one["item"]: one for one in map(json.loads, lines)}
    for item in odd:
        assert records[item.id]["outcome"] == "failed"
        assert records[item.id]["error"].startswith("audio: ")
    assert len(asked) == len(items) - 2
    assert all(any(part["type"] == "input_audio" for part in content) for content in asked)
