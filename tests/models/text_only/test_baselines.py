from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harken.ask.prompt import make_prompt
from harken.ask.record import ask_and_score
from harken.ask.score import score
from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Model, Sampling
from harken.models.load import load_model
from harken.models.text_only.constant import Constant
from harken.models.text_only.linear import Linear
from harken.models.text_only.longest import Longest
from harken.models.text_only.oracle import Oracle
from harken.models.text_only.random import Random

NAMES = [f"sound {n}" for n in range(20)]


def make_items(count, leaky, seed=0):
    rng = np.random.default_rng(seed)
    items = []
    for n in range(count):
        picks = [NAMES[int(i)] for i in rng.permutation(20)[:4]]
        gold = picks[int(rng.integers(4))]
        hint = f"the {NAMES.index(gold)}th thing" if leaky else "it"
        items.append(
            Item(
                question=f"What is {hint}, in {n}?",
                answer=gold,
                choices=tuple(picks),
                clips=(Clip(path=f"{n}.wav", duration_s=1.0),),
            )
        )
    return items


ITEMS = make_items(300, leaky=False)
ALL = [Random(3), Constant(1), Longest(), Linear(ITEMS[:100]), Oracle(ITEMS)]


@pytest.mark.parametrize("model", ALL, ids=lambda m: m.name)
def test_baselines_are_models_that_ignore_audio(model):
    assert isinstance(model, Model)
    records = ask_and_score(
        model, ITEMS[:40], conditions=("audio", "none", "swap"), rotations="all"
    )
    for record in records:
        assert sum(map(math.exp, record["logprobs"])) == pytest.approx(1, abs=1e-4)
    by = [[t["parsed"] for t in records if t["condition"] == c] for c in ("audio", "none", "swap")]
    assert by[0] == by[1] == by[2]


def share(model, items):
    replies = model.generate([make_prompt(i, model.style) for i in items], Sampling())
    marks = [score(i, make_prompt(i, model.style), r) for i, r in zip(items, replies, strict=True)]
    return sum(mark.value for mark in marks) / len(marks)


def test_chance_where_the_text_reveals_nothing():
    for model in (Random(1), Constant(2), Linear(ITEMS)):
        assert 0.15 < share(model, ITEMS) < 0.35  # 25 % +- 4 standard errors


def test_constant_and_longest_by_hand():
    item = Item(question="?", answer="b", choices=("aaa", "b", "cc"))
    prompt = make_prompt(item, Constant().style, 1)  # b, cc, aaa
    assert [r.text for r in Constant(1).generate([prompt], Sampling())] == ["B"]
    assert [r.text for r in Constant(9).generate([prompt], Sampling())] == ["C"]
    assert [r.text for r in Longest().generate([prompt], Sampling())] == ["C"]
    assert np.exp(Longest().choice_logprobs([prompt])[0]) == pytest.approx([0.025, 0.025, 0.95])


def test_random_is_seeded_by_item_and_order():
    prompts = [make_prompt(item, Random().style, r) for item in ITEMS for r in range(4)]
    one = [Random(1).pick(p) for p in prompts]
    assert one == [Random(1).pick(p) for p in prompts] != [Random(2).pick(p) for p in prompts]
    counts = np.bincount(one)
    assert counts.min() > 200  # 300 expected, standard deviation 15


def test_linear_learns_what_the_text_gives_away_without_remembering_answers():
    leaky = make_items(400, leaky=True)
    assert share(Linear(leaky), leaky) > 0.9
    # The same items with shuffled golds hold nothing to learn; memory would still be right.
    assert share(Linear(ITEMS), ITEMS) < 0.4


def test_linear_is_deterministic_and_its_identity_covers_its_fit():
    one, two = Linear(ITEMS), Linear(ITEMS)
    prompt = make_prompt(ITEMS[0], one.style)
    assert one.choice_logprobs([prompt]) == two.choice_logprobs([prompt])
    assert one.identity() == two.identity() != Linear(ITEMS[:200]).identity()
    assert Random(1).identity() != Random(2).identity()
    assert not Linear().fitted
    with pytest.raises(ConfigError):
        Linear().fit([Item(question="open", answer="x")])


def test_linear_identity_is_that_of_what_it_was_fitted_on(monkeypatch):
    plain = Linear(ITEMS).identity()
    monkeypatch.setattr(Linear, "_minimise", lambda self, *_: np.full(self.size, 1e-3))
    assert Linear(ITEMS).identity() == plain, "rounding of the weights must not change it"
    others = [
        Linear(ITEMS[1:]),
        Linear([*ITEMS, *make_items(1, leaky=True)]),
        Linear([replace(ITEMS[0], answer=ITEMS[0].choices[ITEMS[0].gold - 1]), *ITEMS[1:]]),
        Linear(ITEMS, decay=1e-3),
        Linear(ITEMS, size=1 << 12),
        Linear(),
    ]
    assert len({plain, *(other.identity() for other in others)}) == 7


def test_linear_says_that_it_is_being_fitted(capsys, monkeypatch):
    monkeypatch.setattr("harken.progress._quiet", False)
    Linear(ITEMS[:30])
    assert "fit the linear text-only model, 30 items" in capsys.readouterr().err


def test_linear_gradient_points_the_right_way():
    # Two items, one word each: the learned weights must prefer the golds.
    pair = [Item(question=q, answer=a, choices=("x", "y")) for q, a in (("one", "x"), ("two", "y"))]
    model = Linear(pair * 1 + [Item(question="one more", answer="x", choices=("y", "x"))])
    fresh = [
        Item(question=q, answer=a, choices=("y", "x")) for q, a in (("one", "x"), ("two", "y"))
    ]
    assert share(model, fresh) == 1.0


def test_oracle_is_right_and_answers_open_questions():
    assert share(Oracle(ITEMS), ITEMS) == 1.0
    item = Item(question="Name all", answer="rain, dog")
    prompt = make_prompt(item, Oracle().style)
    assert Oracle([item]).generate([prompt], Sampling())[0].text == "rain, dog"
    assert Random().generate([prompt], Sampling())[0].text == "I don't know"
    assert Random().choice_logprobs([prompt]) == [None]


@pytest.mark.parametrize(
    ("spec", "name"),
    [("random", "random"), ("random:7", "random:7"), ("constant:2", "constant:2"),
     ("longest", "longest"), ("linear", "linear")],
)  # fmt: skip
def test_names_build_them(spec, name):
    assert load_model(spec).name == name


def test_bad_names_are_refused():
    for spec in ("random:x", "constant:-1", "oracle"):
        with pytest.raises(ConfigError):
            load_model(spec)
