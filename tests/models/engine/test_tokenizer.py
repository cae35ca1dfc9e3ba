from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.errors import ModelError
from harken.models.engine.tokenizer import AUDIO, SPECIAL_TOKENS, TextTokenizer

TOKENIZER = TextTokenizer.train(
    ["Which clip contains a dog bark?", "dog bark", "clip 1:", "yes"], 400
)


@given(st.text(max_size=40))
def test_any_text_is_encoded_and_decoded(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text.strip()


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_no_text_encodes_to_a_special_token(token: str) -> None:
    ids = TOKENIZER.encode(f"hear {token} and {token}")
    assert not set(ids) & set(TOKENIZER.special_ids.values())
    assert TOKENIZER.decode(ids) == f"hear {token} and {token}"


def test_same_texts_same_tokens_whatever_their_order_and_number() -> None:
    texts = ["a dog barks", "rain falls", "which clip?"]
    one = TextTokenizer.train(texts, 320).to_json()
    assert one == TextTokenizer.train([*reversed(texts), *texts], 320).to_json()


def test_an_answer_has_the_tokens_it_has_among_the_options() -> None:
    shown = TOKENIZER.encode("Which?\n- dog bark\n- yes")
    answer = TOKENIZER.encode("dog bark")
    assert any(shown[i : i + len(answer)] == answer for i in range(len(shown)))


def test_saved_and_opened(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(TOKENIZER.to_json())
    again = TextTokenizer.open(tmp_path, TOKENIZER.special_ids)
    assert again.encode("clip 1: a dog") == TOKENIZER.encode("clip 1: a dog")
    assert again.size == TOKENIZER.size and again.special_ids == TOKENIZER.special_ids
    assert TOKENIZER.audio not in again.encode(AUDIO)


def test_no_tokenizer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no tokenizer\.json"):
        TextTokenizer.open(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        TextTokenizer.open(tmp_path)
