"""Word error rates by two normalisers, each with its name."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from harken.ask.word_errors import normalise
from harken.evaluate.benchmarks.asr import error_rates
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.scoring import score

BENCH = open_benchmark("asr")


def scored(path: Path, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    rows = [{"id": str(n), "text": gold} for n, (gold, _) in enumerate(pairs)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = {str(n): said for n, (_, said) in enumerate(pairs)}
    return score(BENCH, BENCH.load(path), texts)["official"]


# (reference, reply, plain errors and words, Whisper's errors and words)
PAIRS = [
    ("It took twenty seven years.", "It took 27 years.", (2, 5), (0, 4)),
    ("Doctor Smith paid five dollars.", "Dr. Smith paid $5.", (3, 5), (0, 4)),
    ("We can't go.", "We cannot go.", (1, 3), (2, 4)),
    ("I won't.", "I will not.", (2, 2), (0, 3)),
    ("Um, a dog barks.", "A dog barks.", (1, 4), (0, 3)),
    ("A dog [laughs] barks.", "A dog barks.", (1, 4), (0, 3)),
    ("The cat sat.", "The hat sat.", (1, 3), (1, 3)),
    ("One two three.", "", (3, 3), (1, 1)),
]


@pytest.mark.parametrize(("gold", "said", "plain", "whisper"), PAIRS)
def test_both_rates_by_hand(
    gold: str, said: str, plain: tuple[int, int], whisper: tuple[int, int], tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    official = scored(tmp_path / "a.jsonl", [(gold, said)])
    parts = official["parts"]
    assert parts["WER"] == official["value"] == pytest.approx(plain[0] / plain[1])
    assert parts["words"] == plain[1] and parts["normaliser"].startswith("plain")
    other = parts["whisper_english"]
    assert other["WER"] == pytest.approx(whisper[0] / whisper[1])
    assert other["words"] == whisper[1] and other["normaliser"].startswith("Whisper's, English")


def test_rates_are_of_the_corpus_and_not_means_of_utterances(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    official = scored(tmp_path / "a.jsonl", [(gold, said) for gold, said, *_ in PAIRS])
    assert official["value"] == pytest.approx(14 / 29)
    assert official["parts"]["whisper_english"]["WER"] == pytest.approx(4 / 25)


def test_a_reference_that_the_normaliser_empties(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    both = scored(tmp_path / "a.jsonl", [("Hmm.", "yes"), ("a dog", "a dog")])["parts"]
    assert both["whisper_english"]["WER"] == 1 / 2, "one inserted word of two"
    alone = scored(tmp_path / "b.jsonl", [("Hmm.", "yes")])["parts"]
    assert alone["whisper_english"]["WER"] is None and alone["WER"] == 1


def test_whose_normaliser_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Spelled:
        def __call__(self, text: str) -> str:
            return text.lower().replace("colour", "color")

    module = types.ModuleType("whisper_normalizer.english")
    module.EnglishTextNormalizer = Spelled  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "whisper_normalizer", types.ModuleType("whisper_normalizer"))
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", module)
    pair = [("a colour", "a color")]
    own = scored(tmp_path / "a.jsonl", pair)["parts"]["whisper_english"]
    assert own["WER"] == 0 and own["normaliser"].endswith("(whisper_normalizer)")
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", None)
    if pytest.importorskip("transformers"):
        other = scored(tmp_path / "b.jsonl", pair)["parts"]["whisper_english"]
        assert (
            other["WER"] == 0.5 and "without its list of British spellings" in other["normaliser"]
        )
    monkeypatch.setitem(sys.modules, "transformers.models.whisper.english_normalizer", None)
    none = scored(tmp_path / "c.jsonl", pair)["parts"]
    assert none["whisper_english"] == {"needs": "pip install harken[metrics]"}
    assert none["WER"] == 0.5, "the plain rate needs no library"


def test_error_rates_are_those_of_jiwer() -> None:
    jiwer = pytest.importorskip("jiwer")
    gold = [normalise(one) for one, *_ in PAIRS]
    said = [normalise(one[1]) for one in PAIRS]
    parts, each = error_rates(list(zip(gold, said, strict=True)), str)
    assert parts["WER"] == pytest.approx(jiwer.wer(gold, said))
    assert parts["CER"] == pytest.approx(jiwer.cer(gold, said))
    assert each == pytest.approx([errors / words for _, _, (errors, words), _ in PAIRS])


def test_an_item_is_worth_nothing_at_least(tmp_path: Path) -> None:
    """More words inserted than the reference has are no debt to the other items."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": "one two"}) + "\n" for n in "ab"))
    found = score(BENCH, BENCH.load(path), {"a": "x y z v w", "b": "one two"})
    assert found["strict"]["accuracy"] == 0.5 and found["official"]["value"] == 5 / 4


@pytest.mark.parametrize(
    ("text", "words"),
    [("It’s  five-o'clock!", "it's five o'clock"), ("'Quoted' words'", "quoted words"), ("…", "")],
)
def test_plain_words(text: str, words: str) -> None:
    assert normalise(text) == words


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_reference_of_librispeech_is_one_line(tmp_path: Path, end: str) -> None:
    (tmp_path / "84-1.trans.txt").write_bytes(f"84-1-0 ONE\u2028TWO\x85THREE{end}".encode())
    (row,) = BENCH.rows(tmp_path)
    assert (row["id"], row["text"]) == ("84-1-0", "ONE\u2028TWO\x85THREE")
