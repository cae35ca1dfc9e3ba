"""disagreement: labels that contradict each other, or that confident voters contradict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.clean.base import HygieneFilter, Judgement
from harken.clean.texts import answered, asked, in_words
from harken.clean.workspace import Workspace
from harken.curate.contribution import Ballot, ballot, settled
from harken.errors import ConfigError, DataError
from harken.files import sha256_of
from harken.item import Item
from harken.runs import FIRST, read_run


@dataclass(frozen=True, slots=True)
class DisagreementSettings:
    """What counts as a wrong label.

    Attributes:
        open: also compare open answers; several captions of one clip are no contradiction, so this
            is for sets with one right answer to each question.
        votes: a folder of `harken curate`, or its ``votes/``; empty: there are none.
        mass: probability that a voter must give the option it is settled on.
        need: voters that must be settled on one and the same wrong option.
    """

    open: bool = False
    votes: str = ""
    mass: float = 0.9
    need: int = 2

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        if self.need < 1 or not 0 <= self.mass <= 1:
            raise ConfigError("disagreement needs at least 1 voter, and a mass from 0 to 1")


def judge(items: Sequence[Item], settings: DisagreementSettings, workspace: Workspace) -> Judgement:
    """Drop items whose answer others contradict.

    Items with the same clips, question and options have the same answer, or most of them are right:
    where more than half of at least three have one, the others are dropped, else all of them. With
    votes, an item is dropped if, with the audio, `need` voters are settled on one option that is
    not the gold, and none on the gold.
    """
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        if item.choices or settings.open:
            groups[_question(item, workspace)].append(place)
    found = Judgement()
    for places in groups.values():
        answers = Counter(_answer(items[place]) for place in places)
        if len(answers) < 2:
            continue
        most, count = answers.most_common(1)[0]
        kept = most if len(places) >= 3 and 2 * count > len(places) else None
        shown = ", ".join(f"{answer!r} {n}" for answer, n in sorted(answers.items()))
        for place in places:
            if _answer(items[place]) != kept:
                found.drop(place, items[place], "other answers to the same question", shown)
    if settings.votes:
        _by_votes(items, settings, found)
    return found


def _question(item: Item, workspace: Workspace) -> tuple[str, ...]:
    clips = [workspace.content(clip) for clip in item.clips]
    question = in_words(item.question) if not item.choices else asked(item)
    return (question, *sorted(map(in_words, item.choices)), "clips", *clips)


def _answer(item: Item) -> str:
    return answered(item) or in_words(item.answer)


def _by_votes(items: Sequence[Item], settings: DisagreementSettings, found: Judgement) -> None:
    votes = _votes(settings.votes)
    found.told["voters"] = sorted(votes)
    voted = 0
    for place, item in enumerate(items):
        own = {name: cast[item.id] for name, cast in sorted(votes.items()) if item.id in cast}
        voted += bool(own)
        if place in found.verdicts or item.gold < 0:
            continue
        held = {
            name: pick for name, vote in own.items() if (pick := settled(vote, settings.mass)) >= 0
        }
        if item.gold in held.values():
            continue
        for option, count in sorted(Counter(held.values()).items()):
            if count >= settings.need:
                names = " and ".join(name for name, pick in held.items() if pick == option)
                note = f"{names} hold {item.choices[option]!r}, the answer is {item.answer!r}"
                found.drop(place, item, "an answer that voters contradict", note)
                break
    found.told["voted_on"] = voted


def _votes(source: str) -> Mapping[str, Mapping[str, Ballot]]:
    """Voter -> item -> its ballot with the audio."""
    folder = _folder(source)
    cast: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    run = read_run(folder)
    for path in sorted(folder.glob("*clips-*.jsonl")):
        voter = path.stem.rpartition("clips-")[0].rpartition("-")[0].partition("-")[2]
        for record in run.stream(path.stem):
            if record.get("condition") == "audio" and "outcome" in record:
                cast[voter][record["item"]].append(record)
    return {
        name: {item: ballot(records) for item, records in own.items()} for name, own in cast.items()
    }


def _folder(source: str) -> Path:
    """The folder of the votes."""
    for folder in (Path(source) / "votes", Path(source)):
        if (folder / FIRST).is_file():
            return folder
    raise DataError(
        "there are no votes", where=source, hint="Name a folder that harken curate has written."
    )


def inputs(settings: DisagreementSettings) -> Mapping[str, str]:
    """The hash of the settings of the votes' run, which name the items and the voters."""
    return {"votes": sha256_of(_folder(settings.votes) / FIRST)} if settings.votes else {}


FILTER = HygieneFilter(
    "disagreement",
    "drops items with the same audio and question and other answers, or that voters contradict",
    judge,
    DisagreementSettings,
    inputs,
    default=True,
)
