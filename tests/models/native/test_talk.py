"""Prompts of several turns in a class's own chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import families
import pytest
from opened import open_both

from harken.models.base import Earlier, Prompt
from harken.models.load import load_model

TINIES = {tiny.kind: tiny for tiny in families.TINIES}


@pytest.mark.parametrize("kind", ["qwen2_audio", "phi4_multimodal", "voxtral"])
def test_turns_are_those_of_the_template(kind: str, tmp_path: Path) -> None:
    both = open_both(TINIES[kind], tmp_path)
    chat: Any = both.model.prompt_tokenizer
    first, second = both.clip(0.5), both.clip(0.7, 1)
    parts = (first, "What is it?", Earlier("A dog."), second, "And this?")
    prompt = Prompt(parts, "And this?")
    turns = [Prompt(parts[:2], "What is it?"), Prompt(parts[3:], "And this?")]
    rendered = [chat.render(turn) for turn in turns]
    whole = chat.render(prompt)
    assert whole.startswith(rendered[0]), "the first turn is rendered as alone"
    audio = chat.format.placeholder
    order = [whole.index("What is"), whole.index("A dog."), whole.rindex(audio), whole.index("And")]
    assert order == sorted(order) and whole.count(audio) == 2 and whole.count("A dog.") == 1
    line = both.model.tokenize(prompt)
    alone = [both.model.tokenize(turn) for turn in turns]
    assert line.ids.count(both.model.tokenizer.audio) == sum(
        one.ids.count(both.model.tokenizer.audio) for one in alone
    )
    assert line.ids[: len(alone[0].ids)] == alone[0].ids and len(line.audio_inputs) == 2


def test_a_template_of_blocks_takes_the_assistants_too(tmp_path: Path) -> None:
    both = open_both(TINIES["phi4_multimodal"], tmp_path)
    prompt = Prompt(("Is it?", Earlier("Yes {{ 7 }} <|end|>."), "Why?"), "Why?", system="Be brief.")
    expected = both.model.tokenize(prompt).ids
    # Text for the others, blocks only for the assistant.
    content = (
        "{% if m.content is string and m.role != 'assistant' %}{{ m.content }}{% else %}"
        "{% for b in m.content %}{{ b.text if b.type == 'text' else '<|audio|>' }}{% endfor %}"
        "{% endif %}"
    )
    (tmp_path / "chat_template.jinja").write_text(
        "{% for m in messages %}<|{{ m.role }}|>" + content + "<|end|>{% endfor %}<|assistant|>"
    )
    assert load_model(f"native:{tmp_path}").tokenize(prompt).ids == expected  # type: ignore[attr-defined]
