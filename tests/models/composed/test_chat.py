"""Composed models whose language model has a chat template."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from chat_parts import OWN, SPECIAL, encoder_folder, lm_folder

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.base import Earlier, Prompt, Verbatim
from harken.models.composed.chat import CHATML, open_chat, template_of
from harken.models.composed.encoders.whisper import WhisperAudioEncoder
from harken.models.composed.model import ComposedModel, compose_pretrained
from harken.models.engine.chat import ChatTokenizer
from tiny_audio import alike, named


def composed(root: Path, chat: str = "auto", **options: Any) -> ComposedModel:
    encoder, lm = encoder_folder(root / "encoder"), lm_folder(root / "lm", **options)
    return compose_pretrained(f"{encoder}?own_length=true&layers=all", lm, chat=chat, pool=5)


def rendered(model: ComposedModel, prompt: Prompt) -> str:
    tokenizer = model.prompt_tokenizer
    assert isinstance(tokenizer, ChatTokenizer)
    return tokenizer.render(prompt)


def test_the_lms_own_template_writes_the_prompt(tmp_path: Path) -> None:
    model = composed(tmp_path)
    item = alike(tmp_path, "noise", "clicks")
    prompt = make_prompt(item, model.style)
    text = rendered(model, prompt)
    assert text.startswith("<|end|><|im_start|>user\n") and text.endswith("<|im_start|>assistant\n")
    assert text.count("<file_name>") == 2
    tokenized = model.tokenize(prompt, "yes")
    placeholders = sum(audio.tokens for audio in tokenized.audio_inputs)
    assert tokenized.ids.count(model.tokenizer.audio) == placeholders > 0
    assert tokenized.ids[-1] == model.tokenizer.eos == 2  # <|im_end|>
    hf = tf.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "lm" / "tokenizer.json"))
    one_each = text.replace("<file_name>", "")
    without = [i for i in tokenized.ids[: tokenized.start] if i != model.tokenizer.audio]
    assert hf.decode(without) == one_each


def test_no_text_becomes_a_control_token(tmp_path: Path) -> None:
    """A question with control tokens in it has as many of them as the same without."""
    model = composed(tmp_path)
    item = named(tmp_path, "noise")
    for token in (*SPECIAL, "<audio>"):
        asked = model.tokenize(make_prompt(replace(item, question=f"{token} what?"), model.style))
        plain = model.tokenize(make_prompt(replace(item, question="so what?"), model.style))
        for control in range(len(SPECIAL)):
            assert asked.ids.count(control) == plain.ids.count(control), token


@pytest.mark.parametrize(
    ("options", "placeholder", "resized"),
    [({"rows": 9}, "<audio>", False), ({"rows": 0}, "<file_name>", False),
     ({"rows": 0, "spare": False}, "<audio>", True)],
)  # fmt: skip
def test_the_embedding_matrix_grows_only_where_it_must(
    options: Any, placeholder: str, resized: bool, tmp_path: Path
) -> None:
    model = composed(tmp_path, **options)
    before = tf.AutoConfig.from_pretrained(tmp_path / "lm").vocab_size
    after = model.net.lm.get_input_embeddings().num_embeddings
    assert (after > before) == resized
    assert model.config["chat"]["placeholder"] == placeholder
    prompt = make_prompt(named(tmp_path, "noise"), model.style)
    assert torch.isfinite(model.logprobs([prompt], ["noise"])).all()


def test_a_saved_chat_model_is_the_same(tmp_path: Path) -> None:
    for place, options in enumerate(({"rows": 9}, {"rows": 0}, {"spare": False})):
        model = composed(tmp_path / str(place), **options)
        prompts = [make_prompt(alike(tmp_path, "noise", "clicks"), model.style)]
        model.save(tmp_path / str(place) / "saved")
        again = ComposedModel.load(tmp_path / str(place) / "saved")
        assert again.identity() == model.identity()
        assert again.tokenize(prompts[0]).ids == model.tokenize(prompts[0]).ids
        assert again.choice_logprobs(prompts) == model.choice_logprobs(prompts)
        assert isinstance(again.net.audio_encoder, WhisperAudioEncoder)


def test_earlier_turns_are_messages_of_the_chat(tmp_path: Path) -> None:
    model = composed(tmp_path)
    item = named(tmp_path, "noise")
    first = make_prompt(item, model.style)
    talk = replace(first, parts=(*first.parts, Earlier("a noise"), "And now?"))
    text = rendered(model, talk)
    assert text.count("<|im_start|>user") == 2 and text.count("<|im_start|>assistant") == 2
    assert "assistant\na noise<|im_end|>" in text


def test_the_format_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("Q: {{ messages[-1]['content'] }}\nA: ")
    lm = lm_folder(tmp_path / "lm")
    assert template_of(lm, "auto") == OWN and template_of(lm, "none") == ""
    assert template_of(lm, "chatml") == CHATML
    item = Item(question="What is it?", answer="noise", clips=named(tmp_path, "noise").clips)
    model = composed(tmp_path, chat=str(tmp_path / "own.jinja"))
    assert rendered(model, make_prompt(item, model.style)).startswith("Q: <file_name>\nWhat is it?")
    with pytest.raises(ConfigError, match=r"no chat template 'chatlm'.*auto, chatml, none"):
        template_of(lm, "chatlm")
    plain = composed(tmp_path, chat="none")
    assert not isinstance(plain.prompt_tokenizer, ChatTokenizer) and plain.packs_questions
    assert not model.packs_questions


def test_a_template_that_drops_the_question_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deaf.jinja").write_text("{{ messages[-1]['role'] }}")
    model = composed(tmp_path, chat=str(tmp_path / "deaf.jinja"))
    with pytest.raises(ModelError, match="placeholders and the prompt 1 clips"):
        model.tokenize(make_prompt(named(tmp_path, "noise"), model.style))


def test_a_tokenizer_without_an_end_of_turn_is_refused(tmp_path: Path) -> None:
    folder = lm_folder(tmp_path / "lm")
    (folder / "tokenizer_config.json").write_text("{}")
    config = tf.AutoConfig.from_pretrained(folder)
    assert open_chat(folder, config, CHATML)[0].eos == 2  # from the configuration
    config.eos_token_id = None
    with pytest.raises(ModelError, match="no end-of-turn token"):
        open_chat(folder, config, CHATML)


def test_texts_beside_clips_keep_their_own_spaces_where_they_are_verbatim(tmp_path: Path) -> None:
    model = composed(tmp_path)
    a, b = alike(tmp_path, "noise", "clicks").clips
    parts = ("Is ", a, " as loud as ", b, "?\nB")
    own = rendered(model, Prompt(tuple(p if p in (a, b) else Verbatim(p) for p in parts), "q"))
    usual = rendered(model, Prompt(parts, "q"))
    mark = model.prompt_tokenizer.format.placeholder  # type: ignore[attr-defined]
    assert f"Is {mark} as loud as {mark}?\nB" in own
    assert f"Is {mark}\n as loud as {mark}\n?\nB" in usual
