"""A cascade hears through its listener's words alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_client import tone

from harken.ask.record import ask_and_score
from harken.audio.clip import RATE_HZ, Clip, silence
from harken.audio.load import write_wav
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.listeners.cascade import Cascade
from harken.models.listeners.repetition import LOOP
from harken.models.load import load_model


class Listener:
    """Writes down a clip's file name; fails on those named so."""

    name = "listener"
    max_clips = 1
    style = PromptStyle()

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.requests: set[str] = set()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        assert all(len(prompt.clips) == 1 for prompt in prompts)
        self.requests |= {prompt.question for prompt in prompts}
        return [self._reply(prompt.clips[0]) for prompt in prompts]

    def _reply(self, clip: Clip) -> Reply:
        name = Path(clip.path).stem if clip.path else ""
        self.heard.append(name)
        if name == "666":
            return Reply("", stop="failed", error="cannot bear it")
        if name == "777":
            return Reply("", stop="failed", error=f"{LOOP}the transcript repeats 'seven' 30 times")
        return Reply(name and f'a tone of {name} Hz, "loud"')

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "listener"


class Reader(Listener):
    """Takes text only; picks the choice that the text names."""

    name = "reader"
    max_clips = 0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        assert not any(prompt.clips for prompt in prompts)
        self.heard += [" ".join(str(part) for part in prompt.parts) for prompt in prompts]
        return [Reply(self._pick(prompt)) for prompt in prompts]

    def _pick(self, prompt: Prompt) -> str:
        told = " ".join(str(part) for part in prompt.parts[:-1])
        hits = [i for i, choice in enumerate(prompt.choices) if choice in told]
        return prompt.targets[hits[0]] if hits else "I don't know"

    def identity(self) -> str:
        return "reader"


def test_texts_stand_in_place_of_clips(tmp_path: Path) -> None:
    low, high, bad = tone(tmp_path, 300), tone(tmp_path, 900), tone(tmp_path, 666)
    listener, reader = Listener(), Reader()
    both = Cascade(listener, reader, "caption")
    two = Prompt(("clip 1:", low, "clip 2:", high, "which is higher?"), "which is higher?")
    replies = both.generate([two, two, Prompt((bad, "q"), "q"), Prompt(("q",), "q")], Sampling())
    told = "caption of the recording: " + json.dumps('a tone of 300 Hz, "loud"')
    assert reader.heard[0].startswith(f"clip 1: {told} clip 2: caption")
    assert reader.heard[2] == "q", "without clips the reader sees the bare question"
    assert listener.heard == ["300", "900", "666"], "each clip is heard once"
    assert next(iter(listener.requests)).startswith("Describe")
    assert [reply.stop for reply in replies] == ["end", "end", "failed", "end"]
    assert replies[2].error == "listener: cannot bear it"
    both.generate([two], Sampling())
    assert len(listener.heard) == 3


def test_only_a_clip_whose_transcript_loops_is_not_asked_about_again(tmp_path: Path) -> None:
    bad, loop, low = (Prompt((tone(tmp_path, n), "q"), "q") for n in (666, 777, 300))
    listener = Listener()
    both = Cascade(listener, Reader())
    both.keep(tmp_path / "kept")
    first = both.generate([bad, loop, low], Sampling())
    assert both.generate([bad, loop, low], Sampling()) == first
    assert listener.heard == ["666", "777", "300", "666"]
    assert "repeats 'seven' 30 times" in str(first[1].error)
    assert both.report()["clips_heard"] == 1
    both.listener._store.close()  # type: ignore[union-attr]
    again = Cascade(other := Listener(), Reader())
    again.keep(tmp_path / "kept")
    assert again.generate([loop, low], Sampling()) == first[1:]
    assert other.heard == []


def test_a_cascade_is_evaluated_like_any_model(tmp_path: Path) -> None:
    questions = [
        Item(
            question=f"Which tone is it, {i}?",
            answer=f"{300 + 100 * i} Hz",
            choices=(f"{300 + 100 * i} Hz", f"{350 + 100 * i} Hz"),
            clips=(tone(tmp_path, 300 + 100 * i),),
            recordings=(f"r{i}",),
        )
        for i in range(4)
    ]
    both = Cascade(Listener(), Reader())
    records = ask_and_score(
        both, questions, conditions=("audio", "none", "silence"), rotations="all"
    )
    outcomes = {
        c: {t["outcome"] for t in records if t["condition"] == c} for c in ("audio", "none")
    }
    assert outcomes == {"audio": {"correct"}, "none": {"abstained"}}
    other = Cascade(Listener(), Reader(), "caption")
    assert both.identity() != other.identity()


def test_names_are_read_and_faults_reported() -> None:
    both = load_model("cascade:constant:0+longest")
    assert both.name == "cascade:constant:0+longest" and isinstance(both, Cascade)
    assert both.listener.kind == "caption"
    for wrong in ("cascade:", "cascade:constant", "cascade:+longest", "cascade:longest+"):
        with pytest.raises(ConfigError):
            load_model(wrong)
    with pytest.raises(ConfigError, match="takes no audio"):
        Cascade(Reader(), Reader())


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CTC recogniser with an alphabet of its own."""
    torch = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("recogniser")
    signs = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefgh"]
    (folder / "vocab.json").write_text(json.dumps({sign: i for i, sign in enumerate(signs)}))
    config = transformers.Wav2Vec2Config(
        vocab_size=len(signs),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )
    torch.manual_seed(3)
    own = transformers.Wav2Vec2ForCTC(config)
    with torch.no_grad():  # louder logits, so that what is heard decides what is written
        own.lm_head.weight.mul_(200)
    own.save_pretrained(folder)
    transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def test_a_recogniser_transcribes_short_and_long_clips(recogniser: Path, tmp_path: Path) -> None:
    asr: Any = load_model(f"asr:{recogniser}")
    clips = [tone(tmp_path, 300, 2.0), tone(tmp_path, 3000, 2.0)]
    for name, late in (("a", 0.0), ("b", 0.3)):  # alike for 32 s
        wave = np.random.default_rng(0).normal(0, 0.05, 36 * RATE_HZ).astype(np.float32)
        wave[32 * RATE_HZ :] *= late
        write_wav(tmp_path / f"{name}.wav", wave, RATE_HZ)
        clips.append(Clip(path=str(tmp_path / f"{name}.wav"), duration_s=36.0))
    prompts = [Prompt((clip, "?"), "?") for clip in clips]
    replies = asr.generate(prompts, Sampling())
    assert [reply.stop for reply in replies] == ["end"] * 4
    texts = [reply.text for reply in replies]
    assert texts[0] != texts[1], "what is heard decides what is written"
    assert texts[2] != texts[3], "what comes after 30 s is heard"
    assert asr.generate(prompts, Sampling()) == replies
    assert len(asr.identity()) == 16
    odd = [Prompt(("?",), "?"), Prompt((clips[0], clips[1]), "?"), Prompt((Clip(path="no"),), "?")]
    assert [reply.stop for reply in asr.generate(odd, Sampling())] == ["failed"] * 3
    assert asr.generate([Prompt((silence(0.01),), "?")], Sampling())[0].text == ""


def test_a_missing_recogniser_is_a_model_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(f"asr:{tmp_path}")
