"""replay: the stored replies of an earlier job, without its model; the result is the same bytes.

``replay:FOLDER`` is the folder ``replies`` of that job. A request that is not in it fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harken.errors import ConfigError
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.parsing import load_json
from harken.synth.writers.model import ModelWriter, identity_file
from harken.synth.writing.base import Writer, WriterKind, WriterSettings


class RecordedModel:
    """Stands for a model whose replies are stored; it has none of its own.

    Attributes:
        name: of the model that gave them.
    """

    max_clips = 0
    style = PromptStyle(letters=False)

    def __init__(self, folder: Path) -> None:
        """Read which model it stands for.

        Raises:
            ConfigError: the folder holds no stored replies.
        """
        try:
            found = load_json(identity_file(folder))
            self.name, self._identity = str(found["name"]), str(found["identity"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{folder} holds no replies of a writer ({error})",
                hint="Name the folder replies/ that `harken write` made.",
            ) from None

    def identity(self) -> str:
        """That of the model."""
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """A failed reply a prompt: what is stored never comes here."""
        failed = Reply("", stop="failed", error="not recorded: the reply is not in the store")
        return [failed] * len(prompts)

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """None for each."""
        return [None] * len(prompts)


def build(target: str, settings: WriterSettings) -> Writer:
    """A writer of stored replies.

    Raises:
        ConfigError: no folder, or one without stored replies.
    """
    if not target:
        raise ConfigError("the writer replay needs a folder", hint="Write: replay:FOLDER/replies")
    folder = Path(target)
    return ModelWriter(RecordedModel(folder), replace(settings, folder=folder, max_requests=0))


WRITER = WriterKind(
    "replay", "stored replies of an earlier job, without a model", build, asks=False
)
