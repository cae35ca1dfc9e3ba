"""Answers that train towards something else are found before step 0, with id and reason."""

from __future__ import annotations

import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_qwen2_audio
from tiny import write

from harken.errors import DataError
from harken.item import HIDDEN, Item
from harken.models.composed.model import ComposedModel
from harken.models.engine.time_tokens import add_time_tokens
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.learner import load_learner
from harken.models.native.families import FAMILIES
from harken.times import TimeGrid
from harken.train.check import check_items
from harken.train.teachable import answer_faults, choice_faults, unteachable
from tiny_audio import NAMES, mini, named


@pytest.fixture(scope="module")
def learner() -> ComposedModel:
    return mini()


@pytest.mark.parametrize("answer", ["", " ", "\n\t", "  \n"])
def test_an_empty_answer_has_no_tokens(learner: ComposedModel, answer: str) -> None:
    assert "has no tokens" in " ".join(answer_faults(learner, answer))


@pytest.mark.parametrize("answer", ["a dog", "12", "Ångström", "犬", "😀", "x < a > b", "!?", "½"])
def test_any_text_can_be_taught_where_bytes_are_tokens(learner: ComposedModel, answer: str) -> None:
    assert answer_faults(learner, answer) == []


def test_control_tokens_of_the_prompt_format_are_named(
    learner: ComposedModel, tmp_path: Path
) -> None:
    assert "holds <audio>, <eos>" in answer_faults(learner, "a dog <eos> and <audio>")[0]
    write(tiny_qwen2_audio.TINY, tmp_path / "own", FAMILIES.get("qwen2_audio").template)
    native = load_learner(f"native:{tmp_path / 'own'}")
    for token in ("<|im_end|>", "<|AUDIO|>", "<|im_start|>"):
        (fault,) = answer_faults(native, f"a dog {token} barks")
        assert f"holds {token}, which only the prompt format may write" in fault
    # What the template does not write is text, as the tokens of times are.
    assert answer_faults(native, "a dog <eos> <|1.12|>") == []


def word_level(learner: ComposedModel) -> ComposedModel:
    """A learner whose tokenizer knows few words, in lower case."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = ["[UNK]", "dog", "cat", "barks", "a"]
    raw = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    raw.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.StripAccents()])
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    special = dict.fromkeys(learner.tokenizer.special_ids, 0)
    found: Any = types.SimpleNamespace(
        tokenizer=TextTokenizer(raw, special | {"<audio>": 99, "<eos>": 98, "<pad>": 97}),
        prompt_tokenizer=learner.prompt_tokenizer,
    )
    found.tokenizer.special_ids = {"<eos>": 98}
    return found


@pytest.mark.parametrize(
    ("answer", "unknown"), [("a dog", 0), ("A Dog barks", 0), ("a wolf", 1), ("wolf, owl", 3)]
)
def test_unknown_tokens_are_counted(learner: ComposedModel, answer: str, unknown: int) -> None:
    found = answer_faults(word_level(learner), answer)
    assert len(found) == (unknown > 0)
    if found:
        assert f"has {unknown} tokens that the tokenizer does not know ([UNK])" in found[0]


def test_choices_with_the_same_tokens_are_named(learner: ComposedModel) -> None:
    assert choice_faults(learner, NAMES) == []
    own = word_level(learner)
    assert choice_faults(own, ("a dog", "A DOG", "cat", "Cat", "dog")) == [
        "the choices 'a dog' and 'A DOG' have the same tokens",
        "the choices 'cat' and 'Cat' have the same tokens",
    ]


def test_a_tokenizer_file_that_cuts_texts_does_not_cut_answers(learner: ComposedModel) -> None:
    """Files saved with truncation are common; the end of a long answer would not be learned."""
    from tokenizers import Tokenizer

    raw = Tokenizer.from_str(learner.tokenizer.to_json())
    raw.enable_truncation(3)
    raw.enable_padding(length=40)
    cut = raw.encode("low tone, high tone, noise, clicks, and then nothing").ids
    own = TextTokenizer(raw, learner.tokenizer.special_ids)
    text = "low tone, high tone, noise, clicks, and then nothing"
    assert len(cut) == 40 and own.encode(text) == learner.tokenizer.encode(text)


@pytest.mark.parametrize("keep", [2, 4, 7])
def test_an_answer_that_loses_its_end_is_found(
    learner: ComposedModel, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = TextTokenizer.encode
    monkeypatch.setattr(TextTokenizer, "encode", lambda own, text: plain(own, text)[:keep])
    text = "one two three four five six"
    (fault,) = answer_faults(learner, text)
    assert f"the answer {text!r} is " in fault and f"in its {keep} tokens" in fault


def test_a_withheld_answer_is_listed_and_not_a_crash(
    learner: ComposedModel, tmp_path: Path
) -> None:
    good = named(tmp_path, "noise")
    hidden = replace(good, answer="", tags=(HIDDEN,))
    with pytest.raises(DataError) as caught:
        check_items([[good], [hidden]], "sft", lambda example: None,
                    teachable=lambda item: unteachable(learner, item))  # fmt: skip
    assert f"{hidden.id}: the answer '' is not among the choices (its source" in str(caught.value)
    assert good.id not in str(caught.value)


def test_rewards_need_no_answer_but_choices_that_differ(learner: ComposedModel) -> None:
    own = word_level(learner)
    item = Item("Which?", "wolf", ("wolf", "Wolf", "owl"))
    assert [len(unteachable(own, item, answers=False))] == [2]  # all three are unknown


def test_times_that_become_tokens_can_be_taught() -> None:
    """The tokens are not the letters of the text; two times that get one token are told."""
    own = mini()
    add_time_tokens(own, TimeGrid(0.1, 2.0))
    for answer in ("0.3s", "0.3 s", "1 seconds", "from 0.32s to 1.9s", "<|0.30|>", "9.5s"):
        assert answer_faults(own, answer) == []
    item = Item("When?", "0.3s", ("0.3s", "0.32 s", "0.4s"))
    (fault,) = unteachable(own, item)
    assert "'0.3s' and '0.32 s' have the same tokens" in fault
