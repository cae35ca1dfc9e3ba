"""Prompts: templates in files of the package, each with a version that stands in every record.

A file ``NAME.txt`` begins with ``version: N``; after a line ``---`` comes the system message, after
another the prompt, whose places are ``$name``. A changed text needs a new version: a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from string import Template

from harken.errors import ConfigError
from harken.hashing import digest
from harken.models.base import Prompt, PromptStyle
from harken.synth.writing.base import WriteRequest

AGAIN = """

In attempt $attempt you wrote this:
$rejected
It was rejected: $reasons
Write it again without these faults, in the same form."""
"""What is added to a prompt from the second round on."""


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt with places.

    Attributes:
        name: of its file.
        version: incremented when the text changes.
        system: the system message.
        body: the prompt, with ``$name`` for places.
    """

    name: str
    version: int
    system: str
    body: str

    @property
    def id(self) -> str:
        """Name and version, as ``reword/1``."""
        return f"{self.name}/{self.version}"

    @property
    def digest(self) -> str:
        """Hash of the texts, the addition of later rounds included."""
        return digest("\n".join((self.system, self.body, AGAIN)))

    def prompt(self, values: Mapping[str, str], request: WriteRequest, schema: str = "") -> Prompt:
        """The prompt about an item; clips are not shown, facts stand in their place.

        `schema` is that of the reply; see `harken.models.base.Prompt`.
        """
        text = Template(self.body).substitute(values)
        if request.rejected or request.reasons:
            text += Template(AGAIN).substitute(
                attempt=request.round - 1, rejected=request.rejected, reasons=request.reasons
            )
        style = PromptStyle(letters=False)
        return Prompt(
            (text,), text, style=style, item_id=request.item.id, system=self.system, schema=schema
        )


@lru_cache(maxsize=64)
def read_template(name: str) -> PromptTemplate:
    """The template of a file in ``writing/templates``, or of the path of a ``.txt``.

    Raises:
        ConfigError: there is none, or it has not the form.
    """
    folder = resources.files("harken.synth.writing") / "templates"
    file = Path(name) if name.endswith(".txt") else folder / f"{name}.txt"
    try:
        text = file.read_text("utf-8")
        head, system, body = text.split("\n---\n", 2)
        version = int(head.partition("version:")[2])
    except (OSError, ValueError) as error:
        raise ConfigError(f"there is no template {name!r} ({error})") from None
    return PromptTemplate(Path(name).stem, version, system.strip(), body.strip())
