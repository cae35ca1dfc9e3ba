"""The layout of a benchmark's release: its facts, and how a row becomes an item.

A benchmark file says how a row is read (`question`, `options`, `answer`, `audio`);
`harken.evaluate.benchmarks.loading` sorts the rows, and `harken.evaluate.benchmarks.base` adds how
replies are scored.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from harken.audio.clip import Clip
from harken.evaluate.benchmarks.rows import Row, locate, read_rows
from harken.item import HIDDEN, Item


class ReleaseLayout:
    """What a benchmark is and how a row of its release is read; `base.Benchmark` adds the rules."""

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    """What it measures, in a sentence; the title where a benchmark says no more."""
    paper: ClassVar[str]
    hub: ClassVar[str] = ""
    files: ClassVar[tuple[str, ...]] = ()
    key: ClassVar[str] = "id"
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {}
    """Fields each row must have, and their types."""
    task: ClassVar[str] = ""
    """The field that becomes `Item.task`."""
    by: ClassVar[tuple[str, ...]] = ()
    """Fields by which scores are broken down."""
    sizes: ClassVar[Mapping[int, str]] = {}
    """Known numbers of items -> what that release is."""
    counts: ClassVar[Mapping[int, Mapping[str, Mapping[str, int]]]] = {}
    """Size -> field -> value -> how many items of that release have it."""
    versions: ClassVar[Mapping[str, str]] = {}
    """Fingerprint -> known version."""
    fewest: ClassVar[int] = 2
    """Fewest options of a row; 0 where questions may be open."""
    requires_audio: ClassVar[bool] = True
    """Whether every row must name a clip."""
    default: str = ""
    """Where the release is, if not given."""
    scores_odd_rows: ClassVar[bool] = False
    """Whether the official script scores rows whose gold is none of their options."""

    # How a row is read.

    def question(self, row: Row) -> str:
        """What is asked."""
        return str(row.get("question") or "")

    def options(self, row: Row) -> list[str]:
        """The bare option texts in official order; empty for open questions."""
        return [str(one) for one in row.get("choices") or ()]

    def answer(self, row: Row) -> str | None:
        """The gold as text; None where the release withholds it."""
        return None if row.get("answer") is None else str(row["answer"])

    def audio(self, row: Row) -> list[str]:
        """Names of the clips, relative to the release's audio folder."""
        return []

    def value(self, row: Row, field: str) -> str:
        """The breakdown value of `field`, normalised for grouping."""
        return str(row.get(field, ""))

    def faults(self, row: Row) -> list[str]:
        """What is wrong with a row beyond the common checks: it cannot be scored."""
        return []

    def remarks(self, row: Row) -> list[str]:
        """What is wrong with a row that can be asked and scored all the same."""
        return []

    def rows(self, source: Path | str) -> list[Row]:
        """The raw rows of a release."""
        if str(source) == "hub" and self.hub:
            source = f"hub:{self.hub}"
        return [row for path in locate(source, self.files) for row in read_rows(path)]

    def keyed(self, row: Row, number: int) -> Row:
        """The row with a key, where releases or prediction files have none; `number` from 0."""
        return row

    def clips_of(self, row: Row, root: Path | None) -> tuple[tuple[Clip, ...], list[str]]:
        """The row's clips with their SHA-256, and those that are missing or outside `root`.

        With `root` None, clips keep the release's names and are not looked up.
        """
        names = self.audio(row)
        if root is None:
            return tuple(Clip(path=os.path.normpath(name)) for name in names), []
        from harken.audio.probe import file_sha256

        clips, lost = [], []
        # By path, not by link target: in the hub's cache every file links to another folder.
        base = os.path.abspath(root)
        for name in names:
            path = os.path.normpath(os.path.join(base, name))
            if os.path.commonpath([base, path]) != base:
                lost.append(f"audio {name!r} is outside {root}")
            elif not os.path.isfile(path):
                lost.append(f"missing audio {name!r}")
            else:
                clips.append(Clip(path=path, sha256=file_sha256(path)))
        if not names and self.requires_audio:
            lost.append("names no audio")
        return tuple(clips), lost

    def size_faults(self, rows: Sequence[Row]) -> tuple[list[str], list[str]]:
        """How the numbers of rows differ from those of known releases: faults, and notes."""
        size = len(rows)
        if self.sizes and size not in self.sizes:
            known = ", ".join(f"{n} ({what})" for n, what in self.sizes.items())
            return [f"{size} items; known releases hold {known}"], []
        faults = []
        for name, expected in self.counts.get(size, {}).items():
            found = Counter(self.value(row, name) for row in rows)
            faults += [
                f"{name} {value!r}: {found[value]} items, the release has {expected.get(value, 0)}"
                for value in sorted({*found, *expected})
                if found[value] != expected.get(value, 0)
            ]
        return faults, []

    def item(self, row: Row, clips: tuple[Clip, ...]) -> Item:
        """One row as an Item; the raw row is in ``plan["row"]``, all its options in ``plan``."""
        options, answer = self.options(row), self.answer(row)
        shown = [one for one in options if one.strip()]
        unique = tuple(dict.fromkeys(shown))
        tags = [self.name]
        if len(unique) < len(shown):
            tags.append("repeated-choices")
        if len(shown) < len(options):
            tags.append("empty-choice")
        if answer is None:
            tags.append(HIDDEN)
        return Item(
            question=self.question(row),
            answer=answer or "",
            choices=unique,
            clips=clips,
            task=self.value(row, self.task) if self.task else self.name,
            tags=tuple(tags),
            recordings=tuple(dict.fromkeys(os.path.normpath(one) for one in self.audio(row))),
            split="test",
            plan={"benchmark": self.name, "key": str(row[self.key]), "options": options,
                  "row": row},
        )  # fmt: skip
