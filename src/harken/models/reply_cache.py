"""A model whose replies are cached on disk by content: a request is never sent twice.

The key is a hash of the model's identity, the whole prompt (system message, text, content of clips,
choices) and the sampling, so only the same request to the same model is answered from the cache.
Meant for judges: their replies cost money, and scores must not change when one set of answers is
scored twice.
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
from harken.models.base import Model, Prompt, Reply, Sampling, capabilities, style_of
from harken.models.reply_store import ReplyStore

_FORM = 1  # format of a stored record


class ReplyCache:
    """`model` with a store in `folder`; failed replies are not stored and are requested again.

    Attributes:
        asked: prompts that were sent to the model.
        cached: prompts answered from the store, or repeated within one call.
        failed: of the prompts sent, those that failed.
    """

    def __init__(self, model: Model, folder: Path | str) -> None:
        """Open or create the store.

        Raises:
            ModelError: another process writes to the folder.
        """
        self.model = model
        self.name = model.name
        self.max_clips = model.max_clips
        self.style = style_of(model)
        self.batch = capabilities(model).batch
        self.asked = self.cached = self.failed = 0
        self._store = ReplyStore(folder)
        self._identity = model.identity()
        if keep := capabilities(model).keep:
            # It stores each reply as it arrives; this class stores a batch once it is complete.
            keep(Path(folder) / "requests")

    def identity(self) -> str:
        """The identity of `model`."""
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """One reply a prompt, in order; what is not stored is requested and stored in batches."""
        keys = [self.key(prompt, sampling) for prompt in prompts]
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
                if reply.stop == "length" and not reply.text.strip():
                    # No verdict was begun: with more room, or another time, there may be one.
                    error = f"the reply was cut after {sampling.room} tokens, before its first word"
                    reply = Reply("", stop="failed", error=error)
                found[key] = reply
                if reply.stop == "failed" or reply.error is not None:
                    self.failed += 1
                else:
                    self._store.add(key, asdict(reply))
            self._store.sync()
        return [found[key] for key in keys]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Those of `model`; not cached."""
        return self.model.choice_logprobs(prompts)

    def holds(self, prompt: Prompt, sampling: Sampling) -> bool:
        """Whether the reply is stored, so that the model would not be asked."""
        return self._recall(self.key(prompt, sampling)) is not None

    def report(self) -> dict[str, Any]:
        """Counts so far, and those of the model if it has any."""
        report = capabilities(self.model).report
        own = {"asked": self.asked, "cached": self.cached, "failed": self.failed}
        return {
            **own,
            "damaged_lines": self._store.damaged,
            **({"model": report()} if report else {}),
        }

    def close(self) -> None:
        """Sync, and release the folder."""
        self._store.close()

    def key(self, prompt: Prompt, sampling: Sampling) -> str:
        """Hash of all that the reply depends on: model, prompt and sampling."""
        parts = [_by_content(p) if isinstance(p, Clip) else p for p in prompt.parts]
        style = asdict(prompt.style)
        asked = [prompt.system, parts, prompt.question, prompt.choices, prompt.order, style]
        asked += [prompt.schema] if prompt.schema else []
        return digest(canonical([_FORM, self._identity, asked, asdict(sampling)]), 32)

    def _recall(self, key: str) -> Reply | None:
        record = self._store.get(key)
        if record is None:
            return None
        try:
            values = record["logprobs"]
            return Reply(**{**record, "logprobs": None if values is None else tuple(values)})
        except (KeyError, TypeError):  # another format, or edited: request it again
            return None


def _by_content(clip: Clip) -> dict[str, str]:
    """A clip by its content: a file without a hash is hashed."""
    if clip.kind == "file" and clip.sha256 is None:
        with suppress(AudioError):  # an unreadable file fails in the model, with its reason
            clip = replace(clip, sha256=file_sha256(clip.path))
    return {"clip": clip.key}
