"""All 27 instruction-following rules: what passes, what fails, and the fallbacks."""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.mmau_pro_rules import RULES, passes, punkt, sentences
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.scoring import score

CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("Include Keywords", {"keywords": "rain, Wind"}, ["wind and RAIN", "a training window"],
     ["rain", ""]),
    ("Forbidden Words", {"forbidden_words": "cat, dog"}, ["bird", ""], ["Cats", "hotdog"]),
    ("Keyword Frequency", {"keyword": "bell", "N": 2.0}, ["Bell, bell", "bell-bell"],
     ["bell", "bell bells"]),
    ("Number Paragraphs", {"N": 2}, ["a *** b", "*** a *** b ***"], ["a", "a***b***c"]),
    ("Number Words (at least)", {"N": 2}, ["a b", "a b c"], ["a", ""]),
    ("Number Words (at most)", {"N": 2}, ["a b", ""], ["a b c"]),
    ("Number Words (range)", {"N1": 2, "N2": 3}, ["a b", "a b c"], ["a", "a b c d"]),
    ("Number Sentences (at least)", {"N": 2}, ["It rains. It pours."], ["It rains."]),
    ("Number Sentences (at most)", {"N": 1}, ["It rains."], ["It rains. It pours! Why?"]),
    ("Number Sentences (range)", {"N1": 1, "N2": 2}, ["One. Two."], ["One. Two. Three."]),
    ("Postscript", {"postscript_marker": "P.S."}, ["Bye. p s", "xps"], ["Bye."]),
    ("Number Placeholder", {"N": 1}, ["[name]", "[a] [b]"], ["name", "[]"]),
    ("Number Bullets", {"N": 2}, ["* a\n* b", "x\n * a\n* b"], ["* a", "a * b * c"]),
    ("Title", {}, ["<<Rain>> falls"], ["<Rain>", "<<>>"]),
    ("Minimum Number Highlighted Section", {"N": 1}, ["*rain*", "a * b *"], ["rain", "*rain"]),
    ("Multiple Sections", {"N": 2, "section_splitter": "Part"}, ["Part a Part b"],
     ["Part a", "a"]),
    ("Repeat Prompt", {}, ["what is IT? a dog"], ["a dog: what is it?"]),
    ("Two Responses", {}, ["a ****** b"], ["a ****** A ", "a", "a******b******c"]),
    ("All Uppercase", {}, ["RAIN 1"], ["Rain", "1"]),
    ("All Lowercase", {}, ["rain 1"], ["Rain", "1"]),
    ("All-capital Words (at least)", {"N": 1}, ["the RAIN"], ["the rain"]),
    ("All-capital Words (at most)", {"N": 1}, ["the RAIN"], ["THE RAIN"]),
    ("All-capital Words (range)", {"N1": 1, "N2": 2}, ["the RAIN", "THE RAIN"], ["a", "A B C"]),
    ("Start Checker", {"start_phrase": "I hear:"}, ["i hear, a dog"], ["We hear"]),
    ("End Checker", {"end_phrase": "that is all."}, ["Rain. That is all!"], ["that is all folks"]),
    ("Quotation", {}, [' "rain" ', '"'], ["rain", '"rain']),
    ("No Commas", {}, ["rain and wind"], ["rain, wind"]),
]  # fmt: skip


def test_all_27_are_here() -> None:
    assert len(RULES) == 27 == len(CASES)
    assert {name for name, *_ in CASES} == set(RULES)


@pytest.mark.parametrize(("name", "own", "good", "bad"), CASES)
def test_rule(name: str, own: dict[str, Any], good: list[str], bad: list[str]) -> None:
    for text in good:
        assert passes(name, text, own, "What is it?"), text
    for text in bad:
        assert not passes(name, text, own, "What is it?"), text


