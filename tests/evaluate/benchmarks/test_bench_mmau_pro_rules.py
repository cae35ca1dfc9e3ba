"""All 27 instruction-following rules: what passes, what fails, and the fallbacks."""

from __future__ import annotations

from typing import Any

import pytest

from harken.evaluate.benchmarks.mmau_pro_rules import RULES, passes

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
