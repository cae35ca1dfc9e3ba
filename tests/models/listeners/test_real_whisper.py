"""whisper-base itself, where its weights are: it hears generated speech, and nothing in silence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from harken.ask.record import ask_and_score
from harken.ask.word_errors import edits, normalise
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.item import Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.listeners.load import load_listener

WHISPER = Path(os.environ.get("HARKEN_WEIGHTS", "")) / "whisper-base"

pytestmark = pytest.mark.skipif(
    not (WHISPER / "model.safetensors").is_file(),
    reason="needs whisper-base below HARKEN_WEIGHTS (a folder of pretrained models)",
)

SENTENCES = ("The yellow garden lies behind the house.", "Seven captains arrived yesterday.")


class Reader:
    """Takes text only: it chooses the option that stands in it."""

    name = "reader"
    max_clips = 0
    style = PromptStyle(letters=False)

    def __init__(self) -> None:
        self.texts: list[str] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        found = []
        for prompt in prompts:
            text = " ".join(str(part) for part in prompt.parts if isinstance(part, str))
            self.texts.append(text)
            heard = text.partition("transcript of the recording:")[2].partition("\n")[0].lower()
            found.append(Reply(next((c for c in prompt.choices if c in heard), "I do not know")))
        return found

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "reader"


def test_a_reader_answers_from_what_it_hears(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    from harken.corpora.starter.speech import VOICES, SpeechSynthesizer

    clips = []
    with SpeechSynthesizer() as synthesizer:
        for at, text in enumerate(SENTENCES):
            voice = VOICES[0]
            wave = synthesizer.say(text, voice, int(voice.speed), int(voice.pitch))
            write_wav(tmp_path / f"{at}.wav", wave.astype("float32"), RATE_HZ)
            clips.append(Clip(path=str(tmp_path / f"{at}.wav")))
    items = [
        Item("Which word is said?", word, ("garden", "captains"), (clip,), recordings=(clip.path,))
        for word, clip in zip(("garden", "captains"), clips, strict=True)
    ]
    listener = load_listener(f"asr:{WHISPER}?language=en", "transcript")
    wrong = [
        edits(normalise(text).split(), normalise(reply.text).split())
        for text, reply in zip(SENTENCES, listener.written(clips), strict=True)
    ]
    assert sum(map(sum, wrong)) <= 3  # of eleven words, by a synthesised voice
    records = ask_and_score(
        Reader(), items, conditions=("transcript", "none"), listeners={"transcript": listener}
    )
    outcomes = {(r["condition"], r["outcome"]) for r in records}
    assert outcomes == {("transcript", "correct"), ("none", "abstained")}
