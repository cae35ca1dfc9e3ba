"""MMAU: the token-set rule by hand, and the real test-mini where it is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fake_models import Says
from hypothesis import given
from hypothesis import strategies as st

from harken.audio.clip import Clip
from harken.errors import DataError
from harken.evaluate.benchmarks.floors import floor
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.matching import token_set_match
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of, options_of
from harken.item import HIDDEN, Item
from harken.models.base import PromptStyle
from paths import REPO


@pytest.fixture(scope="module")
def mini() -> list[Item]:
    root = Path(os.environ.get("HARKEN_BENCHMARKS") or REPO.parent / "shared" / "benchmarks")
    path = root / "mmau" / "mmau-test-mini.json"
    if not path.is_file():
        pytest.skip(f"no MMAU at {path}; set HARKEN_BENCHMARKS to a folder that holds mmau/")
    release = open_benchmark("mmau").release(path)
    assert release.version and release.fingerprint == "758f58e5184032f8"
    return list(release.items)


@pytest.mark.parametrize(
    ("gold", "reply", "options", "right"),
    [
        ("A dog", "a dog", ["A dog", "A cat"], True),
        ("A dog", "The dog is a DOG.", ["A dog", "A cat"], True),  # more words do no harm
        ("A dog", "dog", ["A dog", "A cat"], False),  # the article is a word
        ("A dog", "a dog, not the cat", ["A dog", "A cat"], False),  # a word of a wrong option
        ("dog cat", "cat then dog", ["dog cat", "cat dog"], True),  # order is ignored
        ("dog", "dog", ["dog", "DOG", "cat"], True),  # the same token set counts as gold
        ("dog", "B", ["cat", "dog"], False),  # a letter is a word
        ("dog", "", ["cat", "dog"], False),
        ("...", "anything", ["...", "cat"], True),  # a gold without words is in every reply
    ],
)
def test_token_set_match(gold: str, reply: str, options: list[str], right: bool) -> None:
    assert token_set_match(gold, reply, options) is right


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4), st.data())
def test_saying_more_than_the_gold_never_helps(gold: list[str], data: st.DataObject) -> None:
    options = [" ".join(gold), data.draw(st.sampled_from(["a b", "c", "d e", "z"]))]
    reply = " ".join(gold)
    assert token_set_match(options[0], reply, options)
    for word in set(options[1].split()) - set(gold):
        assert not token_set_match(options[0], f"{reply} {word}", options)


def test_the_real_counts_and_no_item_lost(mini: list[Item]) -> None:
    assert len(mini) == len({item.id for item in mini}) == 1000
    repeated = [item for item in mini if "repeated-choices" in item.tags]
    assert len(repeated) == 27
    for item in repeated:
        assert len(options_of(item)) > len(item.choices) and item.answer in item.choices


def test_five_sets_of_replies_on_the_real_file(mini: list[Item]) -> None:
    benchmark = open_benchmark("mmau")
    keys = [key_of(item) for item in mini]
    letters = ["ABCDEFGH"[options_of(item).index(item.answer)] for item in mini]
    said = {
        "gold": {key_of(item): item.answer for item in mini},
        "letters": dict(zip(keys, letters, strict=True)),
        "joined": {key_of(item): ", ".join(options_of(item)) for item in mini},
        "empty": dict.fromkeys(keys, ""),
        "half": {key_of(item): item.answer for item in mini[::2]},
    }
    found = {name: score(benchmark, mini, Predictions.of(own, keys)) for name, own in said.items()}
    official = {name: one["official"]["accuracy"] for name, one in found.items()}
    assert official["gold"] == official["half"] == 1.0
    assert official["letters"] <= 0.005 and official["joined"] <= 0.005 and official["empty"] == 0
    assert found["half"]["official"]["n"] == 500
    assert "left the denominator" in found["half"]["official"]["faults"][0]
    strict = {name: one["strict"]["accuracy"] for name, one in found.items()}
    assert strict["gold"] == 1 and strict["half"] == 0.5 and strict["empty"] == 0
    assert strict["letters"] >= 0.99 and strict["joined"] <= 0.005
    assert found["half"]["parse_rate"] == 0.5


def test_text_only_floors_of_the_real_file(mini: list[Item]) -> None:
    found = floor(open_benchmark("mmau"), mini)
    assert found["chance"] == pytest.approx(0.2554, abs=1e-4)
    assert [c["accuracy"] for c in found["constant"][:4]] == [0.395, 0.271, 0.212, 0.133]
    assert found["gold_position"][:4] == [395, 271, 208, 126]
    assert found["longest"]["accuracy"] == 0.394
    assert found["category_majority"]["accuracy"] == 0.428
    linear = found["linear"]
    assert 0.428 <= linear["accuracy"] <= 0.53
    assert linear["low"] < linear["accuracy"] < linear["high"]
    assert linear["low"] > found["chance"]  # text only, and far above chance
    fields = found["fields"]["sub-category"]
    assert fields["held_out"]["accuracy"] < fields["accuracy"]  # 27 positions overfit


def test_a_null_prediction_stops_the_script(mini: list[Item]) -> None:
    found = score(open_benchmark("mmau"), mini[:2], {key_of(mini[0]): None, key_of(mini[1]): "x"})
    assert found["official"]["accuracy"] is None and found["official"]["stops"]
    assert found["strict"]["accuracy"] == 0 and found["counts"]["not-text"] == 1


def test_withheld_answers_load_and_make_a_submission_but_no_score(tmp_path: Path) -> None:
    rows = json.loads((REPO / "tests/data/mmau/release/mmau-test-mini.json").read_text())
    for row in rows:
        row["answer"] = ""
    path = tmp_path / "mmau-test.json"
    path.write_text(json.dumps(rows))
    benchmark = open_benchmark("mmau")
    items = benchmark.load(tmp_path, partial=True)
    assert all(HIDDEN in item.tags and item.gold == -1 for item in items)
    assert len(items) == 4 and all(item.choices for item in items)
    texts = {key_of(item): item.choices[0] for item in items}
    with pytest.raises(DataError, match="withheld"):
        score(benchmark, items, texts)
    benchmark.write_predictions(tmp_path / "submit.json", items, texts)
    written = json.loads((tmp_path / "submit.json").read_text())
    assert [row["model_output"] for row in written] == list(texts.values())
    assert floor(benchmark, items)["n"] == 0


def test_both_names_of_the_prediction_field_are_read_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"id": "m1", "model_prediction": "a dog"}]))
    found = open_benchmark("mmau").read_predictions(path)
    assert found.texts == {"m1": "a dog"} and "official field is 'model_output'" in found.notes[0]


def test_a_dump_of_options_with_commas_names_none_of_them() -> None:
    item = Item(
        "Who?", "both sad.", ("first is sad, second glad.", "both sad."),
        plan={"key": "x", "options": ["first is sad, second glad.", "both sad."], "row": {}},
    )  # fmt: skip
    benchmark = open_benchmark("mmau")
    assert benchmark.understand(item, "I hear that both sad.").choice == 1
    dumped = benchmark.understand(item, "First is sad, second glad. Both sad.")
    assert dumped.choice is None and dumped.rule == "several-options"


def test_the_floor_of_a_text_model() -> None:
    benchmark = open_benchmark("mmau")
    items = benchmark.load(REPO / "tests/data/mmau/release", partial=True)
    says = Says(lambda text: "A")
    says.style = PromptStyle()
    found = floor(benchmark, items, linear=False, model=says)["text_model"]
    assert found["accuracy"] == 0.5 and found["parsed"] == 4  # the first is right in m1 and m2
    silent = floor(benchmark, items, linear=False, model=Says(lambda text: None))["text_model"]
    assert silent["accuracy"] is None and silent["failed"] == 4


def test_the_linear_floor_of_a_template_with_two_answers_is_not_below_chance() -> None:
    items = [
        Item("Are the sounds the same?", ("Yes", "No")[n % 2], ("Yes", "No"),
             clips=(Clip(path=f"{n}.wav"),), plan={"key": str(n), "row": {}})
        for n in range(400)
    ]  # fmt: skip
    assert 0.4 < floor(open_benchmark("own"), items)["linear"]["accuracy"] < 0.6
