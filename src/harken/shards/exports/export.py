"""A dataset as a training set of another program: audio written once, what does not fit kept apart.

::

    OUT/
      audio/3f/3f09….flac     each clip once, under its content key
      train.jsonl …           what the format writes
      left-out.jsonl          items that the format cannot hold, with the reason; if there are any
      export.json             counts, settings; written last

An export that was killed starts over; clips that are written are not written again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import AudioError, ConfigError, DataError
from harken.files import held, part_of, settle, sweep, write_json
from harken.item import HIDDEN, Item
from harken.listed import listed
from harken.parsing import load_json
from harken.progress import track
from harken.shards.exports.audio_files import AudioFiles
from harken.shards.exports.base import REPLIES, ExportFormat, ExportRow, Style
from harken.shards.exports.files import dumped
from harken.shards.exports.load import EXPORTS

MARKER = "export.json"
STARTED = "export-started.json"
"""There while an export is made: a folder with it was left by a kill, and is written again."""

LEFT_OUT = "left-out.jsonl"


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """How a dataset is exported.

    Attributes:
        reply: one of `REPLIES`; empty: the usual one of the format.
        reasoning: see `Style`.
        absolute: audio by absolute paths.
        reference: whole recordings are named where they are, not copied.
    """

    reply: str = ""
    reasoning: bool = False
    absolute: bool = False
    reference: bool = False

    def __post_init__(self) -> None:
        """Refuse an unknown kind of reply."""
        if self.reply not in ("", *REPLIES):
            raise ConfigError(
                f"the reply is {self.reply!r}", hint=f"Use one of {', '.join(REPLIES)}."
            )


def export(
    items: Iterable[Item], folder: Path, to: ExportFormat, settings: ExportSettings | None = None
) -> dict[str, Any]:
    """Write `items` into `folder` in the format `to`; returns the content of `MARKER`.

    Raises:
        ConfigError: the format cannot write replies, or reasoning, as `settings` say.
        DataError: the folder holds something else, or no item fits.
    """
    settings = settings or ExportSettings()
    style = _style(to, settings)
    earlier = _require_free(folder, to)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder, DataError):
        for place in (folder, *(own for own in folder.rglob("*") if own.is_dir())):
            sweep(place)  # what a killed export was writing
        write_json(folder / STARTED, {"format": to.name, "files": earlier})
        (folder / MARKER).unlink(missing_ok=True)
        job = _Job(folder, to, settings, style)
        with part_of(folder / LEFT_OUT).open("wb") as job.apart:
            files = to.write(job.rows(items), folder)
        if job.left_out:
            settle(folder / LEFT_OUT)
        else:
            part_of(folder / LEFT_OUT).unlink()
            (folder / LEFT_OUT).unlink(missing_ok=True)  # of an earlier export
        if not job.written:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(job.left_out.items()))
            raise DataError(
                f"no item can be written as {to.name} ({reasons or 'there are none'})",
                where=str(folder),
                hint=f"{LEFT_OUT} has the items." if job.left_out else "",
            )
        about = {
            "format": to.name,
            "items": job.written,
            "files": dict(sorted(files.items())),
            "left_out": dict(sorted(job.left_out.items())),
            "without": dict(sorted(job.without.items())),
            "clips": len(job.keys),
            "settings": {
                "reply": style.reply,
                "reasoning": style.reasoning,
                "absolute": settings.absolute,
                "reference": settings.reference,
            },
            "open": to.reader,
        }
        for name in sorted({*earlier} - {*files}):
            (folder / name).unlink(missing_ok=True)  # of a split that has no items any more
        write_json(folder / MARKER, about)
        (folder / STARTED).unlink()
    return about


def _style(to: ExportFormat, settings: ExportSettings) -> Style:
    """How the format writes texts; raises ConfigError for what it would have to ignore."""
    reply = settings.reply or to.replies[0]
    if reply not in to.replies:
        able = [one.name for one in EXPORTS.members() if reply in one.replies]
        raise ConfigError(
            f"{to.name} writes the answer as {' or '.join(to.replies)}, not as {reply}",
            hint=f"These write it so: {listed(able)}.",
        )
    if settings.reasoning and not to.reasons:
        able = [one.name for one in EXPORTS.members() if one.reasons]
        raise ConfigError(
            f"{to.name} has no place for reasoning before the answer",
            hint=f"These have: {listed(able)}.",
        )
    return Style(reply, settings.reasoning)


class _Job:
    """One export: rows for the format, and counts."""

    def __init__(
        self, folder: Path, to: ExportFormat, settings: ExportSettings, style: Style
    ) -> None:
        self._to = to
        self._style = style
        self._audio = AudioFiles(
            folder, to.suffix, to.rate_hz, settings.absolute, settings.reference
        )
        self.apart: Any = None
        self.written = 0
        self.left_out: Counter[str] = Counter()
        self.without: Counter[str] = Counter()
        self.keys: set[str] = set()

    def rows(self, items: Iterable[Item]) -> Iterator[ExportRow]:
        """The items that fit, with their files."""
        for item in track(items, self._to.name):
            reason = self._unfit(item)
            try:
                files = () if reason else tuple(map(self._audio.file, item.clips))
            except AudioError as error:
                reason = f"its audio cannot be read [{error.reason}]"
            if reason:
                self.left_out[reason] += 1
                self.apart.write(f"{dumped({'reason': reason, **item.to_dict()})}\n".encode())
                continue
            self.without.update(self._to.loses(item, self._style))
            self.written += 1
            self.keys.update(file.key for file in files)
            yield ExportRow(item, files, self._style)

    def _unfit(self, item: Item) -> str:
        if not item.answer:
            hidden = " (its source withholds it)" if HIDDEN in item.tags else ""
            return f"it has no answer{hidden}"
        return self._to.unfit(item, self._style)


def _require_free(folder: Path, to: ExportFormat) -> list[str]:
    """The files of an earlier export in this format; none of a new folder or a killed export.

    Raises:
        DataError: the folder holds something else, or an export in another format.
    """
    known = [folder / name for name in (STARTED, MARKER) if (folder / name).is_file()]
    if not known:
        if folder.is_dir() and (other := sorted(os.listdir(folder))):
            raise DataError(
                f"the folder is not empty: {other[0]} is in it",
                where=str(folder),
                hint="Choose an empty folder.",
            )
        return []
    about = load_json(known[0])
    if about["format"] != to.name:
        raise DataError(
            f"the folder has an export as {about['format']}, and {to.name} is asked for",
            where=str(folder),
            hint="Choose an empty folder.",
        )
    return sorted(about.get("files", ()))
