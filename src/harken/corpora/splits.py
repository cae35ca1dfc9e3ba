"""Train, dev and test splits of a corpus that share no speaker and no source recording.

Recordings with a common source recording, identical bytes or samples, or a common speaker form a
group, and a group is in one split as a whole. The corpus's own splits are kept; where they would
divide a group, the group's split is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harken.corpora.base import Recording
from harken.errors import ConfigError


def splits_of(
    recordings: Sequence[Recording], seed: int, test_share: float = 0.2, dev_share: float = 0.0
) -> list[str]:
    """The split of each recording, in order; the same for any order of the recordings.

    Official folds count as given splits: the last fold is test, the others are train. Speakers
    group recordings only if there are at least two of them. Groups without a given split are drawn,
    the largest first, each to the split that lacks most of the group's rarest label (after
    Sechidis et al. 2011); labels too rare to reach every split are counted together.

    Raises:
        ConfigError: shares that are negative or leave nothing for training.
    """
    if min(test_share, dev_share) < 0 or test_share + dev_share >= 1:
        raise ConfigError(
            f"test_share {test_share:g} and dev_share {dev_share:g} leave nothing to train on",
            hint="Give shares of at least 0 that sum to less than 1.",
        )
    shares = {"train": 1 - test_share - dev_share, "test": test_share, "dev": dev_share}
    shares = {name: share for name, share in shares.items() if share > 0}
    groups = joined(recordings)
    given = given_splits(recordings)
    out = [""] * len(recordings)
    free: list[list[int]] = []
    for group in groups:
        names = {given[i] for i in group} - {""}
        if len(names) == 1:
            (name,) = names
            for i in group:
                out[i] = name
        else:
            free.append(group)
    for group, name in zip(free, _draw(recordings, free, shares, seed), strict=True):
        for i in group:
            out[i] = name
    return out


def given_splits(recordings: Sequence[Recording]) -> list[str]:
    """The split of each recording in the corpus: stated, or by its official fold."""
    folds = {r.fold for r in recordings if r.fold is not None}
    last = max(folds) if len(folds) > 1 else None
    return [
        r.split or ("" if last is None or r.fold is None else "test" if r.fold == last else "train")
        for r in recordings
    ]


def split_notes(recordings: Sequence[Recording]) -> list[str]:
    """What is to be known of the given splits: groups that they divide, and one sole group."""
    given = given_splits(recordings)
    groups = joined(recordings)
    torn = [group for group in groups if len({given[i] for i in group} - {""}) > 1]
    notes = []
    if torn:
        example = ", ".join(f"{recordings[i].id} ({given[i]})" for i in _ends(torn[0], given))
        notes.append(
            f"{sum(map(len, torn))} recordings in {len(torn)} groups (the same source recording, "
            f"bytes, samples or speaker) are given to two splits, such as {example}; synth and "
            "demo draw one split for each group as a whole"
        )
    if len(groups) == 1 and len(recordings) > 1:
        notes.append(
            "all recordings share a source recording or a speaker, directly or through others, as "
            f"the corpus names them ({_sources(recordings)}): they are in one split, and there is "
            "nothing to test on"
        )
    if len(recordings) > 1 and len({r.speaker for r in recordings if r.speaker}) == 1:
        notes.append("one speaker only is named: splits do not keep speakers apart")
    return notes


def _sources(recordings: Sequence[Recording]) -> str:
    """How many sources and speakers are named, with the first of each."""
    told = []
    for noun, names in (
        ("source", [r.id for r in recordings if r.id]),
        ("speaker", [r.speaker for r in recordings if r.speaker]),
    ):
        if names:
            count = len(set(names))
            told.append(f"{count} {noun}{'s' if count > 1 else ''}, such as {names[0]!r}")
    return "; ".join(told)


def _ends(group: Sequence[int], given: Sequence[str]) -> list[int]:
    """The first of a group, and the first that is given to another split."""
    named = [i for i in group if given[i]]
    return [named[0], next(i for i in named if given[i] != given[named[0]])]


def joined(recordings: Sequence[Recording]) -> list[list[int]]:
    """Groups of positions connected by source, bytes, samples or speaker, in canonical order."""
    parent = list(range(len(recordings)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    speakers = {r.speaker for r in recordings if r.speaker}
    first: dict[tuple[str, str], int] = {}
    for i, r in enumerate(recordings):
        keys = [("id", r.id), ("bytes", r.clip.sha256 or ""), ("sound", r.sound)]
        if len(speakers) > 1:
            keys.append(("speaker", r.speaker or ""))
        for key in keys:
            if key[1]:
                parent[root(i)] = root(first.setdefault(key, i))
    groups: dict[int, list[int]] = {}
    for i in range(len(recordings)):
        groups.setdefault(root(i), []).append(i)
    return sorted(groups.values(), key=lambda g: min(_name(recordings[i]) for i in g))


def _name(recording: Recording) -> tuple[str, str]:
    """Sort key of a recording that does not depend on its folder."""
    return recording.id, recording.clip.sha256 or recording.clip.path


def _draw(
    recordings: Sequence[Recording], groups: list[list[int]], shares: dict[str, float], seed: int
) -> list[str]:
    """A split for each group."""
    counts = [Counter(t for i in g for t in (recordings[i].labels or ("",))) for g in groups]
    spread = Counter(t for count in counts for t in count)  # groups in which a label occurs
    enough = 1 / min(shares.values())
    common = [Counter({t: n for t, n in c.items() if spread[t] >= enough}) for c in counts]
    totals = sum(common, Counter[str]())
    sizes = [len(group) for group in groups]
    lack = {
        name: {t: share * n for t, n in totals.items()} | {None: share * sum(sizes)}
        for name, share in shares.items()
    }
    order = np.random.default_rng([seed, len(groups)]).permutation(len(groups))
    out = [""] * len(groups)
    for g in sorted(order.tolist(), key=lambda g: -sizes[g]):
        rarest = min(common[g], key=lambda t: (totals[t], t), default=None)
        best = max(shares, key=lambda name: (lack[name][rarest], lack[name][None]))
        out[g] = best
        for t, n in common[g].items():
            lack[best][t] -= n
        lack[best][None] -= sizes[g]
    return out


def assign_splits(
    recordings: list[Recording] | tuple[Recording, ...],
    seed: int,
    test_share: float = 0.2,
    dev_share: float = 0.0,
) -> list[Recording]:
    """The recordings with a split each; see `splits_of`."""
    names = splits_of(recordings, seed, test_share, dev_share)
    return [replace(r, split=name) for r, name in zip(recordings, names, strict=True)]
