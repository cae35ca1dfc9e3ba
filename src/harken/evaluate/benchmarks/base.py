"""What every benchmark has: a release, rules that score replies, and a form of submission.

A benchmark file subclasses `Benchmark`, fills in its facts, says how a row is read (`layout`), how
its official script scores (`official`) and in which form it reads an option (`submitted`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from harken.ask.parse import Parsed, is_refusal, parse
from harken.ask.score import score_text
from harken.evaluate.benchmarks import predictions as files
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.layout import ReleaseLayout
from harken.evaluate.benchmarks.loading import read_release
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import (
    ItemScore,
    Official,
    Release,
    key_of,
    options_of,
    row_of,
)
from harken.evaluate.benchmarks.writing import write_rows
from harken.item import Item
from harken.models.base import Prompt, PromptStyle


class Benchmark(ReleaseLayout):
    """One benchmark; see the package's docstring for the structure of a file."""

    rule: ClassVar[str]
    """The official rule in a sentence."""
    traps: ClassVar[tuple[str, ...]] = ()
    """Known faults of the official script, reproduced by `official`."""
    prediction: ClassVar[tuple[str, ...]] = ("prediction",)
    """Names of the prediction field, the one the official script reads first."""
    unit: ClassVar[str] = "share"
    """What the official number is measured in: ``"share"`` (0..1) or ``"points"``."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Suffixes of the prediction files that the official script opens; empty: no script."""
    keeps_absent: ClassVar[bool] = True
    """Whether a submission holds the rows without a reply, without the field: false where the
    script would stop at them or grade them."""
    share: ClassVar[bool] = True
    """Whether the official number is a share of items (and so has a Wilson interval)."""

    def __init_subclass__(cls) -> None:
        """A subclass is about what its title says, unless it says more."""
        super().__init_subclass__()
        if "about" not in vars(cls) and "title" in vars(cls):
            cls.about = cls.title

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
        tolerant: bool | None = None,
    ) -> Release:
        """Read and check a release.

        Args:
            source: its file or folder, ``hub:owner/name``, or ``hub`` for its own repository.
            audio_root: root folder of its audio; default: the file's folder.
            need_audio: look up every clip (a missing one is a fault) and record its SHA-256;
                otherwise clips keep their official names, which is enough to score replies.
            partial: a number of items that no known release has is a note, not an error.
            tolerant: a faulty row is a note, not an error: what is left is asked and scored. By
                default as `partial`.

        Raises:
            DataError: lists every fault of every row and of the release; where `tolerant`, rows
                are errors only if none is left, or clips are missing.
        """
        tolerant = partial if tolerant is None else tolerant
        return read_release(self, source, audio_root, need_audio, (partial, tolerant))

    # Scoring.

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The result of the benchmark's own script, faults included."""
        raise NotImplementedError

    def understand(self, item: Item, text: str) -> Parsed:
        """Which option a reply names, by harken's cascade; letters are in official order.

        A reply that is an option's text as written is that option, even where it is also a letter
        (a musical key, say). Options that repeat are one option.
        """
        bare = text.strip()
        for own in (str, str.casefold):  # options may differ by case alone
            same = [i for i, one in enumerate(item.choices) if own(one) == own(bare)]
            if len(same) == 1:
                return Parsed(same[0], "text")
        options = options_of(item)
        # An empty option keeps its letter; who chooses it has chosen none of the others.
        there = {one: place for place, one in enumerate(item.choices)}
        order = tuple(there.get(one, len(there)) for one in options)
        texts = tuple(one if one in there else _NO_TEXT for one in options)
        shown = Prompt((item.question,), item.question, texts, order)
        found = parse(text, shown)
        if found.choice is None and len(options) > len(item.choices):
            unlettered = Prompt((item.question,), item.question, item.choices,
                                tuple(range(len(item.choices))),
                                PromptStyle(letters=False))  # fmt: skip
            again = parse(text, unlettered)
            found = again if again.choice is not None else found
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
        """A submission: what the official script reads, in the form that it reads.

        Args:
            path: the suffix says how it is written; see `suffixes`.
            items: of the release, in its order.
            texts: key -> reply. Items without one: see `keeps_absent`.
        """
        rows = [
            self.submission_row(item, texts[key_of(item)])
            if key_of(item) in texts
            else dict(row_of(item))
            for item in items
            if key_of(item) in texts or self.keeps_absent
        ]
        write_rows(Path(path), rows)

    def submitted(self, item: Item, place: int) -> str:
        """The reply that the official rule reads as the option at `place` of ``item.choices``.

        The bare text; where the rule reads letters, the option's letter in the official order.
        """
        return item.choices[place]

    def submission_row(self, item: Item, reply: str) -> Row:
        """The row of one reply: the release's row with the official prediction field added."""
        return {**row_of(item), self.prediction[0]: reply}


_NO_TEXT = "\ue000"
"""Stands for an empty option where a reply is read: no reply contains it."""
