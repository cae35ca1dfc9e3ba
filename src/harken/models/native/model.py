"""A class of transformers as a Learner: asked and scored by what asks and scores a `Lalm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from harken import audio, files
from harken.audio import Clip, canonical, digest
from harken.errors import ModelError
from harken.models import MODEL_FILE
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.features import check_length
from harken.models.lalm import Lalm
from harken.models.lalm_ask import Voice
from harken.models.lalm_batch import Sound
from harken.models.native.chat import Scribe
from harken.models.native.net import NativeNet
from harken.models.native.open import Opened, open_model
from harken.models.native.settings import Settings

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


class Native(Lalm):
    """A Learner around one class of transformers.

    Attributes:
        family: the class, opened up.
        style: letters after the clips, as these models were taught.
    """

    def __init__(self, target: str, opened: Opened, settings: Settings) -> None:
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
        self.coder = opened.coder
        self.voice = Voice(self.net, self.coder, settings.remember_mb << 20)
        self._limit_s = settings.longest_s or family.longest_s
        self._opened = opened
        self.config = {
            "family": family.name,
            "files": opened.files,
            "dtype": str(family.like.dtype),
            "attention": settings.attention,
            "longest_s": self._limit_s,
            "template": digest(opened.template),
            "style": asdict(self.style),
        }
        self._mark = (self.voice.version(), digest(canonical(self.config)))
        self.writer = Scribe(
            self.coder,
            self.sound,
            family.context,
            family=family,
            tokenizer=opened.tokenizer,
            template=opened.template,
        )

    @staticmethod
    def open(target: str, settings: Settings) -> Native:
        """Open a folder, or an id on the hub.

        Raises:
            ModelError: it cannot be opened; the message says why, and the mend.
        """
        return Native(target, open_model(target, settings), settings)

    @staticmethod
    def load(folder: Path | str, device: str = "cpu", remember_mb: int = 512) -> Native:
        """Open a folder; see `open` for more settings."""
        return Native.open(str(folder), Settings(device=device, remember_mb=remember_mb))

    def _sound(self, clip: Clip) -> Sound:
        """The wave of a clip, and how many tokens it becomes.

        Raises:
            ModelError: it is longer than the longest that this family hears.
            AudioError: it cannot be loaded.
        """
        check_length(audio.duration_s(clip), self._limit_s)
        wave = audio.load(clip)
        check_length(len(wave) / audio.RATE_HZ, self._limit_s)
        return Sound(wave, self.family.tokens(len(wave)), clip.key)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """See `Lalm.generate`; what does not fit into memory is asked in halves."""
        return _halved(prompts, lambda part: super(Native, self).generate(part, sampling), _FULL)

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """See `Lalm.choice_logprobs`; what does not fit into memory is asked in halves."""
        return _halved(prompts, super().choice_logprobs, None)

    def features(self, clip: Clip) -> Any:
        """Not for native models: their mel is made in the class's own way, when they listen.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            "a native model has no features to augment",
            mend="`harken train` teaches harken's own models; `logprobs` is differentiable here.",
        )

    def save(self, folder: Path) -> None:
        """Write a folder of transformers that `load` opens again, with `MODEL_FILE` last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).unlink(missing_ok=True)  # not a model while it is being written
        self.family.save(folder)
        self._opened.tokenizer.save_pretrained(folder)
        files.write_whole(folder / "chat_template.jinja", self._opened.template)
        files.write_json(
            folder / MODEL_FILE, {"kind": "native", "format": 1, "identity": self.identity()}
        )