def test_absent_parameters_fall_back_and_present_nulls_stop() -> None:
    assert passes("Number Words (at most)", "", None, "q")  # N is 0
    assert passes("Number Words (range)", "a b c", {}, "q")  # 0 to 999
    assert passes("Include Keywords", "anything", {}, "q")  # the empty word is everywhere
    assert not passes("Forbidden Words", "anything", {}, "q")
    with pytest.raises(TypeError):
        passes("Number Words (at least)", "a", {"N": None}, "q")
    with pytest.raises(AttributeError):
        passes("Include Keywords", "a", {"keywords": None}, "q")
    assert not passes("No Such Rule", "a", {}, "q")


@pytest.fixture
def fresh() -> Iterator[None]:
    punkt.cache_clear()
    yield
    punkt.cache_clear()


def without(*rest: Any) -> list[str]:
    raise LookupError("punkt_tab not found")


def library(split: Any) -> types.ModuleType:
    """A stand-in for NLTK with this splitter."""
    found = types.ModuleType("nltk")
    found.tokenize = types.SimpleNamespace(sent_tokenize=split)  # type: ignore[attr-defined]
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def instruction(tmp_path: Path, identifier: str) -> Any:
    row = {
        "id": "i", "audio_path": ["a.wav"], "question": "q", "answer": "", "kwargs": {"N": 1},
        "category": "instruction following", "task_identifier": identifier,
    }  # fmt: skip
    write(tmp_path / "test.jsonl", [row])
    bench = open_benchmark("mmau-pro")
    items = bench.load(tmp_path / "test.jsonl", partial=True)
    return score(bench, items, {"i": "Dr. Smith left at 5 p.m. today."})["official"]


@pytest.mark.parametrize("absent", [None, library(without)])
@pytest.mark.parametrize(
    "identifier", ["Number Sentences (at most)", "Number Sentences (at least)"]
)
def test_the_rule_that_stands_in_for_punkt_is_told(
    absent: Any, identifier: str, fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nltk", absent)
    (told,) = instruction(tmp_path, identifier)["faults"]
    assert "stands in for NLTK's punkt" in told and "harken[metrics]" in told
    assert sentences("It rains. It pours.") == 2


def test_punkt_counts_where_it_is_installed(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nltk", library(lambda text: [text]))
    found = instruction(tmp_path, "Number Sentences (at most)")
    assert found["value"] == 1 and not found["faults"]
    assert sentences("It rains. It pours.") == 1


def test_no_sentences_no_notice(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nltk", None)
    assert not instruction(tmp_path, "Number Words (at least)")["faults"]


MINILM = Path(os.environ.get("HARKEN_WEIGHTS", "")) / "minilm-l6"


@pytest.mark.skipif(not (MINILM / "model.safetensors").is_file(), reason="needs HARKEN_WEIGHTS")
def test_closed_items_by_a_real_embedding(tmp_path: Path) -> None:
    """Replies whose nearest choice anyone would name: the choice itself, a synonym, a sentence."""
    from harken.models.embedding import load_embedder

    choices = ["a dog barking", "heavy rain", "a car engine", "people talking"]
    said = [
        "a dog barking",
        "The sound of a puppy's woof",
        "It is pouring outside",
        "An automobile with its motor running",
        "A conversation between two persons",
        "",
    ]
    gold = [0, 0, 1, 2, 3, 2]
    rows = [
        {"id": str(n), "audio_path": ["a.wav"], "question": "What is heard?", "choices": choices,
         "answer": choices[place], "category": "sound"} for n, place in enumerate(gold)
    ]  # fmt: skip
    write(tmp_path / "test.jsonl", rows)
    bench = open_benchmark("mmau-pro")
    items = bench.load(tmp_path / "test.jsonl", partial=True)
    given = Predictions.of({str(n): text for n, text in enumerate(said)})
    embed = load_embedder(f"hf:{MINILM}")
    official = bench.official(items, given, Helpers(embed=embed))
    assert [official.scores[str(n)] for n in range(5)] == [1.0] * 5
    assert (
        official.scores["5"] in (0.0, 1.0) and "1 empty replies were mapped" in official.faults[0]
    )
    assert official.parts["sound"]["count"] == 6
