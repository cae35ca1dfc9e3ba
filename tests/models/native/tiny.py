"""Tiny random models of transformers' audio classes, written as the folders that the hub has.

A `Tiny` says for one family how its model and its feature extractor are made, which special tokens
its tokenizer has, and how the class's own way of asking goes: official feature extractor, one run
of placeholders a clip, ``model(**inputs)``; no processor, and nothing of harken's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as tf

from harken.audio.clip import RATE_HZ
from tiny_audio import TEXTS

Wave = np.ndarray
LM: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
"""Sizes that most text configurations share."""

WINDOW_S = 3
"""Windows are 3 s here and not 30 s: nothing in a family may know the number."""


@dataclass(frozen=True)
class Heard:
    """What the official way gives for clips: inputs of ``forward``, and placeholders a clip."""

    inputs: dict[str, Any]
    counts: list[int]


def chat_of(system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as a processor takes them: a system message, and blocks of text and audio."""
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": blocks}]


def written(mark: str) -> Any:
    """Messages whose content is one text, as its documentation shows them."""

    def chat(system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        text = "".join(mark if b["type"] == "audio" else b["text"] for b in blocks)
        return [*chat_of(system, [])[:-1], {"role": "user", "content": text}]

    return chat


@dataclass(frozen=True)
class Tiny:
    """One family in small.

    Attributes:
        kind: ``model_type`` of the folder.
        specials: special tokens of the tokenizer; the first one ends the text and pads.
        build: ids of the specials and size of the vocabulary -> model with fresh weights.
        extractor: makes the feature extractor.
        hear: extractor, waves -> `Heard`, as the class's own processor would.
        mel: extractor, wave of at most one window -> the official features of its sound.
        time_axis: of these features.
        long: whether the official way takes a clip of several windows, in windows or as a whole.
        alone: beside a longer clip the official way hears padding; equal ones are compared.
        run: placeholder and count -> what the processor writes for a clip.
        template: chat template of the folder; the family's own if empty.
        chat: system message and blocks -> messages that the template is rendered with.
        part: a further form of a checkpoint whose family has another `Tiny`.
        window_s: of the family, where it is a number of the class's code and too long for a test.
        name: of the test, if the kind has several.
    """

    kind: str
    specials: Sequence[str]
    build: Callable[[Mapping[str, int], int], Any]
    extractor: Callable[[], Any]
    encode_windows: Callable[[Any, Sequence[Wave]], Heard]
    mel: Callable[[Any, Wave], np.ndarray]
    time_axis: int = -1
    long: bool = False
    alone: bool = False
    run: Callable[[str, int], str] = lambda mark, count: mark * count
    template: str = ""
    chat: Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]] = chat_of
    part: bool = False
    window_s: float = 0.0
    name: str = ""


def tokenizer(specials: Sequence[str]) -> Any:
    """A byte-level BPE with special tokens, as transformers saves it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=300,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    made.add_special_tokens([AddedToken(text, special=True) for text in specials])
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=specials[0],
        pad_token=specials[0],
        additional_special_tokens=list(specials[1:]),
    )


def write(tiny: Tiny, folder: Path, template: str) -> Path:
    """The whole folder: config, safetensors, tokenizer, preprocessor, chat template."""
    words = tokenizer(tiny.specials)
    vocabulary = words.get_vocab()
    ids = {text: vocabulary[text] for text in tiny.specials}
    torch.manual_seed(0)
    model = tiny.build(ids, len(vocabulary))
    loud(model)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    tiny.extractor().save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(tiny.template or template)
    return folder


def loud(model: Any) -> None:
    """Weights with which a sound reaches the logits: at 0.02 all clips give almost the same."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim >= 2 and "positional" not in name:
                weight.normal_(std=1.2 * (weight[0].numel()) ** -0.5)


def whisper(**changes: Any) -> Any:
    """Whisper's extractor with short windows."""
    return tf.WhisperFeatureExtractor(
        **{"feature_size": 128, "chunk_length": WINDOW_S, "return_attention_mask": True, **changes}
    )


def padded_mel(extractor: Any, wave: Wave) -> np.ndarray:
    """Frames of the sound of Whisper's mel as it is made of a padded wave."""
    made = extractor(wave, sampling_rate=RATE_HZ, return_attention_mask=True, return_tensors="np")
    return made["input_features"][0][:, : int(made["attention_mask"].sum())]


def pooled(frames: int) -> int:
    """Tokens of `frames` mel frames: a convolution of stride 2, and pairs averaged."""
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1


def ask(
    tiny: Tiny,
    model: Any,
    folder: Path,
    chat: Sequence[Any],
    waves: Sequence[Wave],
    mark: str,
) -> tuple[torch.Tensor, list[int], list[int]]:
    """Logits (L, V) of one chat the official way, its ids (L,), and placeholders a clip."""
    words = tf.AutoTokenizer.from_pretrained(folder)
    extractor = type(tiny.extractor()).from_pretrained(folder)
    heard = tiny.encode_windows(extractor, waves) if waves else Heard({}, [])
    text = words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    parts = text.split(mark)
    assert len(parts) == len(waves) + 1
    runs = [tiny.run(mark, count) for count in heard.counts]
    whole = "".join(part + run for part, run in zip(parts, [*runs, ""], strict=True))
    ids = words(whole, add_special_tokens=False, return_tensors="pt")
    with torch.no_grad():
        out = model(
            input_ids=ids["input_ids"], attention_mask=ids["attention_mask"], **heard.inputs
        )
    return out.logits[0], ids["input_ids"][0].tolist(), heard.counts
