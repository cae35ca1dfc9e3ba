"""A codec language model as a model that is asked: it writes what is said in a clip, and speaks.

`generate` transcribes the clip of a prompt, whatever its text. `speak` says the text of a prompt,
or goes on with its clip. It does not converse: a text alone gets no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.errors import HarkenError
from harken.hashing import digest
from harken.models.base import Prompt, PromptStyle, Reply, Sampling, Speech, SpeechSampling
from harken.models.codec_lm.generate import SpeechRequest, speak, transcribe
from harken.models.codec_lm.model import CodecLanguageModel
from harken.models.target import read_target


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How it speaks where a request does not say.

    Attributes:
        seconds: most of a reply.
        guidance: classifier-free guidance by the text; 1: none.
    """

    seconds: float = 3.0
    guidance: float = 1.0


def build(target: str, **options: Any) -> SpeechModel:
    """The saved model ``FOLDER?guidance=2&seconds=5``.

    Raises:
        ModelError: there is none. ConfigError: an unknown setting.
    """
    folder, settings = read_target("codec-lm", target, SpeechSettings, options)
    return SpeechModel(CodecLanguageModel.open(folder), settings)


class SpeechModel:
    """See the module's docstring.

    Attributes:
        model: the language model.
        settings: how it speaks.
        name, max_clips, style, voices: see `Model` and `Speaker`.
    """

    max_clips = 1
    writes = "transcript"

    def __init__(
        self, model: CodecLanguageModel, settings: SpeechSettings = SpeechSettings()
    ) -> None:
        self.model, self.settings = model, settings
        self.name, self.voices = model.name, model.voices
        self.style = PromptStyle(letters=False)
        SpeechSampling(settings.seconds, guidance=settings.guidance)  # refuses what has no meaning

    def identity(self) -> str:
        """Hash of configuration and weights, and of how it speaks."""
        return digest(f"{self.model.identity()} {self.settings}")

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The transcript of each prompt's clip; a prompt without one fails."""
        found = [
            Reply("", "failed", "this model writes what is said in a clip, and there is no clip; "
                  'it speaks where modalities has "audio"')
            for _ in prompts
        ]  # fmt: skip
        codes: dict[int, Any] = {}
        for number, prompt in enumerate(prompts):
            try:
                if prompt.clips:
                    codes[number] = self.model.codes_of(prompt.clips[0])
            except HarkenError as error:
                found[number] = Reply("", "failed", str(error))
        if codes:
            seeds = [sampling.seed] * len(codes)
            told = transcribe(self.model, list(codes.values()), sampling, seeds)
            for number, (text, ended) in zip(codes, told, strict=True):
                found[number] = Reply(text, "end" if ended else "length")
        return found

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """How probable each choice is as the transcript of the prompt's clip."""
        found: list[tuple[float, ...] | None] = []
        for prompt in prompts:
            try:
                if not prompt.clips or not prompt.choices:
                    found.append(None)
                    continue
                rows = self.model.pattern.write(self.model.codes_of(prompt.clips[0]))
            except HarkenError:
                found.append(None)
                continue
            lines = [self.model.transcribe_line(rows, choice) for choice in prompt.choices]
            logs = -np.array(self.model.text_losses(lines))
            found.append(tuple(float(value) for value in logs - np.logaddexp.reduce(logs)))
        return found

    def speak(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int], voice: str
    ) -> list[Speech]:
        """Each prompt's text said, or its clip gone on with; see `Speaker`."""
        return [
            self._speak(prompt, sampling, seed, voice)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]

    def _speak(self, prompt: Prompt, sampling: Sampling, seed: int, voice: str) -> Speech:
        nothing = np.zeros(0, np.float32)
        rate = self.model.frames_per_s
        seconds = min(self.settings.seconds, sampling.room / rate)
        how = SpeechSampling(
            seconds, sampling.temperature, sampling.top_k, sampling.top_p, self.settings.guidance
        )
        text = " ".join(part.strip() for part in prompt.parts if isinstance(part, str)).strip()
        try:
            codes = self.model.codes_of(prompt.clips[0]) if prompt.clips else None
            request = SpeechRequest(text, voice, codes)
            (drawn,) = speak(self.model, [request], how, [seed])
        except HarkenError as error:
            return Speech(nothing, stop="failed", error=str(error))
        given = 0 if codes is None else len(codes)
        whole = self.model.samples_of(drawn)
        fresh = len(drawn) - given
        samples = whole[round(len(whole) * given / len(drawn)) :]
        stop = "length" if fresh >= max(1, round(seconds * rate)) else "end"
        return Speech(samples, text, stop, frames=fresh)
