"""k prompts run again alone: what must agree, what may differ, and what is reported."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harken.ask.prompt import make_prompt
from harken.evaluate.run import Guards, run
from harken.evaluate.selfcheck import Earlier, selfcheck
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.runs import read_run
from scored_records import make_items


class Moody:
    """Right alone; in a batch it answers as its first neighbour: the fault that is looked for."""

    name, max_clips, style = "moody", 4, PromptStyle()

    def __init__(self, leaks: bool = True, noise: float = 0.0) -> None:
        self.leaks, self.noise = leaks, noise
        self.calls: list[int] = []

    def values(self, prompts: list[Prompt], place: int) -> tuple[float, ...]:
        spoken = prompts[0 if self.leaks else place]
        pick = sum(map(ord, spoken.question)) % len(prompts[place].choices)
        size = len(prompts[place].choices)
        raw = [3.0 * (n == pick) + self.noise * len(prompts) * n for n in range(size)]
        total = math.log(sum(math.exp(value) for value in raw))
        return tuple(value - total for value in raw)

    def choice_logprobs(self, prompts: Any) -> list[tuple[float, ...] | None]:
        self.calls.append(len(prompts))
        return [self.values(prompts, n) for n in range(len(prompts))]

    def generate(self, prompts: Any, sampling: Sampling) -> list[Reply]:
        found = [self.values(prompts, n) for n in range(len(prompts))]
        return [Reply("ABCD"[own.index(max(own))]) for own in found]

    def identity(self) -> str:
        return "moody"


def asked(count: int = 12) -> list[Prompt]:
    return [
        Prompt((f"q{n}",), f"q{n}", ("w", "x", "y", "z"), (0, 1, 2, 3), item_id=f"i{n}")
        for n in range(count)
    ]


def batch(model: Any, prompts: list[Prompt]) -> list[Earlier]:
    logs, texts = model.choice_logprobs(prompts), model.generate(prompts, Sampling())
    return [(p, t.text, v) for p, t, v in zip(prompts, texts, logs, strict=True)]


def test_a_model_that_answers_alike_alone_is_ok() -> None:
    model = Moody(leaks=False, noise=1e-6)
    found = selfcheck(model, batch(model, asked()), 5)
    assert found["ok"] and found["asked"] == 5 and found["items"] == []
    assert 0 < found["largest"] < 1e-4
    assert model.calls[1:] == [1] * 5, "each alone"


def test_a_neighbour_that_leaks_is_found_and_named() -> None:
    model = Moody()
    found = selfcheck(model, batch(model, asked()), 99)
    alone = [sum(map(ord, p.question)) % 4 for p in asked()]
    wanted = sum(one != alone[0] for one in alone)
    assert not found["ok"] and found["asked"] == 12
    assert found["differing"] == wanted == len(found["items"]) == found["texts"]
    first = found["items"][0]
    assert first["item"] == "i1" and first["before"]["text"] != first["alone"]["text"]
    assert found["largest"] == pytest.approx(3.0)


def test_the_draw_is_by_seed() -> None:
    model = Moody()
    answers = batch(model, asked(40))
    draws = [selfcheck(model, answers, 6, seed)["items"] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert selfcheck(model, [], 3) == {
        "asked": 0, "ok": True, "fresh": True, "differing": 0, "rounded": 0, "texts": 0,
        "failed": 0, "largest": None, "items": [],
    }  # fmt: skip


def test_a_changed_near_tie_is_rounding_and_a_failure_is_not_ok() -> None:
    model = Moody(leaks=False)
    prompt = asked(1)[0]
    near: Earlier = (prompt, "", [math.log(0.25) + 5e-4, *[math.log(0.25)] * 3])
    model.values = lambda prompts, place: (  # type: ignore[method-assign]
        math.log(0.25), math.log(0.25) + 4e-4, math.log(0.25), math.log(0.25)
    )  # fmt: skip
    found = selfcheck(model, [near], 1)
    assert found["ok"] and found["rounded"] == 1 and found["differing"] == 0

    def broken(prompts: Any) -> Any:
        raise RuntimeError("gone")

    model.choice_logprobs = broken  # type: ignore[method-assign]
    lost = selfcheck(model, [near], 1)
    assert not lost["ok"] and lost["failed"] == 1 and lost["differing"] == 0
    assert "gone" in lost["items"][0]["alone"]["error"]


def test_open_answers_are_compared_by_their_text() -> None:
    model = Moody()
    model.generate = lambda prompts, sampling: [Reply("rain")] * len(prompts)  # type: ignore[method-assign]
    prompt = Prompt(("q",), "q")
    assert selfcheck(model, [(prompt, "rain ", None)], 1)["differing"] == 0
    assert selfcheck(model, [(prompt, "hail", None)], 1)["differing"] == 1
    shut = asked(1)[0]
    model.generate = lambda prompts, sampling: [Reply("(B)")] * len(prompts)  # type: ignore[method-assign]
    same = selfcheck(model, [(shut, "The answer is B.", None)], 1)
    assert same["ok"] and same["texts"] == 1, "other words, same choice"


def test_a_model_with_a_reply_cache_needs_another_folder(tmp_path: Path) -> None:
    model: Any = Moody(leaks=False)
    folders: list[Any] = []
    model.keep = folders.append
    answers = batch(model, asked(3))
    assert selfcheck(model, answers, 1)["fresh"] is False and not folders
    assert selfcheck(model, answers, 1, folder=tmp_path)["fresh"] is True and folders == [tmp_path]


def test_the_built_in_model_answers_the_same_alone(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from harken.models.composed.model import ComposedModel

    items = make_items(tmp_path, 8)
    words = [text for item in items for text in (item.question, *item.choices)]
    model = ComposedModel.preset("harken-mini", words, seed=1)
    answers = batch(model, [make_prompt(item, model.style) for item in items])
    found = selfcheck(model, answers, 4)
    assert found["ok"] and found["largest"] < 1e-3, found


def test_what_failed_in_the_run_is_not_compared(tmp_path: Path) -> None:
    """A reply that is not there is no answer that batching changed."""
    items = make_items(tmp_path, 6)

    class Down(Moody):
        def generate(self, prompts: Any, sampling: Sampling) -> list[Reply]:
            said = super().generate(prompts, sampling)
            failed = Reply("", "failed", "busy")
            return [failed if p.item_id == items[2].id else own
                    for p, own in zip(prompts, said, strict=True)]  # fmt: skip

        def choice_logprobs(self, prompts: Any) -> list[tuple[float, ...] | None]:
            return [None] * len(prompts)

    guards = Guards(selfcheck=100, floor=False)
    run(Down(leaks=False), items, tmp_path / "run", guards=guards, conditions=("none",),
        max_failed=1.0)  # fmt: skip
    found = read_run(tmp_path / "run").read_json("selfcheck")
    assert (found["asked"], found["differing"], found["ok"]) == (5, 0, True)
