"""Exported composed models, joined by transformers and peft in a process without harken."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf
from chat_parts import encoder_folder, lm_folder
from test_build import folders

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip
from harken.audio.load import load, write_wav
from harken.errors import ModelError
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Sampling
from harken.models.composed.export import export_composed
from harken.models.composed.joined import Joined
from harken.models.composed.model import ComposedModel, compose_pretrained
from harken.models.engine.batch import collate
from tiny_audio import NAMES, mini, named

QUESTION = "Which of these sounds do you hear?"


def stir(model: ComposedModel, *parts: str) -> None:
    """Some steps of training, as it were: of the tensors whose names hold one of `parts`."""
    torch.manual_seed(4)
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if any(part in name for part in parts):
                parameter.add_((torch.randn_like(parameter) * 0.2).to(parameter))


def ours(model: ComposedModel, folder: Path) -> tuple[torch.Tensor, Any]:
    """harken's logits (L, V) of a prompt with one clip, and its samples."""
    clip = named(folder, "noise", seconds=0.53).clips[0]
    tokenized = model.tokenize(Prompt((clip, QUESTION), QUESTION, ("yes",), (0,)))
    with torch.no_grad():
        hidden = model.engine._forward(collate([tokenized], model.tokenizer), [tokenized])
        plain = model.engine.reader.plain_head
        logits = model.net.lm.get_output_embeddings()(hidden) if plain else hidden  # type: ignore[operator]
    return logits[0], load(clip)


def compare(model: ComposedModel, out: Path, folder: Path, atol: float = 5e-5) -> None:
    joined = Joined(out)
    logits, samples = ours(model, folder)
    theirs = joined.logits(joined.prompt(None, QUESTION), [samples])
    assert theirs.shape == logits.shape
    torch.testing.assert_close(theirs.float(), logits.float(), rtol=0, atol=atol)


ENCODERS = {
    "whisper": ("whisper", "llama", ""),
    "own length": ("whisper", "qwen2", "?own_length=true&layers=all"),
    "layers": ("whisper", "llama", "?layers=0,1"),
    "ast": ("ast", "llama", "?layers=1"),
    "wav2vec2": ("wav2vec2", "gpt2", ""),
    "wavlm": ("wavlm", "qwen2", "?layers=all"),
}
PROJECTORS = (
    "mlp",
    "mlp?norm=false",
    "mlp?clip_numbers=3",
    "linear",
    "pooling",
    "qformer?queries=3&depth=1&hidden=16&heads=2",
    "window-qformer?window=4&depth=1&hidden=16&heads=2",
    "gated-mlp?hidden=12",
    "pooled-mlp",
    "mapping?prefix=5&depth=2&heads=2",
    "merging?keep=0.4",
    "mlp?times=4",  # fewer than there are tokens
    "merging?keep=0.4&times=5&norm=false",
)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_kind_of_encoder_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    kind, lm, query = ENCODERS[name]
    encoder, words = folders(tmp_path, kind, lm)
    model = compose_pretrained(f"{encoder}{query}", words, pool=3)
    stir(model, "projector.", "audio_encoder.encoder.layer")
    export_composed(model, tmp_path / "out")
    compare(model, tmp_path / "out", tmp_path)


@pytest.mark.parametrize("projector", PROJECTORS)
def test_every_projector_gives_the_same_logits(projector: str, tmp_path: Path) -> None:
    encoder, words = folders(tmp_path, "whisper", "llama")
    model = compose_pretrained(encoder, words, pool=4, projector=projector)
    stir(model, "projector.")
    export_composed(model, tmp_path / "out")
    compare(model, tmp_path / "out", tmp_path)


def both_ask(
    model: ComposedModel, folder: Path, question: str, count: int
) -> tuple[list[int], list[int], str, str]:
    """Ids of harken's prompt and of the exported one, runs of placeholders as one, and replies."""
    export_composed(model, folder / "out")
    clips = [named(folder, name, n, 0.4 + 0.3 * n).clips[0] for n, name in enumerate(NAMES[:count])]
    prompt = make_prompt(Item(question, "x", clips=tuple(clips)), model.style)
    joined, marker = Joined(folder / "out"), model.tokenizer.audio
    theirs = joined.prompt(*joined.asked(question, count))
    assert theirs.count(marker) == count
    own, theirs = (
        [n for one, run in groupby(ids) for n in ([one] if one == marker else run)]
        for ids in (model.tokenize(prompt).ids, theirs)
    )
    said = model.generate([prompt], Sampling(max_tokens=8))[0].text
    return own, theirs, said, joined.answer(question, *map(load, clips), tokens=8)


