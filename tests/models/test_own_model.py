"""A model of one's own: three methods and two attributes are enough, and less is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harken.curate.run import run as curate
from harken.errors import ConfigError, ModelError, TooManyFailures
from harken.evaluate.run import run
from harken.item import Item
from harken.models.base import PromptStyle, Reply, check_model, style_of
from harken.models.load import load_model, needs_items

ITEMS = [
    Item(f"Is it {n}?", "yes", ("yes", "no"), task="t", recordings=(f"r{n}",)) for n in range(4)
]


def mine(**changes: Any) -> Any:
    """A model with the least that one needs, and changes to it; None takes a member away."""
    members = {
        "name": "mine",
        "max_clips": 0,
        "generate": lambda self, prompts, sampling: [Reply(p.choices[0]) for p in prompts],
        "choice_logprobs": lambda self, prompts: [None] * len(prompts),
        "identity": lambda self: "mine-1",
        **changes,
    }
    return type("Mine", (), {k: v for k, v in members.items() if v is not None})()


def test_a_model_without_a_style_is_asked_in_the_usual_one(tmp_path: Path) -> None:
    plain = run(mine(), ITEMS, tmp_path / "a", conditions=["none"])
    usual = run(mine(style=PromptStyle()), ITEMS, tmp_path / "b", conditions=["none"])
    assert plain["overall"]["cells"] == usual["overall"]["cells"]
    prompts = [(tmp_path / name / "plan.jsonl").read_text() for name in "ab"]
    assert prompts[0] == prompts[1] and "A." in prompts[0]
    assert curate(ITEMS, [mine()], tmp_path / "c")["counts"]["undecided"] == 4
    assert style_of(mine(style=PromptStyle(letters=False))).letters is False


@pytest.mark.parametrize(
    "lacking",
    [["generate"], ["choice_logprobs"], ["identity"], ["name"], ["max_clips"],
     ["generate", "identity", "name"]],
)  # fmt: skip
def test_what_a_model_lacks_is_named_all_at_once(lacking: list[str], tmp_path: Path) -> None:
    model = mine(**dict.fromkeys(lacking))
    for ask in (
        lambda: check_model(model),
        lambda: run(model, ITEMS, tmp_path / "run"),
        lambda: curate(ITEMS, [model], tmp_path / "curated"),
    ):
        with pytest.raises(ModelError, match="Mine is no model") as told:
            ask()
        for name in ("generate", "choice_logprobs", "identity", "name", "max_clips"):
            assert (f" {name}" in told.value.found.partition("lacks")[2]) == (name in lacking)
    assert not list(tmp_path.iterdir())


def test_a_member_that_is_no_method_is_lacking() -> None:
    with pytest.raises(ModelError, match="method generate"):
        check_model(mine(generate="yes"))


@pytest.mark.parametrize(
    ("reply", "told"),
    [("yes", "returned str"), (3, "returned int"), (Reply(None), "NoneType, not str")],
)
def test_what_is_no_reply_fails_with_what_it_is(tmp_path: Path, reply: Any, told: str) -> None:
    model = mine(generate=lambda self, prompts, sampling: [reply] * len(prompts))
    with pytest.raises(TooManyFailures, match=told):
        run(model, ITEMS, tmp_path, conditions=["none"])


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_replies_than_of_prompts_is_told(tmp_path: Path, count: int) -> None:
    model = mine(generate=lambda self, prompts, sampling: [Reply("yes")] * count)
    with (
        pytest.warns(UserWarning, match="repeated one by one"),
        pytest.raises(TooManyFailures, match=f"{count} answers returned to one prompt"),
    ):
        run(model, ITEMS, tmp_path, conditions=["none"])


@pytest.mark.parametrize("name", ["/no/such/model", "runs/no model", "nothere"])
def test_a_model_that_is_not_there_is_told_as_a_folder(name: str) -> None:
    for asked in (load_model, needs_items):
        with pytest.raises(ConfigError, match=r"there is no .*folder"):
            asked(name)
