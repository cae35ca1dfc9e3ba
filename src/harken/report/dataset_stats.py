"""What a dataset is made of, counted in one pass: tasks, clips, answers, sources, contribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from harken.item import SKILL, Item
from harken.stats.measures import wilson


@dataclass(slots=True)
class TaskCounts:
    """The items of one task.

    Attributes:
        items: how many.
        closed: those with options.
        options: sum of the numbers of options of closed items.
        gold: position of the answer -> closed items.
        answers: answer -> closed items.
        longest: closed items with one longest option, and of these with the answer as the longest.
        words: words of all questions.
        clips: clips of all items.
        labels: weak, strong, undecided -> items.
        proof: items of which it is known whether a caption would answer them; those it would not.
        window: items whose shortest window is known, and the sum of its shares of the clip.
    """

    items: int = 0
    closed: int = 0
    options: float = 0.0
    gold: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    longest: list[int] = field(default_factory=lambda: [0, 0])
    words: int = 0
    clips: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    proof: list[int] = field(default_factory=lambda: [0, 0])
    window: list[float] = field(default_factory=lambda: [0, 0.0])

    def add(self, item: Item) -> None:
        """Count an item."""
        if item.need is not None and item.need.caption_proof is not None:
            self.proof[0] += 1
            self.proof[1] += item.need.caption_proof
        if item.need is not None and item.need.share is not None:
            self.window[0] += 1
            self.window[1] += item.need.share
        self.items += 1
        self.words += len(item.question.split())
        self.clips += len(item.clips)
        if item.contribution:
            self.labels[item.contribution.label] += 1
        if item.gold < 0:
            return
        self.closed += 1
        self.options += 1 / len(item.choices)
        self.gold[item.gold] += 1
        self.answers[item.answer] += 1
        lengths = sorted((len(choice) for choice in item.choices), reverse=True)
        if len(lengths) > 1 and lengths[0] > lengths[1]:
            self.longest[0] += 1
            self.longest[1] += len(item.answer) == lengths[0]

    @property
    def chance(self) -> float | None:
        """Share right by guessing; None without closed items."""
        return self.options / self.closed if self.closed else None

    @property
    def caption_proof(self) -> float | None:
        """Share of items that a one-sentence caption of their clips would not answer."""
        return self.proof[1] / self.proof[0] if self.proof[0] else None

    @property
    def need(self) -> float | None:
        """Mean share of the clip in the shortest window that suffices."""
        return self.window[1] / self.window[0] if self.window[0] else None

    @property
    def first_position(self) -> tuple[float, float, float] | None:
        """Share of the most frequent position of the answer, with its 95 % interval."""
        return _share(max(self.gold.values(), default=0), self.closed)

    @property
    def common_answer(self) -> tuple[float, float, float] | None:
        """Share of the most frequent answer: what saying always the same would give."""
        return _share(max(self.answers.values(), default=0), self.closed)

    @property
    def longest_right(self) -> tuple[float, float, float] | None:
        """Share right by taking the longest option, of closed items that have one."""
        return _share(self.longest[1], self.longest[0])


def _share(count: int, of: int) -> tuple[float, float, float] | None:
    """Share with its Wilson interval."""
    return (count / of, *wilson(count, of)) if of else None


@dataclass(slots=True)
class DatasetCounts:
    """A whole dataset; each clip is counted once, whatever the number of its items.

    Attributes:
        items: how many.
        tasks: by task.
        splits, licences, steps: items by split, licence and step of their history.
        bits: contribution of items that have one, by label.
        labels: sources in the clips' facts, by name of the sound; speech by its speaker is not
            among them.
        kinds: sources by kind.
        layouts: clips by layout, where that is known.
        skills: items by what they train, as their tags say; one of two skills counts in both.
        sources: clips by number of sources in front, where facts are known.
        seconds: length of the distinct clips whose length is known.
        unknown_length: distinct clips whose length is not known.
    """

    items: int = 0
    tasks: dict[str, TaskCounts] = field(default_factory=dict)
    splits: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    bits: dict[str, list[float]] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    layouts: Counter[str] = field(default_factory=Counter)
    skills: Counter[str] = field(default_factory=Counter)
    sources: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    unknown_length: int = 0
    _clips: set[str] = field(default_factory=set)
    _recordings: set[str] = field(default_factory=set)
    _speakers: set[str] = field(default_factory=set)

    def through(self, items: Iterable[Item]) -> Iterable[Item]:
        """The items, counted as they pass."""
        for item in items:
            self.add(item)
            yield item

    def add(self, item: Item) -> None:
        """Count an item and those of its clips that are new."""
        self.items += 1
        self.tasks.setdefault(item.task, TaskCounts()).add(item)
        self.splits[item.split] += 1
        self.licences[item.licence] += 1
        self.skills.update(tag.removeprefix(SKILL) for tag in item.tags if tag.startswith(SKILL))
        self.steps.update(dict.fromkeys((entry.step for entry in item.history), 1))
        own = item.contribution
        if own and own.bits is not None:
            self.bits.setdefault(own.label, []).append(own.bits)
        self._recordings.update(item.recordings)
        self._speakers.update(item.speakers)
        for number, clip in enumerate(item.clips):
            if clip.key in self._clips:
                continue
            self._clips.add(clip.key)
            facts = item.facts[number] if item.facts else None
            length = clip.duration_s
            if length is None and facts is not None:
                length = facts.duration_s
            self.seconds += length or 0.0
            self.unknown_length += length is None
            if facts is None:
                continue
            self.layouts[facts.layout or "not known"] += 1
            self.sources[len(facts.front)] += 1
            for source in facts.sources:
                self.kinds[source.kind] += 1
                if source.label and source.kind != "background":
                    self.labels[source.label] += 1

    @property
    def clips(self) -> int:
        """Number of distinct clips."""
        return len(self._clips)

    @property
    def recordings(self) -> int:
        """Number of distinct recordings."""
        return len(self._recordings)

    @property
    def speakers(self) -> int:
        """Number of distinct speakers."""
        return len(self._speakers)
