"""A class of transformers as a learner, computed with by the same engine as composed models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from harken import files
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import duration_s, load
from harken.errors import ModelError
from harken.hashing import canonical, digest
from harken.models.base import MODEL_FILE, Prompt, PromptStyle, Reply, Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import AudioInput
from harken.models.engine.engine import Engine
from harken.models.engine.features import check_length
from harken.models.native.chat import ChatTokenizer
from harken.models.native.net import NativeNet
from harken.models.native.open import OpenedModel, open_model
from harken.models.native.settings import NativeSettings

A = TypeVar("A")

_FULL = Reply("", "failed", "the prompt does not fit into the device's memory, even alone")


def _halved(
    prompts: Sequence[Prompt], ask: Callable[[Sequence[Prompt]], list[A]], none: A
) -> list[A]:
    """`ask` of all prompts; of either half where memory is short; `none` for one too large."""
    try:
        return ask(prompts)
    except torch.OutOfMemoryError:
        pass  # the tensors of the failed attempt die with its frame
    torch.cuda.empty_cache()
    if len(prompts) == 1:
        return [none]
    half = len(prompts) // 2
    return _halved(prompts[:half], ask, none) + _halved(prompts[half:], ask, none)


class NativeModel(ComposedModel):
    """A Learner around one class of transformers.

    Attributes:
        family: the class, opened up.
        style: letters after the clips, as these models were taught.
    """

    def __init__(self, target: str, opened: OpenedModel, settings: NativeSettings) -> None:
        """Use `load`."""
        family = opened.family
        self.family = family
        self.name = f"native:{Path(target).resolve().name if Path(target).is_dir() else target}"
        self.style = PromptStyle(
            letters=settings.letters,
            question_first=settings.question_first,
            mark_clips=settings.mark_clips,
            instruction=settings.instruction,
        )
        self.net = NativeNet(family).eval()
        self.tokenizer = opened.tokenizer
        self.engine = Engine(self.net, self.tokenizer, settings.remember_mb << 20)
        self._limit_s = settings.max_clip_s or family.max_clip_s
        self._opened = opened
        self.config = {
            "family": family.name,
            "files": opened.files,
            "dtype": str(family.like.dtype),
            "attention": settings.attention,
            "max_clip_s": self._limit_s,
            "template": digest(opened.template),
            "style": asdict(self.style),
        }
        self._mark = (self.engine.version(), digest(canonical(self.config)))
        self.writer = ChatTokenizer(
            self.tokenizer,
            self.sound,
            family.context,
            family=family,
            hf_tokenizer=opened.hf_tokenizer,
            template=opened.template,
        )

    @staticmethod
    def open(target: str, settings: NativeSettings) -> NativeModel:
        """Open a folder, or an id on the hub.

        Raises:
            ModelError: it cannot be opened; the message says why, and the mend.
        """
        return NativeModel(target, open_model(target, settings), settings)

    @staticmethod
    def load(folder: Path | str, device: str = "cpu", remember_mb: int = 512) -> NativeModel:
        """Open a folder; see `open` for more settings."""
        return NativeModel.open(str(folder), NativeSettings(device=device, remember_mb=remember_mb))

    def _sound(self, clip: Clip) -> AudioInput:
        """The wave of a clip, and how many tokens it becomes.

        Raises:
            ModelError: it is longer than the longest that this family hears.
            AudioError: it cannot be loaded.
        """
        check_length(duration_s(clip), self._limit_s)
        wave = load(clip)
        check_length(len(wave) / RATE_HZ, self._limit_s)
        return AudioInput(wave, self.family.tokens(len(wave)), clip.key)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """See `ComposedModel.generate`; what does not fit into memory is asked in halves."""
        return _halved(
            prompts, lambda part: super(NativeModel, self).generate(part, sampling), _FULL
        )

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """See `ComposedModel.choice_logprobs`; what does not fit into memory is asked in halves."""
        return _halved(prompts, super().choice_logprobs, None)

    def features(self, clip: Clip) -> Any:
        """Not for native models: their mel is made in the class's own way, when they listen.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            "a native model has no features to augment",
            hint="`harken train` teaches harken's own models; `logprobs` is differentiable here.",
        )

    def save(self, folder: Path) -> None:
        """Write a folder of transformers that `load` opens again, with `MODEL_FILE` last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).unlink(missing_ok=True)  # not a model while it is being written
        self.family.save(folder)
        self._opened.hf_tokenizer.save_pretrained(folder)
        files.write_whole(folder / "chat_template.jinja", self._opened.template)
        files.write_json(
            folder / MODEL_FILE, {"kind": "native", "format": 1, "identity": self.identity()}
        )