STYLES = (
    PromptStyle(),
    PromptStyle(question_first=True),
    PromptStyle(mark_clips=False),
    PromptStyle(instruction="Be brief."),
)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("chat", [True, False])
def test_prompts_are_those_of_training(
    chat: bool, count: int, style: PromptStyle, tmp_path: Path
) -> None:
    """Marks before several clips, the question first, an instruction; with and without chat."""
    if chat:
        encoder, words = encoder_folder(tmp_path / "encoder"), lm_folder(tmp_path / "lm", rows=4)
    else:
        encoder, words = folders(tmp_path, "whisper", "llama")
    model = compose_pretrained(encoder, words, pool=4, style=style)
    stir(model, "projector.", "lm.")
    own, theirs, said, answered = both_ask(model, tmp_path, QUESTION, count)
    assert own == theirs and said.strip() == answered.strip()


@pytest.mark.parametrize(
    "text", ["<file_name>", "Ignore <|im_end|> and <file_name>", " <|im_start|> "]
)
def test_control_tokens_in_a_question_are_plain_characters(text: str, tmp_path: Path) -> None:
    encoder, words = encoder_folder(tmp_path / "encoder"), lm_folder(tmp_path / "lm")
    model = compose_pretrained(encoder, words, pool=4)
    own, theirs, said, answered = both_ask(model, tmp_path, text, 1)
    assert own == theirs and own.count(model.tokenizer.audio) == 1
    assert said.strip() == answered.strip()


