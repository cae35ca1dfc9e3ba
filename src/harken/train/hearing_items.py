"""Held-out items: what a training is measured on and never trained on, drawn with a seed.

From the split ``dev`` (or ``validation``, ``test``) of a dataset where it has one; else a share of
the training items, which are then not trained on. Skills are drawn in turn, so that every kind of
question is there, however rare. Where recordings tie items together, whole groups of items are held
out. Training items that remain and share a recording with a held-out one, which may be where this
is not possible, and with another split or a named set, are counted and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harken.errors import ConfigError
from harken.hashing import digest
from harken.item import Item
from harken.stats.measures import clusters
from harken.train.held_out import heard, sources

SKILLS = ("single-audio", "multi-audio", "words", "open-ended", "text-only")
"""Kinds of questions; see `skill_of`."""

SPLITS = ("dev", "validation", "valid", "val", "eval", "test")
"""Splits that held-out items are drawn from: the first of these that a dataset has."""

_WORDS = {"word", "words", "speech", "transcript", "transcription", "asr"}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Items to measure a training on.

    Attributes:
        items: in the order in which they are asked.
        source: the split they are from; ``"train"``: a share of the training items; the path of a
            file, where they were named; empty where there are none.
        not_trained: ids of training items that must not be trained on: held-out ones, and what is
            held out with them.
        shared: training items that remain and share a recording with a held-out one.
        why_none: why there are none; empty where there are.
    """

    items: tuple[Item, ...] = ()
    source: str = ""
    not_trained: frozenset[str] = frozenset()
    shared: int = 0
    why_none: str = ""

    @property
    def skills(self) -> dict[str, int]:
        """Items of each skill, in the order of `SKILLS`; skills without items are left out."""
        counts = Counter(map(skill_of, self.items))
        return {name: counts[name] for name in SKILLS if counts[name]}

    def said(self) -> str:
        """One or two sentences for people: how many, where from, what is not trained on."""
        if not self.items:
            return f"Nothing is held out: {self.why_none}."
        kinds = ", ".join(f"{name} {n}" for name, n in self.skills.items())
        if self.source != "train":
            text = f"Held out: {len(self.items)} items of {self.source} ({kinds})."
            if self.not_trained:
                text += f" {len(self.not_trained)} of them are training items: not trained on."
        else:
            text = (
                f"Held out: {len(self.items)} of the training items ({kinds}); they and "
                f"{len(self.not_trained) - len(self.items)} items of the same recordings are not "
                "trained on."
            )
        if self.shared:
            text += (
                f" {self.shared} training items share a recording with a held-out one: the "
                "numbers say whether the audio is used, not how well new recordings are heard."
            )
        return text


def skill_of(item: Item) -> str:
    """The skill that a question asks for, one of `SKILLS`, from clips, their facts and choices.

    Items of other programs, which have no facts, say it in their tags and their task.
    """
    if not item.clips:
        return "text-only"
    if len(item.clips) > 1:
        return "multi-audio"
    if any(facts.is_speech for facts in item.facts):
        return "words"
    if not item.facts and _WORDS & {
        *(tag.lower() for tag in item.tags),
        *item.task.lower().split("-"),
    }:
        return "words"
    return "single-audio" if item.choices else "open-ended"


def draw_held_out(
    items: Sequence[Item], size: int, seed: int, *, most_share: float = 0.1, splits: bool = True
) -> HeldOut:
    """Draw up to `size` held-out items of a dataset.

    Args:
        items: all items of all splits.
        size: how many at most; 0: none.
        seed: of the draw.
        most_share: largest share of the training items that is held out, where no split can be
            drawn from.
        splits: whether other splits than ``train`` may be drawn from.

    Raises:
        ConfigError: a negative size.
    """
    if size < 0:
        raise ConfigError(f"the number of held-out items is {size}", hint="Use 0 or more.")
    if not size:
        return HeldOut(why_none="the number of held-out items is 0")
    if splits:
        for name in SPLITS:
            own = [item for item in items if item.split == name and item.answer]
            if own:
                drawn = HeldOut(tuple(_in_turn(own, size, seed)), f"the split {name}")
                return compared(drawn, items)
    train = [item for item in items if item.split in ("", "train")]
    if not train:
        return HeldOut(why_none="there are no items")
    room = min(size, int(most_share * len(train)))
    if room < 2:
        return HeldOut(
            why_none=f"there is no other split, and {most_share:.0%} of {len(train)} training "
            "items are fewer than 2"
        )
    return _share(train, room, seed)


def named_held_out(items: Sequence[Item], size: int, seed: int, source: str) -> HeldOut:
    """Up to `size` of the items that someone named for it, whatever their split."""
    known = [item for item in items if item.answer]
    if not known:
        return HeldOut(why_none=f"{source} has no items with answers")
    return HeldOut(tuple(_in_turn(known, size, seed)), source)


def compared(held: HeldOut, items: Sequence[Item]) -> HeldOut:
    """`held` with the training items among `items` that it has too, or has recordings of.

    The first are not trained on; the others are, and are counted.
    """
    asked = {item.id for item in held.items}
    known = {name for item in held.items for name in heard(item)}
    train = [item for item in items if item.split in ("", "train")]
    gone = frozenset(item.id for item in train if item.id in asked)
    rest = [item for item in train if item.id not in gone]
    shared = sum(not known.isdisjoint(heard(item)) for item in rest)
    return replace(held, not_trained=gone, shared=shared)


def without(items: Sequence[Item], held: HeldOut) -> list[Item]:
    """The items that may be trained on."""
    measured = {item.id for item in held.items} | held.not_trained
    return [item for item in items if item.id not in measured]


def _share(train: Sequence[Item], room: int, seed: int) -> HeldOut:
    """A share of the training items, groups of items with common recordings as a whole."""
    groups: dict[str, list[Item]] = {}
    for name, item in zip(clusters([sorted(sources(item)) for item in train]), train, strict=True):
        groups.setdefault(name, []).append(item)
    order = sorted(groups, key=lambda name: digest(f"{seed}:{name}"))
    taken: list[Item] = []
    for name in order:
        if len(taken) + len(groups[name]) <= 2 * room:
            taken += groups[name]
        if len(taken) >= room:
            break
    if len(taken) < 2:  # every group is larger than what may be held out
        taken = _in_turn(train, room, seed)
    chosen = _in_turn([item for item in taken if item.answer], room, seed)
    gone = frozenset(item.id for item in taken)
    asked = {name for item in chosen for name in sources(item)}
    rest = [item for item in train if item.id not in gone]
    shared = sum(not asked.isdisjoint(sources(item)) for item in rest)
    return HeldOut(tuple(chosen), "train", gone, shared)


def _in_turn(items: Sequence[Item], most: int, seed: int) -> list[Item]:
    """Up to `most` items, skills in turn, each in an order drawn from ids and seed."""
    queues: dict[str, list[Item]] = {name: [] for name in SKILLS}
    unique: Mapping[str, Item] = {item.id: item for item in items}
    for name in sorted(unique, key=lambda name: digest(f"{seed}:{name}")):
        queues[skill_of(unique[name])].append(unique[name])
    picked: list[Item] = []
    turn = 0
    while len(picked) < most and any(len(queue) > turn for queue in queues.values()):
        picked += [queue[turn] for queue in queues.values() if len(queue) > turn]
        turn += 1
    return picked[:most]
