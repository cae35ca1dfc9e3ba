"""A class of transformers as a learner, run by the same engine as composed models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import torch

from harken import files
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import duration_s, load
from harken.errors import ModelError
from harken.hashing import canonical, digest
from harken.models.base import MODEL_FILE, Prompt, PromptStyle, Reply, Sampling
from harken.models.engine.batch import AudioInput
from harken.models.engine.chat import ChatTokenizer
from harken.models.engine.features import check_length
from harken.models.engine.lora import base_state, lora_state
from harken.models.engine.lora_settings import LoraSettings
from harken.models.engine.time_tokens import restore_times
from harken.models.learner import FORMAT, Learner, read_saved
from harken.models.native.net import NativeNet
from harken.models.native.open import OpenedModel, file_hashes, open_model
from harken.models.native.settings import NativeSettings

A = TypeVar("A")

LORA_FILE = "lora.safetensors"
"""LoRA weights of a saved model; the weights of the class are saved unchanged beside it."""

_OUT_OF_MEMORY = Reply("", "failed", "the prompt does not fit into the device's memory, even alone")


def _halved(
    prompts: Sequence[Prompt], ask: Callable[[Sequence[Prompt]], list[A]], none: A
) -> list[A]:
    """`ask` with all prompts, or with each half if out of memory; `none` for one too large."""
    try:
        return ask(prompts)
    except torch.OutOfMemoryError:
        pass  # the tensors of the failed attempt are freed with its frame
    torch.cuda.empty_cache()
    if len(prompts) == 1:
        return [none]
    half = len(prompts) // 2
    return _halved(prompts[:half], ask, none) + _halved(prompts[half:], ask, none)


class NativeModel(Learner):
    """A `Learner` around one class of transformers.

    Attributes:
        family: the parts of the class.
    """

    saved_kind = "native"

    def __init__(self, target: str, opened: OpenedModel, settings: NativeSettings) -> None:
        """Use `open`."""
        family = opened.family
        self.family = family
        self._settings = settings
        self._opened = opened
        self._limit_s = settings.max_clip_s or family.max_clip_s
        style = PromptStyle(
            letters=settings.letters,
            question_first=settings.question_first,
            mark_clips=settings.mark_clips,
            instruction=settings.instruction,
        )
        config = {
            "family": family.name,
            "files": opened.files,
            "dtype": str(family.like.dtype),
            "attention": settings.attention,
            "max_clip_s": self._limit_s,
            "template": digest(opened.template),
            "style": asdict(style),
        }
        name = f"native:{Path(target).resolve().name if Path(target).is_dir() else target}"
        super().__init__(NativeNet(family), opened.tokenizer, config, name=name, style=style)
        self.engine.set_cache_bytes(settings.remember_mb << 20)
        # The files are hashed already: gigabytes of weights need not be hashed again.
        self._identity = (self.engine.version(), digest(canonical(self.config)))
        self.prompt_tokenizer = ChatTokenizer(
            self.tokenizer,
            self.audio_input,
            family.context,
            format=family,
            hf_tokenizer=opened.hf_tokenizer,
            template=opened.template,
        )

    @staticmethod
    def open(target: str, settings: NativeSettings | None = None) -> NativeModel:
        """Open a folder, or an id on the hub; a folder written by `save` has its LoRA adapters.

        Raises:
            ModelError: it cannot be opened; the message says why, and the hint what to do.
        """
        settings = settings or NativeSettings()
        model = NativeModel(target, open_model(target, settings), settings)
        if (Path(target) / MODEL_FILE).is_file():
            model._restore(Path(target))
        return model

    def load_audio(self, clip: Clip) -> AudioInput:
        """The waveform of a clip, and its number of audio tokens.

        Raises:
            ModelError: it is longer than the family allows.
            AudioError: it cannot be loaded.
        """
        check_length(duration_s(clip), self._limit_s)
        wave = load(clip)
        check_length(len(wave) / RATE_HZ, self._limit_s)
        return AudioInput(wave, self.family.tokens(len(wave)), clip.key)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """See `Learner.generate`; a batch that does not fit into memory is halved."""
        return _halved(
            prompts, lambda part: super(NativeModel, self).generate(part, sampling), _OUT_OF_MEMORY
        )

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """See `Learner.choice_logprobs`; a batch that does not fit into memory is halved."""
        return _halved(prompts, super().choice_logprobs, None)

    def clone(self) -> Self:
        """A frozen copy with the same weights, in evaluation mode."""
        opened = replace(self._opened, family=deepcopy(self.family))
        copy = type(self)(self.name.removeprefix("native:"), opened, self._settings)
        copy.config = dict(self.config)
        copy.net.requires_grad_(False)
        known = self._identity[0] == self.engine.version()  # else the weights have changed
        copy._identity = (copy.engine.version(), self._identity[1]) if known else (-1, "")
        return copy

    def write(self, folder: Path) -> dict[str, Any]:
        """Write a folder of transformers with the class's own weights, and `LORA_FILE`."""
        from safetensors.torch import save as to_bytes

        lora = {n: t.cpu().contiguous() for n, t in sorted(lora_state(self.state()).items())}
        (folder / LORA_FILE).unlink(missing_ok=True)
        self.family.save(folder, base_state(self.family.model.state_dict()) if lora else None)
        self._opened.hf_tokenizer.save_pretrained(folder)
        files.write_whole(folder / "chat_template.jinja", self._opened.template)
        if lora:
            files.write_whole(folder / LORA_FILE, to_bytes(lora))
        content = {"lora": self.config.get("lora"), "dtype": str(self.family.like.dtype)}
        content |= {"times": self.config["times"]} if self.config.get("times") else {}
        return {**content, "files": dict(file_hashes(folder, type(self.family)))}

    def _restore(self, folder: Path) -> None:
        """Restore the adapters and identity of a folder written by `save`.

        Raises:
            ModelError: a newer format, or damaged files.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            saved = read_saved(folder)
            identity, lora, kind = str(saved["identity"]), saved["lora"], saved["kind"]
            if kind != self.saved_kind or saved["format"] > FORMAT:
                raise ModelError(
                    f"the model has kind {kind!r}, format {saved['format']}",
                    where=str(folder),
                    hint="Open it with the release that saved it.",
                )
            if times := saved.get("times"):
                self.config["times"] = times
                restore_times(self.tokenizer, times)
            tensors = load_file(folder / LORA_FILE) if lora else {}
            if lora:
                self.add_adapters({g: LoraSettings.of(own) for g, own in lora.items()})
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelError(
                f"the saved model cannot be opened: {_told(error)}",
                where=str(folder),
                hint="Copy the folder again, or train again.",
            ) from error
        changed = dict(self._opened.files) != saved.get("files")
        if lora:
            own = lora_state(self.state())
            if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in own.items()}:
                raise ModelError(
                    f"{LORA_FILE} does not fit the model",
                    where=str(folder),
                    hint="Copy the folder again, or train again.",
                )
            with torch.no_grad():
                for name, tensor in own.items():
                    tensor.copy_(tensors[name])
        if not changed and saved.get("dtype") == str(self.family.like.dtype):
            self._identity = (self.engine.version(), identity)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
