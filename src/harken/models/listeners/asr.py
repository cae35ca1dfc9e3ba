"""Speech recognisers of transformers as models: one clip in, its transcript out.

``asr:openai/whisper-tiny`` or ``asr:FOLDER``: any checkpoint that the recognition pipeline opens,
CTC or sequence to sequence. The text of a prompt is ignored. Long clips are transcribed in full:
Whisper by its own long-form decoding, CTC models in overlapping windows; nothing is cut at 30 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harken.audio.load import load
from harken.errors import AudioError, ConfigError, MissingExtra, ModelError
from harken.files import sha256_of
from harken.hashing import canonical, digest
from harken.models.base import Prompt, PromptStyle, Reply, Sampling

_WINDOW_S = 30.0
_OVERLAP_S = 5.0


def build(target: str, *, revision: str = "", device: str = "cpu") -> AsrModel:
    """The recogniser at `target`, a folder or a repository id on the Hugging Face Hub.

    Raises:
        ConfigError: `target` is empty.
        MissingExtra: transformers is not installed.
        ModelError: there is no such recogniser, or it cannot be loaded.
    """
    if not target:
        raise ConfigError("asr: names no recogniser", hint="Write asr:openai/whisper-tiny")
    try:
        from transformers import pipeline
    except ImportError:
        raise MissingExtra("transformers", "models") from None
    try:
        pipe = pipeline(
            "automatic-speech-recognition", target, revision=revision or None, device=device
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0][:300]
        raise ModelError(
            f"{target} cannot be loaded as a speech recogniser: {first}",
            hint="Name a folder with a speech recogniser, or a repository id on the hub.",
        ) from None
    return AsrModel(target, pipe, revision)


class AsrModel:
    """A recogniser; `generate` gives the transcript of each prompt's one clip."""

    max_clips = 1
    style = PromptStyle(letters=False)

    def __init__(self, target: str, pipe: Any, revision: str = "") -> None:
        """`pipe` is a recognition pipeline of transformers."""
        self.name = f"asr:{target}"
        self._pipe = pipe
        self._rate_hz = int(pipe.feature_extractor.sampling_rate)
        self._ctc = str(pipe.type).startswith("ctc")
        self._identity = digest(canonical([target, revision, _weights(target, pipe)]))

    def identity(self) -> str:
        """Hash of the weight files where they are local, else of repository id and commit."""
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """One transcript a prompt; sampling does not apply, recognition is greedy."""
        return [self._reply(prompt) for prompt in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """None for each: a recogniser gives no probabilities of choices."""
        return [None] * len(prompts)

    def _reply(self, prompt: Prompt) -> Reply:
        if len(prompt.clips) != 1:
            return _failed(f"{len(prompt.clips)} clips, and a recogniser takes one")
        try:
            wave = load(prompt.clips[0], self._rate_hz)
        except AudioError as error:
            return _failed(f"audio: {error.reason}: {error.found}")
        if len(wave) < self._rate_hz // 10:  # too short for any recogniser's first frame
            return Reply("")
        long = len(wave) > _WINDOW_S * self._rate_hz
        options: dict[str, Any] = {}
        if long and self._ctc:
            options = {"chunk_length_s": _WINDOW_S, "stride_length_s": _OVERLAP_S}
        elif long:
            options = {"return_timestamps": True}
        try:
            found = self._pipe({"raw": wave, "sampling_rate": self._rate_hz}, **options)
        except (ValueError, RuntimeError, IndexError, TypeError) as error:
            return _failed(f"{type(error).__name__}: {error}")
        return Reply(str(found["text"]).strip())


def _weights(target: str, pipe: Any) -> Any:
    """What identifies the weights: hashes of their files, or the commit of the repository."""
    folder = Path(target)
    if folder.is_dir():
        files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
        return [[path.name, sha256_of(path)] for path in files]
    return str(getattr(pipe.model.config, "_commit_hash", "") or "")


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)
