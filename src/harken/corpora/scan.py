"""Counts of a corpus: layout, clips, hours, labels, speakers, splits, rejects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.corpora.base import Corpus
from harken.corpora.read import read_corpus
from harken.corpora.splits import given_splits


@dataclass(frozen=True, slots=True)
class Scan:
    """The counts of `corpus`; each dictionary is name -> number of recordings or rejects."""

    corpus: Corpus
    hours: float
    labels: dict[str, int]
    speakers: dict[str, int]
    sexes: dict[str, int]
    splits: dict[str, int]
    folds: dict[str, int]
    licences: dict[str, int]
    kinds: dict[str, int]
    rates: dict[str, int]
    reasons: dict[str, int]

    @property
    def clips(self) -> int:
        """Number of usable recordings."""
        return len(self.corpus.recordings)

    def to_json(self) -> dict[str, Any]:
        """JSON-able values: all text is valid Unicode, all paths are relative to the root."""
        recordings = self.corpus.recordings
        return {
            "name": self.corpus.name,
            "layout": self.corpus.layout,
            "clips": self.clips,
            "hours": round(self.hours, 4),
            "labels": self.labels,
            "speakers": self.speakers,
            "sexes": self.sexes,
            "splits": self.splits,
            "folds": self.folds,
            "licences": self.licences,
            "kinds": self.kinds,
            "rates": self.rates,
            "recordings": len({r.id for r in recordings}),
            "transcripts": sum(r.transcript is not None for r in recordings),
            "captions": sum(bool(r.captions) for r in recordings),
            "rejected": len(self.corpus.rejects),
            "reasons": self.reasons,
            "rejects": [
                {"path": r.path, "reason": r.reason, "found": r.found} for r in self.corpus.rejects
            ],
            "notes": list(self.corpus.notes),
        }


def scan(root: Path, layout: str | None = None, limit: int | None = None) -> Scan:
    """Read the corpus at `root` and count its recordings.

    Raises:
        DataError: `root` is not a folder.
        ConfigError: no layout has that name.
    """
    return count(read_corpus(root, layout, limit))


def count(corpus: Corpus) -> Scan:
    """Count a corpus that has been read."""
    recordings = corpus.recordings
    return Scan(
        corpus=corpus,
        hours=sum(r.clip.duration_s or 0.0 for r in recordings) / 3600,
        labels=_counted(label for r in recordings for label in r.labels),
        speakers=_counted(r.speaker for r in recordings if r.speaker),
        sexes=_counted(r.sex for r in recordings if r.sex),
        splits=_counted(name or "not given" for name in given_splits(recordings)),
        folds=_counted(str(r.fold) for r in recordings if r.fold is not None),
        licences=_counted(r.licence or "not stated" for r in recordings),
        kinds=_counted(r.kind for r in recordings),
        rates=_counted(f"{r.rate_hz} Hz, {r.channels} ch" for r in recordings),
        reasons=_counted(reject.reason for reject in corpus.rejects),
    )


def _counted(names: Any) -> dict[str, int]:
    """Name -> count, sorted by name."""
    return dict(sorted(Counter(names).items()))
