"""Records as columns: one pass over the records, after which every number is array arithmetic.

Cells are (key, condition), a key being one question as it was asked: item, rotation of the options,
rotation of the clips. Conditions are paired by key, so a paired difference is a difference of
columns; an item counts once, so a mean is taken over keys, then over items. Items
and keys are sorted by name: no number depends on the order of the records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.item import HIDDEN
from harken.stats.bootstrap import numbered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Record = Mapping[str, Any]

OUTCOMES = ("correct", "wrong", "abstained", "unparsable", "failed", "hidden")
"""Outcome -> its number in `Table.outcome`; -1 is "not asked"."""


def is_scored(record: Record) -> bool:
    """Whether a record is right or wrong: it was answered, and the true answer is not withheld."""
    return record["outcome"] not in ("failed", "hidden") and HIDDEN not in record.get("tags", ())


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The records of one evaluation, K keys of N items under C conditions.

    Attributes:
        items: item ids, sorted, (N,).
        tasks: task of each item.
        groups: recording that each item is clustered by.
        member: the number of that recording, (N,), for `harken.stats.bootstrap.Resampling`.
        n_clips: each item's own number of clips, (N,).
        options: each item's choices in its own order; () for open questions.
        conditions: names, in the order in which they were first asked.
        key_item: the item of each key, (K,).
        rotation, clip_rotation, again: the rest of each key, (K,). `again` numbers repetitions of
            one question in the same rotation.
        gold: position of the right option in `options`, (N,); -1 for open questions.
        gold_shown: position at which the right option was shown, (K,); -1 for open questions.
        gold_clip: number of the right clip, as shown, where the options are clips, (K,); -1.
        outcome: (K, C) as in `OUTCOMES`.
        right: (K, C) 1 correct, 0 any other answer, NaN unscored (failed, withheld, not asked).
        pick: (K, C) the option chosen, as its position in `options`; -1 if none was.
        shown: (K, C) the same as the position at which it was shown.
        shown_clip: (K, C) the number of the clip chosen, as shown, where the options are clips; -1.
        chances: (K, C, most options) probabilities in the order of `options`, NaN where absent.
    """

    items: list[str]
    tasks: list[str]
    groups: list[str]
    member: Ints
    n_clips: Ints
    options: list[tuple[str, ...]]
    conditions: list[str]
    key_item: Ints
    rotation: Ints
    clip_rotation: Ints
    again: Ints
    gold: Ints
    gold_shown: Ints
    gold_clip: Ints
    outcome: Ints
    right: Floats
    pick: Ints
    shown: Ints
    shown_clip: Ints
    chances: Floats

    def column(self, condition: str) -> int:
        """The column of a condition; -1 if it was not asked."""
        return self.conditions.index(condition) if condition in self.conditions else -1

    @property
    def bits(self) -> Floats:
        """(K, C): log2 p(gold), NaN without probabilities."""
        gold = self.gold[self.key_item]
        if not self.chances.shape[2]:
            return np.full(self.outcome.shape, np.nan)
        own = np.take_along_axis(self.chances, np.maximum(gold, 0)[:, None, None], axis=2)[:, :, 0]
        return np.where(gold[:, None] >= 0, np.log2(own), np.nan)

    def by_item(self, values: Floats) -> Floats:
        """(K, …) -> (N, …): the mean over each item's keys, NaN left out; NaN without any."""
        return means(values, self.key_item, len(self.items))


