"""A model whose replies are kept by content: what was asked before is not asked again.

The key is a hash of the model's identity, the whole prompt (system words, text, the sound of clips,
choices) and the sampling, so nothing but the same question to the same model is ever taken from the
store. Meant for judges: their replies are paid for, and marks must not change between two readings
of one set of answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.audio.probe import file_sha256
from harken.errors import AudioError, ModelError
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, Reply, Sampling
from harken.models.reply_store import ReplyStore

_FORM = 1  # form of a kept record


class ReplyCache:
    """`model` with a store in `folder`; failed replies are not kept, so they are asked again.

    Attributes:
        asked: prompts that were put to the model.
        cached: prompts answered from the store, or twice in one call.
        failed: of the asked, those that failed.
    """

    def __init__(self, model: Model, folder: Path | str) -> None:
        """Open or start the store.

        Raises:
            ModelError: another process writes to the folder.
        """
        self.model = model
        self.name = model.name
        self.max_clips = model.max_clips
        self.style = model.style
        self.batch = int(getattr(model, "batch", 16))
        self.asked = self.cached = self.failed = 0
        self._store = ReplyStore(folder)
        self._identity = model.identity()
        if callable(keep := getattr(model, "keep", None)):
            # It keeps each reply as it arrives; here a batch is kept when the whole of it is there.
            keep(Path(folder) / "requests")

    def identity(self) -> str:
        """The model's own."""
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """One reply a prompt, in order: kept ones, then the rest in batches, each kept at once."""
        keys = [self._key(prompt, sampling) for prompt in prompts]
        found = {key: reply for key in keys if (reply := self._recall(key)) is not None}
        missing = {k: p for k, p in zip(keys, prompts, strict=True) if k not in found}
        self.cached += len(prompts) - len(missing)
        names = list(missing)
        for start in range(0, len(names), self.batch):
            batch = names[start : start + self.batch]
            replies = self.model.generate([missing[key] for key in batch], sampling)
            if len(replies) != len(batch):
                raise ModelError(f"{self.name} gave {len(replies)} replies to {len(batch)} prompts")
            self.asked += len(batch)
            for key, reply in zip(batch, replies, strict=True):
                found[key] = reply
                if reply.stop == "failed" or reply.error is not None:
                    self.failed += 1
                else:
                    self._store.add(key, asdict(reply))
            self._store.sync()
        return [found[key] for key in keys]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The model's own; not kept."""
        return self.model.choice_logprobs(prompts)

    def report(self) -> dict[str, Any]:
        """Counts so far, and those of the model if it has any."""
        told = getattr(self.model, "report", None)
        own = {"asked": self.asked, "cached": self.cached, "failed": self.failed}
        return {**own, "damaged_lines": self._store.damaged, **({"model": told()} if told else {})}

    def close(self) -> None:
        """Sync, and let go of the folder."""
        self._store.close()

    def _key(self, prompt: Prompt, sampling: Sampling) -> str:
        parts = [_heard(p) if isinstance(p, Clip) else p for p in prompt.parts]
        style = asdict(prompt.style)
        asked = [prompt.system, parts, prompt.question, prompt.choices, prompt.order, style]
        return digest(canonical([_FORM, self._identity, asked, asdict(sampling)]), 32)

    def _recall(self, key: str) -> Reply | None:
        record = self._store.get(key)
        if record is None:
            return None
        try:
            values = record["logprobs"]
            return Reply(**{**record, "logprobs": None if values is None else tuple(values)})
        except (KeyError, TypeError):  # another form, or edited: ask again
            return None


def _heard(clip: Clip) -> dict[str, str]:
    """A clip by what it sounds like: a file that nobody has hashed is hashed."""
    if clip.kind == "file" and clip.sha256 is None:
        with suppress(AudioError):  # what cannot be read fails in the model, with its reason
            clip = replace(clip, sha256=file_sha256(clip.path))
    return {"clip": clip.key}
