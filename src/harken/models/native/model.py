"""A class of transformers as a learner, run by the same engine as composed models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import torch

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.audio.single import duration_s
from harken.files import real_path
from harken.hashing import canonical, digest
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.engine.batch import AudioInput
from harken.models.engine.chat import ChatTokenizer
from harken.models.engine.features import check_length
from harken.models.engine.lora_settings import parse_lora
from harken.models.learner import Learner
from harken.models.native.net import NativeNet
from harken.models.native.open import OpenedModel, open_model
from harken.models.native.saved import (
    base_folder,
    base_of,
    bases_of,
    restore,
    saved_content,
    write_model,
)
from harken.models.native.settings import NativeSettings

A = TypeVar("A")

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
        settings: how it was opened.
        opened: what was opened, its files included.
    """

    saved_kind = "native"

    def __init__(self, target: str, opened: OpenedModel, settings: NativeSettings) -> None:
        """Use `open`."""
        family = opened.family
        self.family = family
        self.settings = settings
        self.opened = opened
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
        name = f"native:{real_path(Path(target)).name if Path(target).is_dir() else target}"
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
        """Open a folder, or an id on the hub; of a folder written by `save`, its base too.

        Raises:
            ModelError: it cannot be opened; the message says why, and the hint what to do.
        """
        settings = settings or NativeSettings()
        folder = Path(target)
        saved = saved_content(folder)
        base = base_folder(folder, saved, settings)
        opened = open_model(str(base or target), settings)
        model = NativeModel(target, opened, settings)
        if saved:
            model.bases = bases_of(folder, saved)
            identity = restore(model, folder, saved)
            model._identity = (model.engine.version(), identity) if identity else (-1, "")
        elif not settings.copy_bases:
            model.bases = (base_of(target, opened, settings),)
        if settings.copy_bases:
            model.bases = ()
        if settings.lora:
            model.add_adapters(parse_lora([settings.lora]))
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
        opened = replace(self.opened, family=deepcopy(self.family))
        copy = type(self)(self.name.removeprefix("native:"), opened, self.settings)
        copy.config = dict(self.config)
        copy.bases = self.bases
        copy.net.requires_grad_(False)
        known = self._identity[0] == self.engine.version()  # else the weights have changed
        copy._identity = (copy.engine.version(), self._identity[1]) if known else (-1, "")
        return copy

    def write(self, folder: Path) -> dict[str, Any]:
        """Write what was trained, or everything if there is no base; see `saved`."""
        return write_model(self, folder, self.settings)
