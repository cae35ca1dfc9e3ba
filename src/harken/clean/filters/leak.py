"""leak: items that repeat one of a benchmark, by audio, source or text (`harken.leaks`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harken.clean.base import HygieneFilter, Judgement, names_of, need
from harken.clean.workspace import Workspace
from harken.errors import ConfigError, DataError
from harken.files import sha256_of
from harken.hashing import canonical, digest
from harken.item import Item
from harken.leaks.evidence import MAX_UNHEARD, SOUND, UNCHECKED
from harken.leaks.find import HINTS, KINDS, Match, contamination
from harken.leaks.read import ItemSource, entry_of, read_entries
from harken.progress import tell
from harken.shards.info import MARKER


@dataclass(frozen=True, slots=True)
class LeakSettings:
    """What items are compared with.

    Attributes:
        against: the benchmark: a dataset, .jsonl, .csv or .tsv (`harken.leaks.read`).
        audio: root folder of its audio; empty: beside the file.
        check: kinds of match, separated by bars; empty: all (`harken.leaks.find.KINDS`).
        hints: also drop for matches that may be chance (``name``, ``near``).
        max_unheard: largest share of a side's items with clips that may go unheard.
    """

    against: str = ""
    audio: str = ""
    check: str = ""
    hints: bool = False
    max_unheard: float = MAX_UNHEARD

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be compared."""
        need(self.against, "leak", "against", "bench.jsonl")
        if not Path(self.against).exists():
            raise DataError(
                "there is no such benchmark", where=self.against, hint="Check the path."
            )
        unknown = [name for name in names_of(self.check) if name not in KINDS]
        if unknown:
            raise ConfigError(
                f"no such check: {', '.join(unknown)}", hint=f"Known: {', '.join(KINDS)}"
            )


def judge(items: Sequence[Item], settings: LeakSettings, workspace: Workspace) -> Judgement:
    """Drop items that repeat one of the benchmark; tell whether enough was compared for a pass."""
    checks = names_of(settings.check) or None
    source = ItemSource(settings.against)
    root = Path(settings.audio) if settings.audio else None
    bench = list(read_entries(Path(settings.against), source, root))
    entries = [replace(entry_of(item), id=str(place)) for place, item in enumerate(items)]
    if set(SOUND) & set(KINDS if checks is None else checks):
        workspace.take(clip for entry in (*bench, *entries) for clip in entry.clips)
    best: dict[str, Match] = {}

    def each(match: Match) -> None:
        if match.kind in HINTS and not settings.hints:
            return
        held = best.get(match.train)
        if held is None or _surer(match) < _surer(held):
            best[match.train] = match

    told = contamination(
        entries, bench, checks=checks, each=each,
        max_unheard=settings.max_unheard, features=workspace.sound,
    )  # fmt: skip
    found = Judgement()
    for place, match in best.items():
        note = f"{match.bench} of {source.name}, strength {match.strength:.2f}, {match.found}"
        found.drop(int(place), items[int(place)], f"a leak of the benchmark by {match.kind}", note)
    found.told = {
        "bench": {"source": source.name, "items": len(bench), "faulty": source.faulty},
        **{key: told[key] for key in ("verdict", "lacks", "compared", "generic", "kinds")},
        "leaked": len(told["leaked"]),
    }
    if told["verdict"] == UNCHECKED:
        tell(f"leak: too little was compared with {source.name}: {'; '.join(told['lacks'])}")
    return found


def _surer(match: Match) -> tuple[int, float, str]:
    return KINDS.index(match.kind), -match.strength, match.bench


def inputs(settings: LeakSettings) -> Mapping[str, str]:
    """The hash of the benchmark: of its file, or of a dataset's `dataset.json`."""
    place = Path(settings.against)
    files = [place] if place.is_file() else [place / MARKER]
    known = [sha256_of(path) for path in files if path.is_file()]
    return {"against": digest(canonical(known))}


FILTER = HygieneFilter(
    "leak",
    "drops items that repeat one of a benchmark, by audio, source or text (leak?against=FILE)",
    judge,
    LeakSettings,
    inputs,
)
