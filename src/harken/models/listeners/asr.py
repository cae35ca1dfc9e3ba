"""Speech recognisers of transformers as models: one clip in, its transcript out.

``asr:openai/whisper-tiny`` or ``asr:FOLDER?language=en&batch=8``: any CTC or sequence-to-sequence
checkpoint; `AsrSettings` lists the settings. The text of a prompt is ignored. Long clips are
transcribed in full: Whisper by its own long-form decoding, CTC models in overlapping windows;
nothing is cut at 30 s. Of a clip of up to 25 s Whisper writes at most its share of the tokens of a
window (107 for 5 s), since over noise it may not end. A transcript that repeats itself is a failed
reply, with that reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import Clip
from harken.audio.load import load
from harken.errors import AudioError, ConfigError, HarkenError, MissingExtra, ModelError
from harken.files import sha256_of
from harken.hashing import canonical, digest
from harken.listed import listed
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.device import require_device
from harken.models.listeners.given_texts import (
    Tokens,
    added,
    ctc_logprobs,
    seq2seq_logprobs,
    whisper_prompt,
)
from harken.models.listeners.repetition import LOOP, repetition
from harken.models.pretrained import find_folder, open_files, open_pipeline, open_weights
from harken.models.target import read_target

_WINDOW_S = 30.0
_OVERLAP_S = 5.0
_WINDOW_TOKENS = 448
_TOKENS_PER_S, _MORE_TOKENS, _STEP_S = 15, 32, 5
"""Whisper may write `_WINDOW_TOKENS` of 30 s: 15 a second. A shorter clip gets its share,
rounded up to whole `_STEP_S`, and some more: over noise it may repeat itself until it is stopped,
which takes a minute of a CPU for 448 tokens with five beams."""
_FAULTS = (ValueError, RuntimeError, IndexError, TypeError, KeyError)
_DTYPES = ("float32", "bfloat16", "float16")
_TASKS = ("transcribe", "translate")


@dataclass(frozen=True, slots=True)
class AsrSettings:
    """How a recogniser is opened and asked.

    Attributes:
        revision: of a hub id: a branch, a tag or a commit.
        device: ``cpu``, ``cuda``, ``cuda:1``, …
        dtype: ``float32``, ``bfloat16``, ``float16``; if empty float32 on a CPU, where half
            precision costs several times the time, and elsewhere the dtype of the saved weights.
        language: of the speech, for models that take one, as ``en``; detected if empty.
        task: ``transcribe`` or ``translate`` (into English), for models that take one.
        batch: clips read at once; if 0, one on a CPU, where more are no faster, and 8 elsewhere.
    """

    revision: str = ""
    device: str = "cpu"
    dtype: str = ""
    language: str = ""
    task: str = ""
    batch: int = 0


def build(target: str, **options: Any) -> AsrModel:
    """The recogniser at `target`, a folder or a repository id on the Hugging Face Hub.

    Args:
        target: a folder or an id, and ``?settings``.
        options: settings (`AsrSettings`), which override those of the target.

    Raises:
        ConfigError: `target` is empty, or a setting is wrong or is not one of this model's.
        MissingExtra: transformers is not installed.
        ModelError: there is no such recogniser, or it cannot be loaded.
    """
    if not target.partition("?")[0]:
        raise ConfigError("asr: names no recogniser", hint="Write asr:openai/whisper-tiny")
    name, settings = read_target("asr", target, AsrSettings, options)
    _check(settings)
    try:
        import transformers  # noqa: F401
    except ImportError:
        raise MissingExtra("transformers", "models") from None
    require_device(settings.device)
    try:
        folder = find_folder(name, revision=settings.revision)
        pipe = _pipeline(folder, settings)
    except HarkenError:
        raise
    except (*_FAULTS, OSError, ImportError, AttributeError) as error:
        first = str(error).strip().split("\n")[0][:300]
        raise ModelError(
            f"{name} cannot be loaded as a speech recogniser: {first}",
            hint="Name a folder with a speech recogniser, or a repository id on the hub.",
        ) from None
    _check_generation(pipe, settings, name)
    return AsrModel(name, pipe, settings, folder)


def _check(settings: AsrSettings) -> None:
    """Refuse values that no recogniser takes."""
    if settings.dtype not in ("", *_DTYPES):
        raise ConfigError(f"dtype is {settings.dtype!r}", hint=f"Use {', '.join(_DTYPES)}.")
    if settings.task not in ("", *_TASKS):
        raise ConfigError(f"task is {settings.task!r}", hint=f"Use {' or '.join(_TASKS)}.")
    if settings.batch < 0:
        raise ConfigError(f"batch is {settings.batch}", hint="Use 1 or more, or 0: as usual.")


def _pipeline(folder: Path, settings: AsrSettings) -> Any:
    """The recognition pipeline of a folder."""
    import transformers

    config = open_files(transformers.AutoConfig, folder)
    architectures = getattr(config, "architectures", None) or [""]
    ctc = "CTC" in architectures[0]
    kinds = (transformers.AutoModelForCTC, transformers.AutoModelForSpeechSeq2Seq)
    loader = kinds[0] if ctc or type(config) not in kinds[1]._model_mapping else kinds[1]
    dtype = settings.dtype or ("float32" if settings.device == "cpu" else "auto")
    model = open_weights(loader, folder, dtype=dtype)
    tokenizer = open_files(transformers.AutoTokenizer, folder)
    if tokenizer.pad_token is None:  # the pipeline makes no batches without one
        tokenizer.pad_token = tokenizer.eos_token
    return open_pipeline(
        "automatic-speech-recognition",
        model.to(settings.device).eval(),
        tokenizer=tokenizer,
        feature_extractor=open_files(transformers.AutoFeatureExtractor, folder),
        device=settings.device,
    )


def _check_generation(pipe: Any, settings: AsrSettings, name: str) -> None:
    """Refuse a language or a task that this recogniser does not take: it would be ignored."""
    if not settings.language and not settings.task:
        return
    generation: Any = getattr(pipe.model, "generation_config", None)
    asked = f"language={settings.language}" if settings.language else f"task={settings.task}"
    if not _multilingual(generation):
        raise ConfigError(
            f"{asked}: this recogniser takes neither language nor task",
            where=f"asr:{name}",
            hint="Leave them out; only multilingual Whisper models take them.",
        )
    if settings.language:
        from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

        written = settings.language.lower()
        codes = {token.strip("<|>") for token in generation.lang_to_id}
        if TO_LANGUAGE_CODE.get(written, written) not in codes:
            raise ConfigError(
                f"language is {settings.language!r}, which this recogniser does not know",
                where=f"asr:{name}",
                hint=f"Known: {', '.join(sorted(codes))}.",
            )


def _multilingual(generation: Any) -> bool:
    """Whether a generation configuration is that of a recogniser with languages and tasks."""
    known = getattr(generation, "lang_to_id", None)
    return bool(known) and bool(getattr(generation, "is_multilingual", True))


class AsrModel:
    """A recogniser; `generate` gives the transcript of each prompt's one clip."""

    max_clips = 1
    style = PromptStyle(letters=False)
    writes = "transcript"

    def __init__(
        self,
        target: str,
        pipe: Any,
        settings: AsrSettings | None = None,
        folder: Path | None = None,
    ) -> None:
        """`pipe` is a recognition pipeline of transformers, whose files are in `folder`."""
        self.settings = settings or AsrSettings()
        self.name = f"asr:{target}"
        self.batch = self.settings.batch or (1 if self.settings.device == "cpu" else 8)
        self._pipe = pipe
        self._rate_hz = int(pipe.feature_extractor.sampling_rate)
        self._ctc = str(pipe.type).startswith("ctc")
        # Without a task Whisper is not told what to write, unless its files force it.
        generation = getattr(pipe.model, "generation_config", None)
        self._task = "transcribe" if _multilingual(generation) else ""
        self._limit = (
            "max_new_tokens" if getattr(generation, "max_new_tokens", None) else "max_length"
        )
        self._own_most = int(getattr(generation, self._limit, None) or _WINDOW_TOKENS)
        # Replies depend on these settings; on device and batch only by rounding.
        own = {k: v for k, v in asdict(self.settings).items() if k not in ("device", "batch")}
        own["dtype"] = str(pipe.model.dtype)
        own["tokens"] = [_TOKENS_PER_S, _MORE_TOKENS, _STEP_S]
        self._identity = digest(canonical([target, own, _weights(folder) if folder else []]))

    def identity(self) -> str:
        """Hash of the name, the settings and the weight files."""
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """One transcript a prompt; sampling does not apply, recognition is greedy.

        A transcript that repeats itself is a failed reply whose error says so: it is no transcript
        of what is said.
        """
        replies: dict[int, Reply] = {}
        waves: dict[int, np.ndarray[Any, Any]] = {}
        for i, prompt in enumerate(prompts):
            heard = self._wave(prompt)
            if isinstance(heard, Reply):
                replies[i] = heard
            else:
                waves[i] = heard
        for group in self._groups(waves):
            texts = self._read([waves[i] for i in group])
            replies.update(zip(group, texts, strict=True))
        return [replies[i] for i in range(len(prompts))]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """None for each: a recogniser gives no probabilities of choices."""
        return [None] * len(prompts)

    def transcripts_and_logprobs(
        self, clips: Sequence[Clip], texts: Sequence[Sequence[str]]
    ) -> list[tuple[str, list[float]]]:
        """What it writes of each clip, and how probable it finds each of `texts` (`given_texts`).

        Both are of one pass of the encoder. It writes the most probable token at each step, without
        the beams that a pipeline may have.

        Args:
            clips: of at most 30 s.
            texts: the forms in which each text may be written.

        Returns:
            For each clip the transcript and the natural-log probabilities of all texts.

        Raises:
            AudioError: a clip that cannot be read.
            ConfigError: a text of which no form can be written with the tokens of the model.
        """
        forms = [self._tokens(one) for one in texts]
        for own, text in zip(forms, texts, strict=True):
            if not own:
                raise ConfigError(f"{self.name} has no tokens for {listed(text)!r}")
        found = []
        for clip in clips:
            wave = load(clip, self._rate_hz)
            written, flat = self._heard(wave, [form for own in forms for form in own])
            found.append((written, [added([flat.pop(0) for _ in own]) for own in forms]))
        return found

    def _tokens(self, forms: Sequence[str]) -> list[Tokens]:
        """The different token sequences of forms, without those that it cannot write."""
        tokenizer = self._pipe.tokenizer
        whisper = str(self._pipe.type) == "seq2seq_whisper"  # its texts begin with a space
        unknown = None if whisper else tokenizer.unk_token_id  # bytes write any text
        found = dict.fromkeys(
            tuple(tokenizer.encode(whisper * " " + form, add_special_tokens=False))
            for form in forms
        )
        return [own for own in found if own and unknown not in own]

    def _heard(self, wave: Any, forms: Sequence[Tokens]) -> tuple[str, list[float]]:
        """The transcript of samples (n,), and the log-probability of each token sequence."""
        import torch

        pipe = self._pipe
        model, tokenizer = pipe.model, pipe.tokenizer
        made = pipe.feature_extractor(wave, sampling_rate=self._rate_hz, return_tensors="pt")
        inputs = {
            name: value.to(model.device, model.dtype if value.is_floating_point() else None)
            for name, value in made.items()
        }
        with torch.no_grad():
            if self._ctc:
                logits = model(**inputs).logits[0]
                text = tokenizer.decode(logits.argmax(-1))
                return str(text).strip(), ctc_logprobs(logits, model.config.pad_token_id, forms)
            encoded = model.get_encoder()(**inputs)
            options = self._options(False, self._most_tokens(wave))["generate_kwargs"]
            (ids,) = model.generate(encoder_outputs=encoded, num_beams=1, **options)
            prompt = whisper_prompt(
                model, encoded, self.settings.language, self.settings.task or self._task
            )
            found = seq2seq_logprobs(model, encoded, prompt, tokenizer.eos_token_id, forms)
        return str(tokenizer.decode(ids, skip_special_tokens=True)).strip(), found

    def _wave(self, prompt: Prompt) -> np.ndarray[Any, Any] | Reply:
        """The samples of a prompt's clip, or the reply where there is nothing to read."""
        if len(prompt.clips) != 1:
            return _failed(f"{len(prompt.clips)} clips, and a recogniser takes one")
        try:
            wave = load(prompt.clips[0], self._rate_hz)
        except AudioError as error:
            return _failed(f"audio: {error.reason}: {error.found}")
        # Too short for any recogniser's first frame.
        return Reply("") if len(wave) < self._rate_hz // 10 else wave

    def _long(self, wave: np.ndarray[Any, Any]) -> bool:
        return len(wave) > _WINDOW_S * self._rate_hz

    def _groups(self, waves: Mapping[int, np.ndarray[Any, Any]]) -> list[list[int]]:
        """Indices of the clips that are read at once, in order; long clips are read alone.

        So are all clips of a model that was trained without an attention mask: there, padding
        changes what is read in the shorter clips of a batch.
        """
        extractor = self._pipe.feature_extractor
        padded = self._ctc and not getattr(extractor, "return_attention_mask", False)
        groups: list[list[int]] = []
        short: dict[int, list[int]] = {}
        for i, wave in waves.items():
            if padded or self._long(wave):
                groups.append([i])
                continue
            short.setdefault(self._most_tokens(wave), []).append(i)
        for own in short.values():  # of one bound, so that no reply depends on its batch
            groups += [own[at : at + self.batch] for at in range(0, len(own), self.batch)]
        return groups

    def _most_tokens(self, wave: np.ndarray[Any, Any]) -> int:
        """How many tokens are written of a clip of at most 30 s; 0: as many as the model may."""
        steps = math.ceil(len(wave) / self._rate_hz / _STEP_S)
        if str(self._pipe.type) != "seq2seq_whisper" or steps * _STEP_S >= _WINDOW_S:
            return 0
        return min(_MORE_TOKENS + _TOKENS_PER_S * _STEP_S * steps, self._own_most)

    def _options(self, long: bool, most_tokens: int = 0) -> dict[str, Any]:
        """Of the pipeline, for clips of one kind."""
        if self._ctc:
            return {"chunk_length_s": _WINDOW_S, "stride_length_s": _OVERLAP_S} if long else {}
        pairs = {"language": self.settings.language, "task": self.settings.task or self._task}
        own: dict[str, Any] = {k: v for k, v in pairs.items() if v}
        options = {"generate_kwargs": own | ({self._limit: most_tokens} if most_tokens else {})}
        return options | ({"return_timestamps": True} if long else {})

    def _read(self, waves: Sequence[np.ndarray[Any, Any]]) -> list[Reply]:
        """The transcripts of clips read at once; one by one if the batch fails."""
        inputs = [{"raw": wave, "sampling_rate": self._rate_hz} for wave in waves]
        long = self._long(waves[0])
        options = self._options(long, 0 if long else self._most_tokens(waves[0]))
        try:
            found = self._pipe(inputs, batch_size=len(inputs), **options)
        except _FAULTS as error:
            if len(waves) == 1:
                return [_failed(f"{type(error).__name__}: {error}")]
            return [reply for wave in waves for reply in self._read([wave])]
        return [_transcript(str(one["text"]).strip()) for one in found]


def _transcript(text: str) -> Reply:
    """The reply with a transcript, or the failed one for a loop."""
    loop = repetition(text)
    return Reply(text) if loop is None else _failed(f"{LOOP}the transcript {loop}")


def _weights(folder: Path) -> list[list[str]]:
    """What identifies the weights: names and hashes of their files."""
    return [[path.name, sha256_of(path)] for path in sorted(folder.glob("*.safetensors"))]


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)
