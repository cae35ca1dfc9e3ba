"""Drawing items, drawing them again from their plans, and making datasets of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from harken.corpora.base import Corpus, Recording
from harken.corpora.splits import assign_splits
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.progress import track
from harken.registry import Registry
from harken.shards.write import Unit, build_dataset
from harken.synth.pool import RecordingPool, fingerprint
from harken.synth.question import (
    UNIT_ITEMS,
    VERSION,
    DrawKey,
    QuestionFamily,
    build_item,
    look_up,
    plan_item,
)

ATTEMPTS = 100
"""Tries at one item before a family counts as used up."""

FAMILIES: Registry[QuestionFamily] = Registry(
    "question family",
    {
        "identify": "harken.synth.families.identify:FAMILY",
        "presence": "harken.synth.families.presence:FAMILY",
        "word": "harken.synth.families.word:FAMILY",
        "same-sound": "harken.synth.families.same_sound:FAMILY",
        "same-word": "harken.synth.families.same_word:FAMILY",
        "same-speaker": "harken.synth.families.same_speaker:FAMILY",
        "which-clip": "harken.synth.families.which_clip:FAMILY",
        "caption": "harken.synth.families.caption:FAMILY",
        "first": "harken.synth.families.first:FAMILY",
        "count": "harken.synth.families.count:FAMILY",
        "order": "harken.synth.families.order:FAMILY",
        "leaky": "harken.synth.families.leaky:FAMILY",
        "talk": "harken.synth.families.talk:FAMILY",
    },
    group="families",
    shape="harken.synth.question:QuestionFamily",
)


def draw(
    recordings: Iterable[Recording] | RecordingPool, split: str, family: str, n: int, seed: int
) -> Iterator[Item]:
    """Up to `n` different items of one family: a pure function of its arguments.

    Fewer come where the recordings do not give more; the first m of n items are the m items of a
    smaller draw. The order of `recordings` and the folder they lie in play no part.

    Raises:
        ConfigError: no family has that name.
        DataError: the split cannot make this family; the message says what is lacking.
    """
    kind = FAMILIES.get(family)
    pool = recordings if isinstance(recordings, RecordingPool) else RecordingPool(recordings, split)
    reason = kind.lacks(pool)
    if reason:
        raise DataError(f"split {split!r} cannot make {family!r}: {reason}")
    for item, _ in _drawn(kind, pool, n, seed):
        yield item


def redraw(plan: Mapping[str, Any], recordings: Iterable[Recording] | RecordingPool) -> Item:
    """The item that `plan` (an `Item.plan`) stands for, from the recordings it picked.

    Nothing is drawn: other recordings of the corpus may have come or gone since.

    Raises:
        ConfigError: the plan's family is not known.
        DataError: a recording is missing, or the plan is of another version.
    """
    if plan.get("version") != VERSION:
        raise DataError(
            f"a plan of version {plan.get('version')!r} cannot be drawn by version {VERSION}",
            where=f"plan of a {plan.get('family')} item",
            hint="Make the dataset again with this harken.",
        )
    family = FAMILIES.get(plan["family"])
    pool = (
        recordings
        if isinstance(recordings, RecordingPool)
        else RecordingPool(recordings, plan["split"])
    )
    return build_item(family, dict(plan), look_up(plan, pool.by_ref))


def make_dataset(
    corpus: Corpus | Sequence[Recording],
    folder: Path,
    *,
    families: Sequence[str] | None = None,
    per_family: int | Mapping[str, int] = 500,
    seed: int = 0,
    splits: Sequence[str] | None = None,
    embed: bool = False,
    name: str = "",
) -> dict[str, Any]:
    """Make a dataset of all `families` from a corpus, in units of at most 256 items.

    A killed run goes on where it stopped and ends with the same bytes.

    Args:
        corpus: what `read_corpus` or `assign_splits` gave; recordings without a split get one.
        folder: where the dataset is written.
        families: names in `FAMILIES`; None: all of them.
        per_family: items per family in each split; or by split, 0 for splits not named.
        seed: of everything drawn.
        splits: only these; None: all there are.
        embed: copy (and render) the audio into the shards.
        name: of the dataset; empty: the corpus's.

    Returns:
        ``dataset`` (name), ``items``, ``counts`` (by "family/split"), ``skipped`` (reason, for what
        could not be made at all), ``short`` (reason, where fewer items exist than were asked for).

    Raises:
        ConfigError: an unknown family or split.
        DataError: nothing at all can be made.
    """
    recordings = _with_splits(corpus, seed)
    wanted = tuple(dict.fromkeys(FAMILIES if families is None else families))
    kinds = [FAMILIES.get(one) for one in wanted]
    pools = [RecordingPool(recordings, split) for split in _splits(recordings, splits)]
    units, told = _drawings(kinds, pools, per_family, seed)
    if not units:
        raise DataError(
            "the corpus can make none of the questions: "
            + "; ".join(f"{key}: {why}" for key, why in list(told["skipped"].items())[:5]),
            hint="Ask for other families, or give a corpus with labels, words or speakers.",
        )
    name = name or (corpus.name if isinstance(corpus, Corpus) else "synth")
    plan = {
        "maker": "harken.synth",
        "version": VERSION,
        "families": list(wanted),
        "per_family": per_family if isinstance(per_family, int) else dict(per_family),
        "seed": seed,
        "splits": [pool.split for pool in pools],
        "corpus": fingerprint(recordings),
        **told,
    }
    info = build_dataset(
        folder, units, name=name, plan=plan, embed=embed, root=_root(corpus, recordings)
    )
    return {"dataset": info.name, "items": info.items, **told}


def _drawings(
    kinds: Sequence[QuestionFamily],
    pools: Sequence[RecordingPool],
    per_family: int | Mapping[str, int],
    seed: int,
) -> tuple[list[Unit], dict[str, dict[str, Any]]]:
    """The units of all families and splits, and counts, skipped and short by "family/split"."""
    jobs = [(kind, pool) for kind in kinds for pool in pools]
    units: list[Unit] = []
    told: dict[str, dict[str, Any]] = {"counts": {}, "skipped": {}, "short": {}}
    for kind, pool in track(jobs, "drawing questions"):
        key = f"{kind.name}/{pool.split}"
        asked = per_family if isinstance(per_family, int) else per_family.get(pool.split, 0)
        reason = kind.lacks(pool)
        attempts = b"" if reason else bytes(n for _, n in _drawn(kind, pool, asked, seed))
        if asked and not attempts:
            reason = reason or "no recordings fit together for one item"
        if reason:
            told["skipped"][key] = f"split {pool.split!r}: {reason}"
            continue
        told["counts"][key] = len(attempts)
        if len(attempts) < asked:
            found = f"{len(attempts)} different items could be drawn, {asked} were asked for"
            told["short"][key] = found
        units += _units(kind, pool, seed, attempts)
    return units, told


class _Drawn(NamedTuple):
    item: Item
    attempt: int


def _drawn(family: QuestionFamily, pool: RecordingPool, n: int, seed: int) -> Iterator[_Drawn]:
    """Items in order, each with the attempt that gave it; ends where no new item is found.

    Ending, rather than leaving gaps, keeps the balance of what there is.
    """
    seen: set[str] = set()
    for index in range(n):
        for attempt in range(ATTEMPTS):
            drawn = plan_item(family, pool, DrawKey(seed, pool.split, index, attempt))
            if drawn is None:
                continue
            plan, picks = drawn
            item = build_item(family, plan, picks.recordings)
            if item.id not in seen:
                seen.add(item.id)
                yield _Drawn(item, attempt)
                break
        else:
            return


def _units(family: QuestionFamily, pool: RecordingPool, seed: int, attempts: bytes) -> list[Unit]:
    return [
        Unit(
            f"{family.name}/{pool.split}/{start // UNIT_ITEMS}",
            partial(_unit, family, pool, seed, start, attempts[start : start + UNIT_ITEMS]),
        )
        for start in range(0, len(attempts), UNIT_ITEMS)
    ]


def _unit(
    family: QuestionFamily, pool: RecordingPool, seed: int, start: int, attempts: bytes
) -> Iterator[Item]:
    """The items of one unit. With the attempts known, no item depends on those before it."""
    for offset, attempt in enumerate(attempts):
        drawn = plan_item(family, pool, DrawKey(seed, pool.split, start + offset, attempt))
        if drawn is None:
            raise DataError(f"{family.name} item {start + offset} was drawn before and is not now")
        plan, picks = drawn
        yield build_item(family, plan, picks.recordings)


def _with_splits(corpus: Corpus | Sequence[Recording], seed: int) -> tuple[Recording, ...]:
    recordings = corpus.recordings if isinstance(corpus, Corpus) else tuple(corpus)
    if all(recording.split for recording in recordings):
        return recordings
    return tuple(assign_splits(recordings, seed))


def _splits(recordings: Sequence[Recording], wanted: Sequence[str] | None) -> list[str]:
    there = sorted({recording.split for recording in recordings})
    unknown = sorted(set(wanted or ()) - set(there))
    if unknown:
        raise ConfigError(f"no recording is in split {unknown[0]!r}", hint=f"Known: {there}")
    return [split for split in there if wanted is None or split in wanted]


def _root(corpus: Corpus | Sequence[Recording], recordings: Sequence[Recording]) -> Path | None:
    """The folder that paths are stored relative to."""
    if isinstance(corpus, Corpus):
        return corpus.root
    paths = [os.path.dirname(r.clip.path) for r in recordings if r.clip.path]
    return Path(os.path.commonpath(paths)) if paths else None
