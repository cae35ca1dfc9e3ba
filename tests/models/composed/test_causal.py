"""``causal:FOLDER``: what transformers gives for the rendered chat, and nothing of audio."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import transformers as tf
from chat_parts import lm_folder

from harken.ask.prompt import make_prompt
from harken.ask.record import ask_and_score
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Sampling, style_of
from harken.models.load import load_model
from tiny_audio import NAMES, named

ITEM = Item("Which word is it?", "dog", ("cat", "dog", "a longer one"), task="word")


def by_hand(folder: Path, text: str, targets: tuple[str, ...]) -> list[float]:
    """Log-probabilities of the choices, each with the end of the turn, over all choices."""
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    lm = tf.AutoModelForCausalLM.from_pretrained(folder).eval()
    chat = [{"role": "user", "content": text}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    sums = []
    for target in targets:
        answer = tokenizer(target, add_special_tokens=False)["input_ids"]
        answer.append(tokenizer.eos_token_id)
        with torch.no_grad():
            rows = lm(torch.tensor([start + answer])).logits[0].log_softmax(-1)
        sums.append(sum(float(rows[len(start) + i - 1, one]) for i, one in enumerate(answer)))
    whole = math.log(sum(math.exp(one) for one in sums))
    return [one - whole for one in sums]


@pytest.mark.parametrize("choices", ["letter", "text"])
def test_choices_have_the_log_probabilities_of_transformers(tmp_path: Path, choices: str) -> None:
    folder = lm_folder(tmp_path / "lm")
    model = load_model(f"causal:{folder}?choices={choices}")
    prompt = make_prompt(ITEM, style_of(model))
    assert prompt.targets == (ITEM.choices if choices == "text" else ("A", "B", "C"))
    (found,) = model.choice_logprobs([prompt])
    text = "\n".join(str(part) for part in prompt.parts)
    assert found == pytest.approx(by_hand(folder, text, prompt.targets), abs=1e-4)


def test_it_writes_and_takes_no_clips(tmp_path: Path) -> None:
    model = load_model(f"causal:{lm_folder(tmp_path / 'lm')}")
    assert model.max_clips == 0
    asked = Prompt(("Say a word.",), "Say a word.", style=PromptStyle(letters=False))
    (reply,) = model.generate([asked], Sampling(max_tokens=4))
    assert reply.stop in ("end", "length") and reply.error is None
    item = named(tmp_path, NAMES[0])
    (record,) = ask_and_score(model, [item], conditions=("audio",), max_failed=1.0)
    assert record["outcome"] == "failed" and "takes 0" in str(record["error"])
    (record,) = ask_and_score(model, [ITEM], conditions=("none",))
    assert record["outcome"] in ("correct", "wrong")


def test_the_same_folder_has_the_same_identity_and_other_settings_another(tmp_path: Path) -> None:
    folder = lm_folder(tmp_path / "lm")
    first, again = load_model(f"causal:{folder}"), load_model(f"causal:{folder}")
    assert first.identity() == again.identity()
    assert load_model(f"causal:{folder}?chat=none").identity() != first.identity()
    with pytest.raises(ConfigError, match="choices is 'words'"):
        load_model(f"causal:{folder}?choices=words")
    with pytest.raises(ConfigError, match="no model"):
        load_model("causal:")
