"""What a format of another program writes: rows, each an item with its audio files.

A format says which items it can hold, and writes rows into files. `harken.shards.exports.export`
does what is common to all: it writes each clip once, keeps apart what does not fit, with the
reason, and counts. `harken.shards.formats` is the other way, and reads most of them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from harken.item import Item

DATA = "data"
"""Name of the files of items that are in no split."""

PAIRS = "-pairs"
"""Ending of the name of a file of pairs for training on preferences."""

REPLIES = ("both", "letter", "text")
"""How the answer to a closed question is written: ``(B) a dog``, ``B``, ``a dog``."""


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A clip as a file.

    Attributes:
        path: relative to the folder of the export with ``/``, or absolute.
        file: where it is now.
        key: of the clip.
        rate_hz, channels, frames: what is in it.
    """

    path: str
    file: Path
    key: str
    rate_hz: int
    channels: int
    frames: int

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.frames / self.rate_hz


@dataclass(frozen=True, slots=True)
class Style:
    """How texts are written.

    Attributes:
        reply: one of `REPLIES`.
        reasoning: the first rationale of an item goes before its answer, in ``<think>`` tags.
    """

    reply: str = "both"
    reasoning: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ExportRow:
    """An item, its clips as files in clip order, and how its texts are to be written."""

    item: Item
    audio: tuple[AudioFile, ...]
    style: Style

    @property
    def split(self) -> str:
        """Its split."""
        return self.item.split or DATA

    @property
    def part(self) -> str:
        """Its split, and for a pair `PAIRS`: programs read a file either as answers or as pairs."""
        return self.split + (PAIRS if self.item.rejected else "")


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format.

    Attributes:
        name: by which the command names it.
        about: whose it is, in a sentence.
        write: ``write(rows, folder)`` writes all files; returns rows by file name. Rows are given
            once and in order.
        unfit: ``unfit(item)``: why the format cannot hold an item; ``""`` if it can.
        loses: ``loses(item)``: what of an item that it holds is not written; ``""`` if all is.
        reader: how the other program opens it, in a line.
        suffix: of audio files: ``flac`` (samples beyond full scale: ``wav``) or ``wav``.
        rate_hz: of audio files; 0: that of each clip.
    """

    name: str
    about: str
    write: Callable[[Iterable[ExportRow], Path], dict[str, int]]
    unfit: Callable[[Item], str]
    loses: Callable[[Item], str]
    reader: str
    suffix: str = "flac"
    rate_hz: int = 0


def holds_all(item: Item) -> str:
    """For `ExportFormat.unfit` and `ExportFormat.loses`: nothing."""
    return ""


def loses_pairs(item: Item) -> str:
    """For `ExportFormat.loses`: the format has no pairs for training on preferences."""
    return "the rejected answer" if item.rejected else ""
