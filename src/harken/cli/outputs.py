"""Outputs of commands: one check for all, made before any work is done.

A command that computes for an hour and then finds that its output is a file where a folder is
needed, or that the disk is read-only, has wasted the hour. Every option that takes an output is
made here, so it is checked while the command line is read: one line, exit code 2.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from harken.errors import ConfigError


def folder_option(*names: str, help: str, makes: str | None = None) -> Any:
    """An option that takes the folder to write into; `names` as ``"--out", "-o"``.

    `makes` is what the command makes of it (a key of `ARTEFACTS`; ``""``: none of them): a folder
    that is another kind of artefact is refused.
    """
    check = writable_folder if makes is None else FreeFolder(makes).check
    return typer.Option(*names, help=help, callback=check)


def folder_argument(*, help: str) -> Any:
    """The same as an argument."""
    return typer.Argument(help=help, callback=writable_folder)


def file_option(*names: str, help: str) -> Any:
    """An option that takes the file to write."""
    return typer.Option(*names, help=help, callback=writable_file)


ARTEFACTS = {
    "dataset": "dataset.json",
    "run": "run.json",
    "model": "harken-model.json",
    "cleaned dataset": "clean.json",
    "curated dataset": "curate.json",
    "starter corpus": "starter.json",
    "scenes": "scenes.json",
    "training set": "export.json",
}
"""What harken makes of a folder, and the file by which it is known."""


@dataclass(frozen=True, slots=True)
class FreeFolder:
    """An output folder that must not be another kind of artefact than what the command makes.

    Attributes:
        makes: a key of `ARTEFACTS`; empty: none of them.
    """

    makes: str

    def check(self, value: Path | None) -> Path | None:
        """`writable_folder`, unless the folder is something else already.

        Raises:
            ConfigError: it is.
        """
        for kind, name in ARTEFACTS.items():
            if value is not None and kind != self.makes and (value / name).is_file():
                raise ConfigError(
                    f"the output folder is a {kind} ({name} is in it)",
                    where=str(value),
                    hint="Choose another output, or a folder of its own below it.",
                )
        return writable_folder(value)


def writable_folder(value: Path | None) -> Path | None:
    """`value`, if it is a folder that can be written to, or one that can be made.

    Raises:
        ConfigError: it is a file, lies below one, or cannot be written to.
    """
    if value is not None:
        _probe(value, value)
    return value


def writable_file(value: Path | None) -> Path | None:
    """`value`, if it is a file that can be written, or that can be made.

    Raises:
        ConfigError: it is a folder, lies below a file, or cannot be written.
    """
    if value is not None:
        if value.is_dir():
            raise ConfigError(
                "the output is a folder, and a file is needed",
                where=str(value),
                hint=f"Name a file in it, such as {value / 'output'}.",
            )
        if value.exists() and not os.access(value, os.W_OK):
            raise ConfigError("the output file is read-only", where=str(value), hint=_ELSEWHERE)
        _probe(value.parent, value)
    return value


_ELSEWHERE = "Choose another output."


def _probe(folder: Path, output: Path) -> None:
    """Try to write where `folder` is, or where it would be made; nothing is left behind."""
    at = Path(os.path.abspath(folder))
    try:
        while not os.path.lexists(at):
            at = at.parent
        if not at.is_dir():
            found = "a file is" if at.exists() else "a link to nothing is"
            place = "there" if at == Path(os.path.abspath(folder)) else f"at {at}"
            raise ConfigError(
                f"the output needs a folder, and {found} {place}",
                where=str(output),
                hint=_ELSEWHERE,
            )
        with tempfile.TemporaryDirectory(prefix=".harken-", dir=at):
            pass
    except OSError as error:
        raise ConfigError(
            f"the output cannot be written: {error.strerror or error}",
            where=str(output),
            hint=_ELSEWHERE,
        ) from None