def means(values: Floats, group: Ints, count: int) -> Floats:
    """(rows, …) -> (count, …): mean of the rows of each group, NaN left out; NaN without any."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    out = np.empty((count, flat.shape[1]))
    for at in range(flat.shape[1]):
        known = np.flatnonzero(~np.isnan(flat[:, at]))
        sizes = np.bincount(group[known], minlength=count)
        sums = np.bincount(group[known], weights=flat[known, at], minlength=count)
        with np.errstate(invalid="ignore"):
            out[:, at] = sums / sizes
    return out.reshape(count, *values.shape[1:])


def table(
    records: Sequence[Record], names: Sequence[str] | None = None, correct_only: bool = False
) -> Table:
    """Read the columns of `records`.

    Args:
        records: records as in ``records.jsonl``. Older ones lack ``clip_rotation`` (0: as is) and
            ``heard`` (the most clips that any of the item's prompts held).
        names: another name for the condition of each record: how two runs are compared in one
            table.
        correct_only: leave out picks and probabilities (it takes half of the time); their columns
            are then empty.
    """
    called = [r["condition"] for r in records] if names is None else list(names)
    conditions = list(dict.fromkeys(called))
    column = {name: i for i, name in enumerate(conditions)}
    ids = sorted({r["item"] for r in records})
    place = {name: i for i, name in enumerate(ids)}
    item = _ints([place[r["item"]] for r in records])
    condition = _ints([column[name] for name in called])
    turns = _ints([r["rotation"] for r in records])
    clip_turns = _ints([r.get("clip_rotation", 0) for r in records])
    order = np.lexsort((condition, turns, clip_turns, item))
    again = np.zeros(len(records), dtype=np.int64)
    same = np.ones(max(len(records) - 1, 0), dtype=bool)
    for column_ in (item, clip_turns, turns, condition):
        same &= np.diff(column_[order]) == 0
    for at in np.flatnonzero(same) + 1:  # rare: the same question asked twice in the same rotation
        again[order[at]] = again[order[at - 1]] + 1
    keys, key = _unique(np.stack([item, turns, clip_turns, again], axis=1))
    first = _first_records(records, item, order, len(ids))
    rows = _Rows(records, key, condition, item, (len(keys), len(conditions)))
    options = [_options(r) for r in first]
    answers = _answers(rows, [] if correct_only else options)
    return Table(
        items=ids,
        tasks=[str(r["task"]) for r in first],
        groups=[str(r["group"]) for r in first],
        member=_members(first),
        n_clips=_n_clips(records, item, len(ids)),
        options=options,
        conditions=conditions,
        key_item=keys[:, 0],
        rotation=keys[:, 1],
        clip_rotation=keys[:, 2],
        again=keys[:, 3],
        gold=_ints([_gold(r) for r in first]),
        gold_shown=rows.per_key([r["gold_shown"] for r in records]),
        outcome=rows.grid([OUTCOMES.index(r["outcome"]) for r in records]),
        right=_right(rows),
        chances=_chances(rows, 0 if correct_only else max(map(len, options), default=0)),
        **answers,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The records, and the cell of each."""

    records: Sequence[Record]
    key: Ints
    condition: Ints
    item: Ints
    shape: tuple[int, int]

    def grid(self, values: Sequence[int]) -> Ints:
        """(K, C) from one value per record; -1 where nothing was asked."""
        out = np.full(self.shape, -1, dtype=np.int64)
        out[self.key, self.condition] = values
        return out

    def per_key(self, values: Sequence[int]) -> Ints:
        """(K,) from values that are the same under every condition."""
        out = np.full(self.shape[0], -1, dtype=np.int64)
        out[self.key] = values
        return out


def _right(rows: _Rows) -> Floats:
    out = np.full(rows.shape, np.nan)
    out[rows.key, rows.condition] = [
        float(r["outcome"] == "correct") if is_scored(r) else np.nan for r in rows.records
    ]
    return out


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _unique(rows: Ints) -> tuple[Ints, Ints]:
    """Sorted distinct rows of small numbers, and the position of each row among them."""
    radix = rows.max(axis=0, initial=0) + 1
    code = np.zeros(len(rows), dtype=np.int64)
    for at in range(rows.shape[1]):
        code = code * radix[at] + rows[:, at]
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return rows[first], place


def _first_records(records: Sequence[Record], item: Ints, order: Ints, count: int) -> list[Record]:
    """One record of each item, with its clips in their own order if it was ever asked so."""
    first = np.full(count, -1, dtype=np.int64)
    first[item[order[::-1]]] = order[::-1]
    return [records[int(at)] for at in first]


def _members(first: Sequence[Record]) -> Ints:
    """The cluster of each item; clusters of one task have neighbouring numbers (faster)."""
    task: dict[str, str] = {}
    for record in first:
        group, own = str(record["group"]), str(record["task"])
        task[group] = min(task.get(group, own), own)
    return numbered([(task[str(r["group"])], str(r["group"])) for r in first])


def _options(record: Record) -> tuple[str, ...]:
    """The choices in the item's own order and words; older records only have them as shown."""
    if record.get("options"):
        return tuple(record["options"])
    names = [""] * len(record["order"])
    for place, text in zip(record["order"], record["choices"], strict=True):
        names[place] = text
    return tuple(names)


def _gold(record: Record) -> int:
    return int(record["order"][record["gold_shown"]]) if record["gold_shown"] >= 0 else -1


def _n_clips(records: Sequence[Record], item: Ints, count: int) -> Ints:
    found = np.zeros(count, dtype=np.int64)
    np.maximum.at(found, item, _ints([r.get("heard", r["clips"]) for r in records]))
    return found


def _answers(rows: _Rows, options: Sequence[tuple[str, ...]]) -> dict[str, Ints]:
    """What was chosen: its position among the options, the position shown, the clip's number."""
    if not options:
        none = np.full(rows.shape, -1, dtype=np.int64)
        gold_clip = np.full(rows.shape[0], -1, dtype=np.int64)
        return {"pick": none, "shown": none, "shown_clip": none, "gold_clip": gold_clip}
    picks, places, clips, golds = [], [], [], []
    numbers: dict[tuple[str, ...], tuple[int, ...] | None] = {}
    for record, at in zip(rows.records, rows.item.tolist(), strict=True):
        shown = tuple(record["choices"])
        if shown not in numbers:
            numbers[shown] = _clip_numbers(shown)
        names, parsed = options[at], record["parsed"]
        pick = names.index(parsed) if parsed in names else -1
        place = record["order"].index(pick) if pick >= 0 else -1
        clip = numbers[shown]
        picks.append(pick)
        places.append(place)
        clips.append(clip[place] if clip and place >= 0 else -1)
        golds.append(clip[record["gold_shown"]] if clip and record["gold_shown"] >= 0 else -1)
    return {
        "pick": rows.grid(picks),
        "shown": rows.grid(places),
        "shown_clip": rows.grid(clips),
        "gold_clip": rows.per_key(golds),
    }


def _clip_numbers(choices: Sequence[str]) -> tuple[int, ...] | None:
    """("clip 2", "clip 1") -> (2, 1); None unless the options are the clips 1..n, each once."""
    words = [text.lower().split() for text in choices]
    if not all(len(w) == 2 and w[0] == "clip" and w[1].isdecimal() for w in words):
        return None
    found = tuple(int(w[1]) for w in words)
    return found if sorted(found) == list(range(1, len(found) + 1)) else None


def _chances(rows: _Rows, widest: int) -> Floats:
    """Probabilities in the items' own order of options."""
    out = np.full((*rows.shape, widest), np.nan)
    if not widest:
        return out
    sizes: dict[int, list[int]] = {}
    for at, record in enumerate(rows.records):
        if record.get("logprobs"):
            sizes.setdefault(len(record["logprobs"]), []).append(at)
    for size, which in sizes.items():
        own = np.exp(np.array([rows.records[at]["logprobs"] for at in which]))
        order = np.array([rows.records[at]["order"] for at in which], dtype=np.int64)
        placed = np.zeros((len(which), widest))
        np.put_along_axis(placed, order, own, axis=1)
        placed[:, size:] = np.nan
        out[rows.key[which], rows.condition[which]] = placed
    return out
