"""What a format of another program writes: rows, each an item with its audio files.

A format says which items it can hold, and writes rows into files. `harken.shards.exports.export`
does what is common to all: it writes each clip once, keeps apart what does not fit, with the
reason, and counts. `harken.shards.formats` is the other way, and reads most of them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harken.item import Item

DATA = "data"
"""Name of the files of items that are in no split."""

PAIRS = "-pairs"
"""Ending of the name of a file of pairs for training on preferences."""

REPLIES = ("both", "letter", "text")
"""How the answer to a closed question is written: ``(B) a dog``, ``B``, ``a dog``."""

LOSSES: Mapping[str, str] = {
    "rejected": "the rejected answer",
    "dialogue": "the conversation around the question",
    "rationales": "the reasoning",
    "task": "the task",
    "tags": "the tags",
    "recordings": "the recordings",
    "speakers": "the speakers",
    "licence": "the licence",
    "contribution": "the audio's contribution",
    "facts": "the facts of the clips",
    "need": "the need to listen",
    "twins": "the twins",
}
"""What is lost of an item whose field is not written; `history` and `plan` say how it was made."""


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
        reply: one of `REPLIES`, and of `ExportFormat.replies`.
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
        unfit: ``unfit(item, style)``: why the format cannot hold an item; ``""`` if it can.
        loses: ``loses(item, style)``: what of an item that it holds is not written, each counted.
        reader: how the other program opens it, in a line.
        suffix: of audio files: ``flac`` (samples beyond full scale: ``wav``) or ``wav``.
        rate_hz: of audio files; 0: that of each clip.
        replies: the ones of `REPLIES` that it can write; the first, unless another is asked for.
        reasons: it can write reasoning before the answer (`Style.reasoning`).
    """

    name: str
    about: str
    write: Callable[[Iterable[ExportRow], Path], dict[str, int]]
    unfit: Callable[[Item, Style], str]
    loses: Callable[[Item, Style], Sequence[str]]
    reader: str
    suffix: str = "flac"
    rate_hz: int = 0
    replies: tuple[str, ...] = REPLIES
    reasons: bool = True


def loses_nothing(item: Item, style: Style) -> tuple[str, ...]:
    """For `ExportFormat.loses`: all is written."""
    return ()


def lost(item: Item, *written: str) -> tuple[str, ...]:
    """What of `LOSSES` an item has, without the fields that are `written`."""
    return tuple(
        what for name, what in LOSSES.items() if name not in written and getattr(item, name)
    )


def facts_lost(item: Item, of_source: Sequence[str], of_clip: Sequence[str] = ()) -> bool:
    """Whether anything is known of the clips beside these facts of sources and of clips."""
    kept, around = {*of_source, "kind"}, {*of_clip, "sources", "duration_s"}
    return any(
        {*facts} - around or any({*source} - kept for source in facts["sources"])
        for facts in (own.to_dict() for own in item.facts)
    )
