"""The voter of `examples/twins/voter.py`: layers that change nothing at first, practice."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.audio.clip import noise
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.models.composed.model import ComposedModel
from tiny_audio import mini

SCENE = ("dog", "bell", "dog", "rain")


@pytest.fixture(scope="module")
def voter() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "twins" / "voter.py"
    found = importlib.util.spec_from_file_location("twins_voter", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def item() -> Item:
    sources = tuple(
        SourceFacts("sound", name, onset_s=3.0 * at + 0.5, offset_s=3.0 * at + 1.5)
        for at, name in enumerate(SCENE)
    )
    return Item(
        "How often is the dog heard?", "2", ("1", "2"), (noise(1.0, 3),), task="count-events",
        tags=("single", "sound", "scene"), recordings=("r",), split="train",
        facts=(ClipFacts(sources, 12.0),), twins="pair",
    )  # fmt: skip


def test_new_layers_and_times_change_nothing(voter: ModuleType, item: Item, tmp_path: Path) -> None:
    model = mini(3)
    deep = voter.deepened(model, 5, 16)
    assert deep.net.lm.config.num_hidden_layers == 5 and len(deep.net.lm.model.layers) == 5
    prompt = make_prompt(item, model.style)
    before, after = (one.choice_logprobs([prompt])[0] for one in (model, deep))
    torch.testing.assert_close(torch.tensor(after), torch.tensor(before), atol=1e-5, rtol=0)
    deep.save(tmp_path / "deep")
    opened = ComposedModel.load(tmp_path / "deep")
    assert opened.identity() == deep.identity()
    own = [torch.count_nonzero(layer.self_attn.o_proj.weight) for layer in deep.net.lm.model.layers]
    assert [bool(count) for count in own] == [True, False, False, True, False]


def test_practice_is_true_of_the_scene(voter: ModuleType, item: Item) -> None:
    asked = list(voter.practice(item, 0))
    assert {(one.task, one.choices, one.twins, one.split) for one in asked} == {
        ("practice", (), "", "train")
    }
    assert asked[0].answer == "dog, bell, dog, rain"
    assert asked[1].answer == "0.5 s dog, 3.5 s bell, 6.5 s dog, 9.5 s rain"
    found = {one.question: one.answer for one in asked[2:]}
    assert len(found) >= 4
    for question, answer in found.items():
        named = re.search(r'"(\w+)"', question)
        time = re.search(r"(\d+\.\d) ?s|(\d+\.\d)", question)
        if named is None:  # what is heard at a time
            assert time is not None
            assert SCENE[int(float(time[1] or time[2]) // 3)] == answer
        elif answer.startswith("at "):
            assert answer == f"at {3 * SCENE.index(named[1]) + 0.5:.1f} s"
        elif answer.isdigit():
            assert int(answer) == SCENE.count(named[1])
        else:
            step = 1 if "after" in question else -1
            assert SCENE[SCENE.index(named[1]) + step] == answer
    assert list(voter.practice(item, 0)) == asked != list(voter.practice(item, 1))


def test_without_audio_the_answer_stays(voter: ModuleType, item: Item) -> None:
    silent, none = voter.deaf(item, 0), voter.deaf(item, 1)
    assert [clip.duration_s for clip in silent.clips] == [1.0] and none.clips == ()
    for one in (silent, none):
        assert (one.answer, one.choices, one.recordings, one.facts) == ("2", ("1", "2"), (), ())
