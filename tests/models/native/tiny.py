"""Tiny random models of transformers' audio classes, saved as folders like those of the hub.

A `Tiny` defines for one family its model, its feature extractor, the special tokens of its
tokenizer, and the official inputs: official feature extractor, one run of placeholders for each
clip, ``model(**inputs)``; no processor, and nothing of harken.
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
"""Windows are 3 s here and not 30 s: no family may depend on the number."""


@dataclass(frozen=True)
class OfficialInputs:
    """Official inputs of ``forward`` for clips, and the number of placeholders of each clip."""

    inputs: dict[str, Any]
    counts: list[int]


def chat_of(system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as a processor takes them: a system message, and blocks of text and audio."""
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": blocks}]


def text_chat(placeholder: str) -> Any:
    """Messages whose content is one text, as in the class's documentation."""

    def chat(system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        text = "".join(placeholder if b["type"] == "audio" else b["text"] for b in blocks)
        return [*chat_of(system, [])[:-1], {"role": "user", "content": text}]

    return chat


@dataclass(frozen=True)
class Tiny:
    """A tiny model of one family.

    Attributes:
        kind: ``model_type`` of the folder.
        specials: special tokens of the tokenizer; the first one ends the text and pads.
        build: ids of the specials and size of the vocabulary -> model with fresh weights.
        extractor: makes the feature extractor.
        official_inputs: extractor, waves -> `OfficialInputs`, as from the class's own processor.
        mel: extractor, wave of at most one window -> its official features.
        time_axis: of these features.
        long: whether the class takes a clip of several windows, in windows or as a whole.
        alone: in a batch with a longer clip the class encodes padding; equal ones are compared.
        run: placeholder and count -> the processor's text for a clip.
        template: chat template of the folder; the family's own if empty.
        chat: system message and blocks -> messages that the template is rendered with.
        part: another kind of checkpoint of a family that has a `Tiny`.
        window_s: of the family, where it is a constant of the class and too long for a test.
        name: of the test, if the kind has several.
    """

    kind: str
    specials: Sequence[str]
    build: Callable[[Mapping[str, int], int], Any]
    extractor: Callable[[], Any]
    official_inputs: Callable[[Any, Sequence[Wave]], OfficialInputs]
    mel: Callable[[Any, Wave], np.ndarray]
    time_axis: int = -1
    long: bool = False
    alone: bool = False
    run: Callable[[str, int], str] = lambda text, count: text * count
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
    enlarge_weights(model)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    tiny.extractor().save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(tiny.template or template)
    return folder


def enlarge_weights(model: Any) -> None:
    """Weights with which logits depend on audio: with std 0.02 all clips give almost the same."""
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
    """The clip's frames of Whisper's mel of the padded wave."""
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
    placeholder: str,
) -> tuple[torch.Tensor, list[int], list[int]]:
    """Official logits (L, V) of one chat, its ids (L,), and the placeholders of each clip."""
    words = tf.AutoTokenizer.from_pretrained(folder)
    extractor = type(tiny.extractor()).from_pretrained(folder)
    official = tiny.official_inputs(extractor, waves) if waves else OfficialInputs({}, [])
    text = words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    parts = text.split(placeholder)
    assert len(parts) == len(waves) + 1
    runs = [tiny.run(placeholder, count) for count in official.counts]
    whole = "".join(part + run for part, run in zip(parts, [*runs, ""], strict=True))
    ids = words(whole, add_special_tokens=False, return_tensors="pt")
    with torch.no_grad():
        out = model(
            input_ids=ids["input_ids"], attention_mask=ids["attention_mask"], **official.inputs
        )
    return out.logits[0], ids["input_ids"][0].tolist(), official.counts