@pytest.mark.parametrize("own", [{"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}])
def test_the_settings_of_the_base_for_generation_are_not_used(
    own: dict[str, float], tmp_path: Path
) -> None:
    """Harken does not use them either."""
    encoder, words = encoder_folder(tmp_path / "encoder"), lm_folder(tmp_path / "lm")
    settings = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0, **own}
    (words / "generation_config.json").write_text(json.dumps(settings))
    model = compose_pretrained(encoder, words, pool=4)
    _, _, said, answered = both_ask(model, tmp_path, QUESTION, 1)
    assert said.strip() == answered.strip()


@pytest.mark.parametrize("size", [1, 100, 399, 400])
def test_short_clips_are_padded_alike(size: int, tmp_path: Path) -> None:
    encoder, words = folders(tmp_path, "ast", "llama")
    model = compose_pretrained(encoder, words, pool=3)
    export_composed(model, tmp_path / "out")
    path = tmp_path / "short.wav"
    write_wav(path, np.linspace(-0.5, 0.5, size).astype(np.float32), 16000)
    clip = Clip(path=str(path), duration_s=size / 16000)
    tokenized = model.tokenize(Prompt((clip, QUESTION), QUESTION))
    with torch.no_grad():
        ours = model.engine._embed(collate([tokenized], model.tokenizer), [tokenized])
    joined = Joined(tmp_path / "out")
    theirs = joined.embed(joined.prompt(None, QUESTION), [load(clip)])
    torch.testing.assert_close(theirs, ours, rtol=0, atol=5e-5)


def test_more_clips_than_numbers_share_the_last(tmp_path: Path) -> None:
    encoder, words = folders(tmp_path, "whisper", "llama")
    model = compose_pretrained(encoder, words, pool=4, projector="mlp?clip_numbers=2&times=4")
    stir(model, "projector.")
    export_composed(model, tmp_path / "out")
    clips = [named(tmp_path, name, n, 0.4 + 0.3 * n).clips[0] for n, name in enumerate(NAMES)]
    own = model.tokenize(Prompt((*clips, QUESTION), QUESTION, ("yes",), (0,)))
    joined = Joined(tmp_path / "out")
    theirs = joined.embed(joined.prompt(*[None] * len(clips), QUESTION), [*map(load, clips)])
    with torch.no_grad():
        ours = model.engine._embed(collate([own], model.tokenizer), [own])
    torch.testing.assert_close(theirs, ours, rtol=0, atol=5e-5)


def test_a_clip_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """As harken does; the feature extractor would cut off its end."""
    encoder, words = folders(tmp_path, "whisper", "llama")
    model = compose_pretrained(encoder, words)
    export_composed(model, tmp_path / "out")
    joined, limit = Joined(tmp_path / "out"), model.net.audio_encoder.limit_s
    samples = np.zeros(int(16000 * limit) + 160, np.float32)
    with pytest.raises(ValueError, match=rf"takes {limit:g} s"):
        joined.answer(QUESTION, samples)


def test_encoders_side_by_side_give_the_same_logits(tmp_path: Path) -> None:
    whisper, words = folders(tmp_path / "a", "whisper", "llama")
    wave, _ = folders(tmp_path / "b", "wav2vec2", "llama")
    model = compose_pretrained(f"{whisper}?layers=all+{wave}", words, pool=3)
    stir(model, "projector.")
    export_composed(model, tmp_path / "out")
    compare(model, tmp_path / "out", tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_lm_is_named_unless_it_was_trained(dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    encoder, words = encoder_folder(tmp_path / "encoder"), lm_folder(tmp_path / "lm", rows=4)
    model = compose_pretrained(encoder, words, lora="lm:2;audio_encoder:2;projector:2")
    model.to("", dtype)
    stir(model, "lora_")
    made = export_composed(model, tmp_path / "named")
    assert made["base"] == str(words) and not (tmp_path / "named" / "lm").exists()
    # bfloat16: the encoder's adapters are merged, which rounds its weights once more
    atol = 5e-5 if dtype == "float32" else 0.3
    compare(model, tmp_path / "named", tmp_path, atol)
    copied = export_composed(model, tmp_path / "copied", copy_bases=True)
    assert copied["model"] == str(tmp_path / "copied" / "lm")
    compare(model, tmp_path / "copied", tmp_path, atol)
    assert model.adapters == ("audio_encoder", "projector", "lm")
    # The folders of the LM are plain ones.
    plain = tf.AutoModelForCausalLM.from_pretrained(tmp_path / "copied" / "lm")
    names = {name.partition(".")[2] for name in model.state() if "lora_" not in name}
    assert {n.replace(".base_layer.", ".") for n in names} >= {
        n for n in plain.state_dict() if n != "lm_head.weight"
    }


def test_an_lm_that_was_trained_is_written_with_its_adapters(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    encoder, words = folders(tmp_path, "whisper", "qwen2")
    model = compose_pretrained(encoder, words, lora="lm:2")
    stir(model, "lora_", "lm.model.norm")
    made = export_composed(model, tmp_path / "out")
    assert made["model"] and made["adapter"] and not made["base"]
    compare(model, tmp_path / "out", tmp_path)


def test_what_cannot_be_joined_without_harken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="resnet"):
        export_composed(mini(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_projector_gained_is_not_left_out(tmp_path: Path) -> None:
    encoder, words = folders(tmp_path, "whisper", "llama")
    model = compose_pretrained(encoder, words)
    model.net.projector.gate = torch.nn.Linear(2, 2)
    with pytest.raises(ModelError, match=r"gate of the projector mlp.*projectors: mlp, linear"):
        export_composed(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


ALONE = """
import json, sys
sys.modules["harken"] = None  # importing it fails
sys.path.insert(0, ".")
from pathlib import Path
import numpy as np
import torch
from joined import Joined
try:
    import harken
except ImportError:
    joined = Joined(Path("."))
    samples = np.load("samples.npy")
    question = "Which of these sounds do you hear?"
    logits = joined.logits(joined.prompt(None, question), [samples])
    off = float((logits - torch.from_numpy(np.load("expected.npy"))).abs().max())
    print(json.dumps({"off": off, "answer": joined.answer(question, samples, tokens=3)}))
"""


@pytest.mark.slow
def test_the_folder_works_where_harken_is_not_installed(tmp_path: Path) -> None:
    """With an LM's chat template, and adapters in it."""
    pytest.importorskip("peft")
    encoder, words = encoder_folder(tmp_path / "encoder"), lm_folder(tmp_path / "lm", rows=4)
    model = compose_pretrained(
        f"{encoder}?own_length=true&layers=all", words, pool=5, lora="lm:r=2,targets=q_proj|o_proj"
    )
    stir(model, "lora_", "projector.")
    out = tmp_path / "out"
    export_composed(model, out)
    logits, samples = ours(model, tmp_path)
    np.save(out / "samples.npy", samples)
    np.save(out / "expected.npy", logits.numpy())
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=out, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    with wave.open(str(out / "clip.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    words = [sys.executable, "joined.py", "clip.wav", QUESTION]
    said = subprocess.run(words, cwd=out, capture_output=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr[-2000:]
    assert told["off"] < 5e-5 and isinstance(told["answer"], str)
