"""What every benchmark has: a Release of Items, read and checked, and rules that score replies.

A benchmark file subclasses `Benchmark`, fills in its facts, says how a row is read (`question`,
`options`, `answer`, `audio`) and how its official script scores (`official`). All else is here:
loading, validation with every fault at once, the content fingerprint, prediction files.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from harken.ask.parse import Parsed, is_refusal, parse
from harken.ask.score import score_text
from harken.audio.clip import Clip
from harken.errors import DataError
from harken.evaluate.benchmarks import predictions as files
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row, faulty, locate, read_rows, write_rows
from harken.evaluate.benchmarks.types import (
    ItemScore,
    Official,
    Release,
    key_of,
    options_of,
    row_of,
)
from harken.hashing import canonical, digest
from harken.item import HIDDEN, Item
from harken.models.base import Prompt, PromptStyle

_AUDIO_HINT = (
    "Name the root folder of its audio with --audio; links that lead out of it are not followed."
)


class Benchmark:
    """One benchmark; see the package's docstring for the structure of a file."""

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    """What it measures, in a sentence; the title where a benchmark says no more."""
    paper: ClassVar[str]
    rule: ClassVar[str]
    """The official rule in a sentence."""
    traps: ClassVar[tuple[str, ...]] = ()
    """Known faults of the official script, reproduced by `official`."""
    hub: ClassVar[str] = ""
    files: ClassVar[tuple[str, ...]] = ()
    key: ClassVar[str] = "id"
    prediction: ClassVar[tuple[str, ...]] = ("prediction",)
    """Names of the prediction field, the one the official script reads first."""
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
    unit: ClassVar[str] = "share"
    """What the official number is measured in: ``"share"`` (0..1) or ``"points"``."""
    share: ClassVar[bool] = True
    """Whether the official number is a share of items (and so has a Wilson interval)."""

    def __init_subclass__(cls) -> None:
        """A subclass is about what its title says, unless it says more."""
        super().__init_subclass__()
        if "about" not in vars(cls) and "title" in vars(cls):
            cls.about = cls.title

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
        """What is wrong with a row beyond the common checks."""
        return []

    def rows(self, source: Path | str) -> list[Row]:
        """The raw rows of a release."""
        if str(source) == "hub" and self.hub:
            source = f"hub:{self.hub}"
        return [row for path in locate(source, self.files) for row in read_rows(path)]

    def keyed(self, row: Row, number: int) -> Row:
        """The row with a key, where releases or prediction files have none; `number` from 0."""
        return row

    # Loading.

    def load(
        self,
        source: Path | str,
        *,
        audio_root: Path | None = None,
        need_audio: bool = False,
        partial: bool = False,
    ) -> list[Item]:
        """The items of a release; see `release`."""
        return list(self.release(source, audio_root, need_audio, partial).items)

    def release(
        self,
        source: Path | str,
        audio_root: Path | None = None,
        need_audio: bool = False,
        partial: bool = False,
    ) -> Release:
        """Read and check a release.

        Args:
            source: its file or folder, ``hub:owner/name``, or ``hub`` for its own repository.
            audio_root: root folder of its audio; default: the file's folder.
            need_audio: look up every clip (a missing one is a fault) and record its SHA-256;
                otherwise clips keep their official names, which is enough to score replies.
            partial: a number of items that no known release has is a note, not a fault.

        Raises:
            DataError: lists every fault of every row and of the release.
        """
        rows = [self.keyed(row, number) for number, row in enumerate(self.rows(source))]
        here = Path(str(source))
        root = audio_root or (here if here.is_dir() else here.parent)
        items, faults = self._items(rows, root if need_audio else None)
        short, notes = self._sizes(rows)
        if not partial:
            faults += short
        print_ = fingerprint(self, rows)
        version = self.versions.get(print_, "")
        if faults:
            about = f"content fingerprint {print_}" + ("" if version else ", no known version")
            hint = _AUDIO_HINT if all(": missing audio" in one or " is outside " in one
                                      for one in faults) else ""  # fmt: skip
            raise faulty([*faults, *([] if not partial else short)], f"{source}; {about}", hint)
        if partial:
            notes = short + notes
        if self.versions and not version:
            notes.append(f"unknown version: content fingerprint {print_}")
        repeats = sum("repeated-choices" in item.tags for item in items)
        if repeats:
            notes.append(
                f"{repeats} items have repeated options: kept, each text shown once; "
                "the official rule uses them all"
            )
        return Release(self.name, tuple(items), print_, version, tuple(notes))

    def _items(self, rows: Sequence[Row], root: Path | None) -> tuple[list[Item], list[str]]:
        items: list[Item] = []
        faults: list[str] = []
        first: dict[str, int] = {}
        for number, row in enumerate(rows, 1):
            found = self._row_faults(row)
            name = str(row.get(self.key))
            if row.get(self.key) is not None and name in first:
                found.append(f"duplicate {self.key}: also row {first[name]}")
            first.setdefault(name, number)
            clips, lost = self._clips(row, root) if not found else ((), [])
            found += lost
            if not found:
                try:
                    items.append(self.item(row, clips))
                except DataError as error:
                    found.append(error.found)
            faults += [f"row {number} ({name}): {one}" for one in found]
        if not rows:
            faults.append("the file holds no rows")
        return items, faults

    def _row_faults(self, row: Row) -> list[str]:
        found = []
        for name, types in {self.key: (str, int), **self.required}.items():
            if name not in row or (row[name] is None and type(None) not in types):
                found.append(f"no {name!r}")
            elif not isinstance(row[name], types):
                found.append(f"{name!r} is a {type(row[name]).__name__}")
        if found:
            return found
        options, answer = self.options(row), self.answer(row)
        if not self.question(row).strip():
            found.append("empty question")
        if options and not all(one.strip() for one in options):
            found.append("an empty option")
        if len(options) < self.fewest:
            found.append(f"{len(options)} options")
        if options and answer is not None and answer not in options:
            found.append(f"the gold {answer!r} is not among the choices {options!r}")
        return found + self.faults(row)

    def _clips(self, row: Row, root: Path | None) -> tuple[tuple[Clip, ...], list[str]]:
        names = self.audio(row)
        if root is None:
            return tuple(Clip(path=os.path.normpath(name)) for name in names), []
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
                clips.append(Clip(path=path, sha256=files_hash(path)))
        if not names and self.requires_audio:
            lost.append("names no audio")
        return tuple(clips), lost

    def _sizes(self, rows: Sequence[Row]) -> tuple[list[str], list[str]]:
        """Faults of the counts, and notes."""
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
        """One row as an Item; the raw row is in ``plan["row"]``."""
        options, answer = self.options(row), self.answer(row)
        unique = tuple(dict.fromkeys(options))
        tags = [self.name]
        if len(unique) < len(options):
            tags.append("repeated-choices")
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
            plan={
                "benchmark": self.name,
                "key": str(row[self.key]),
                "options": options,
                "row": row,
            },
        )

    # Scoring.

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The result of the benchmark's own script, faults included."""
        raise NotImplementedError

    def understand(self, item: Item, text: str) -> Parsed:
        """Which option a reply names, by harken's cascade; letters are in official order.

        A reply that is an option's text as written is that option, even where it is also a letter
        (a musical key, say). Options that repeat are one option. A reply that merely mentions one
        and also contains another with inner commas or stops, where a mention ends, names several.
        """
        plain = text.strip().casefold()
        same = [i for i, one in enumerate(item.choices) if one.casefold() == plain]
        if len(same) == 1:
            return Parsed(same[0], "text")
        options = options_of(item)
        order = tuple(item.choices.index(one) for one in options)
        shown = Prompt((item.question,), item.question, tuple(options), order)
        found = parse(text, shown)
        if found.choice is None and len(options) > len(item.choices):
            bare = Prompt((item.question,), item.question, item.choices,
                          tuple(range(len(item.choices))), PromptStyle(letters=False))  # fmt: skip
            again = parse(text, bare)
            found = again if again.choice is not None else found
        if found.rule == "text-mention" and found.choice is not None:
            others = [one for i, one in enumerate(item.choices) if i != found.choice]
            if any(re.search(r"[,;.:!?]\s*\S", one) and _holds(text, one) for one in others):
                return Parsed(None, "several-options")
        return found

    def judged(self, item: Item) -> bool:
        """Whether only a judge can score the item: strict then uses the score in `official`."""
        return False

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """The strict score of a reply that is there: its option by the cascade, or its text."""
        text = predictions.text(key_of(item))
        if not item.choices:
            found = score_text(item, text)
            unread = found.outcome in ("abstained", "unparsable")
            return ItemScore(found.value or 0.0, found.outcome if unread else "parsed", found.rule)
        parsed = self.understand(item, text)
        if parsed.choice is None:
            declined = parsed.abstained or is_refusal(text)
            return ItemScore(0.0, "abstained" if declined else "unparsable", parsed.rule)
        return ItemScore(float(parsed.choice == item.gold), "parsed", parsed.rule)

    # Prediction files.

    def read_predictions(self, path: Path | str) -> Predictions:
        """Replies from a file in the benchmark's own format (or a plain id -> text object)."""
        return files.read_predictions(Path(path), self.key, self.prediction, self.keyed)

    def write_predictions(
        self, path: Path | str, items: Sequence[Item], texts: Mapping[str, str]
    ) -> None:
        """The release's rows with the official prediction field added; no field without a reply."""
        rows = []
        for item in items:
            row = dict(row_of(item))
            if key_of(item) in texts:
                row[self.prediction[0]] = texts[key_of(item)]
            rows.append(row)
        write_rows(Path(path), rows)


def _holds(text: str, option: str) -> bool:
    """Whether the option's words are in the text, one after the other."""
    whole, own = (" ".join(re.findall(r"[^\W_]+", one.casefold())) for one in (text, option))
    return bool(own) and f" {own} " in f" {whole} "


def files_hash(path: str) -> str:
    """SHA-256 of a recording."""
    from harken.audio.probe import file_sha256

    return file_sha256(path)


def fingerprint(benchmark: Benchmark, rows: Sequence[Row]) -> str:
    """16 hex digits of the content: keys, questions, options, answers, audio base names."""
    content = [
        [
            str(row.get(benchmark.key)),
            benchmark.question(row),
            benchmark.options(row),
            benchmark.answer(row),
            [os.path.basename(name) for name in benchmark.audio(row)],
        ]
        for row in rows
        if not [name for name in benchmark.required if name not in row]
    ]
    return digest(canonical(sorted(content, key=canonical)))
