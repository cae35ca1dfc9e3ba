"""Captions cut as the COCO tools cut them; each line was given to Stanford's tokeniser by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from harken.evaluate.benchmarks import caption_metrics as metrics
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.ptb import ptb_words
from harken.evaluate.benchmarks.scoring import score

CUT = {
    # clitics
    "It's a dog's bark.": "it 's a dog 's bark",
    "don't can't won't ain't": "do n't ca n't wo n't ai n't",
    "it'll they've I'm he'd you're": "it 'll they 've i 'm he 'd you 're",
    "cannot gonna wanna lemme": "can not gon na wan na lem me",
    "the girls' laugh": "the girls laugh",
    "o'clock o'brien's ma'am": "o'clock o'brien 's ma'am",
    "rock 'n' roll, rock'n'roll": "rock 'n' roll rock 'n' roll",
    "'tis and y'all": "'t is and y' all",
    "it’s “loud”": "it 's loud",
    # full stops
    "A dog barks. A cat meows.": "a dog barks a cat meows",
    "Mr. Smith vs. Dr. Who": "mr. smith vs. dr. who",
    "at 5 p.m. in the U.S.": "at 5 p.m. in the u.s.",
    "e.g., this etc.": "e.g. this etc.",
    "vitamin a. then J. Smith": "vitamin a. then j. smith",
    "no. 5 but he says no.": "no. 5 but he says no",
    "a dog barks.a cat": "a dog barks.a cat",
    "rain...then thunder . . .": "rain then thunder",
    "hmm…ok": "hmm ok",
    # what holds together
    "high-pitched x-ray 10-15": "high-pitched x-ray 10-15",
    "man/woman and/or 24/7 1/2": "man/woman and/or 24/7 1/2",
    "man / woman": "man / woman",
    "3.5 1,000 10:30 2nd 20kHz": "3.5 1,000 10:30 2nd 20khz",
    "10:30am -5 +3": "10:30 am -5 +3",
    "R&B rock & roll AT&T": "r&b rock & roll at&t",
    # what is cut
    "dog,cat dog:cat dog;cat": "dog cat dog cat dog cat",
    "$1.50 50% 5°": "$ 1.50 50 % 5 °",
    "a - b -- c – d — e": "a b c d e",
    "*beep* #tag #1": "* beep * #tag # 1",
    "naïve café": "naïve café",
    # brackets and runs stay
    "A man (in French) [music]": "a man -lrb- in french -rrb- -lsb- music -rsb-",
    "what?! wow!! no!": "what ?! wow !! no",
    "\"quoted\" and 'meow' ``so''": "quoted and meow so",
    "": "",
    " . , ; ": "",
}


@pytest.mark.parametrize("text", CUT)
def test_cut_as_by_the_tools(text: str) -> None:
    assert " ".join(ptb_words(text)) == CUT[text]


def test_a_caption_without_marks_is_its_words() -> None:
    for text in ("a dog barks twice and a car passes by", "Rain falls on a tin roof"):
        assert ptb_words(text) == text.lower().split() == metrics.words(text)


def test_both_tokenisers_are_named_and_give_their_own_numbers(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "references": ["a dog's bark"]}, {"id": "b", "references": ["rain falls down"]},
    ]  # fmt: skip
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bench = open_benchmark("captioning")
    items = bench.load(tmp_path / "r.jsonl", partial=True)
    said = {"a": "a dog 's bark", "b": "rain falls down"}
    parts = score(bench, items, said)["official"]["parts"]
    assert parts["tokens"].startswith("PTB") and parts["plain"]["tokens"].startswith("plain")
    assert parts["BLEU-1"] == pytest.approx(1), "the clitic is a word of its own in both"
    # plain: "a dog s bark" against "a dog's bark": 2 of 4 words, and 3 of 3
    assert parts["plain"]["BLEU-1"] == pytest.approx(5 / 7)
    assert parts["ROUGE-L"] == pytest.approx(1) and parts["plain"]["ROUGE-L"] < 1


def test_brackets_count_as_words_as_in_the_tools(tmp_path: Path) -> None:
    rows = [{"id": "a", "references": ["a man speaks"]}]
    (tmp_path / "r.jsonl").write_text(json.dumps(rows[0]) + "\n")
    bench = open_benchmark("captioning")
    items = bench.load(tmp_path / "r.jsonl", partial=True)
    parts = score(bench, items, {"a": "a man (speaks)"})["official"]["parts"]
    assert parts["BLEU-1"] == pytest.approx(3 / 5)
    assert parts["plain"]["BLEU-1"] == pytest.approx(1)


def test_bleu_without_a_common_gram_is_the_tools_small_number() -> None:
    found = metrics.bleu([["a", "b", "c", "d"]], [[["a", "x", "c", "y"]]])
    assert found[0] == pytest.approx(0.5)
    assert found[1] == pytest.approx(math.sqrt(0.5 * 1e-15 / 3), rel=1e-6)
