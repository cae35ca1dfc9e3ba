"""Voters are asked: which items under which conditions, and what they answer.

Two sides of a vote: without the item's audio, which decides the label, and with it, or with
something in its place, which measures. With ``early_stop`` the second side is asked only of items
that are not weak, and under ``silence-vote`` the next voter only of items that the voters before it
have not decided. Everything is kept in a `Run`, batch by batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harken.ask.conditions.clip import subset_name
from harken.ask.conditions.load import find, listener_of
from harken.ask.plan import Listener
from harken.ask.prompt import Rotations
from harken.ask.record import Record, ask_and_score
from harken.curate.contribution import Votes, ballot
from harken.curate.labels import CurateSettings
from harken.curate.shapley import subsets
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import Model
from harken.runs import Run

_CHUNK = 512  # items per records file; a resumed job must have the same

Weak = Callable[[Sequence[Votes]], set[str]]
"""From votes without audio to the ids of the items that are weak by them."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The voters, the rule, and the run that holds the votes.

    Attributes:
        listeners: condition (``caption``, ``transcript``) -> model that writes the texts.
    """

    voters: Sequence[Model]
    names: Sequence[str]
    rule: str
    seed: int
    settings: CurateSettings
    run: Run
    listeners: Mapping[str, Listener]


def check_controls(controls: Sequence[str], listeners: Mapping[str, Listener]) -> None:
    """Whether every control is a condition, other than those asked anyway, with its listener.

    Raises:
        ConfigError: it is not.
    """
    for name in controls:
        if find(name) is None or name in ("audio", "none"):
            raise ConfigError(
                f"{name!r} is not a control",
                hint="Use a condition other than audio and none, which are asked anyway: "
                "caption, transcript, swap, silence.",
            )
        if (option := listener_of(name)) and name not in listeners:
            raise ConfigError(f"the control {name} needs a model that writes it", hint=option)
    for name in listeners:
        if name not in controls:
            raise ConfigError(f"texts for {name} are given, and {name} is not a control",
                              hint=f"Add --control {name}.")  # fmt: skip


def vote(
    panel: Panel, items: Sequence[Item], weak: Weak
) -> tuple[list[Votes], dict[str, dict[str, int]]]:
    """Ask every voter; returns the ballots and the counts of outcomes, by voter."""
    votes: list[Votes] = [defaultdict(dict) for _ in panel.voters]
    tallies: list[Counter[str]] = [Counter() for _ in panel.voters]
    places = range(len(panel.voters))
    if not panel.settings.early_stop:
        for place in places:
            _ask(panel, place, items, _both, "", votes[place], tallies[place])
    else:
        for place in places:
            left = [item for item in items if not _decided(panel, item, votes[:place])]
            _ask(panel, place, left, without_audio, "-none", votes[place], tallies[place])
        known = weak(votes)
        left = [item for item in items if item.id not in known]
        for place in places:
            _ask(panel, place, left, with_audio, "-audio", votes[place], tallies[place])
    named = zip(panel.names, tallies, strict=True)
    return votes, {name: dict(sorted(tally.items())) for name, tally in named}


def without_audio(panel: Panel, clips: int, max_clips: int) -> list[str]:
    """The conditions that decide the label of items with `clips` clips."""
    takes = 0 < clips <= max_clips
    if panel.rule == "silence-vote":
        return ["silence-30" if takes else "none"]
    return ["none", "silence-30"] if takes and panel.rule == "audio-dependence" else ["none"]


def with_audio(panel: Panel, clips: int, max_clips: int) -> list[str]:
    """The conditions that measure: the audio, what Shapley shares need, and controls."""
    takes, found = 0 < clips <= max_clips, []
    if takes and panel.rule == "bits":
        found.append("audio")
        if panel.settings.shapley and clips > 1:
            found += [subset_name(subset, clips) for subset in subsets(clips, panel.seed)]
    controls = panel.settings.controls
    found += [name for name in controls if takes or (clips and listener_of(name))]
    decided = without_audio(panel, clips, max_clips)
    return [name for name in dict.fromkeys(found) if name not in decided]


def _both(panel: Panel, clips: int, max_clips: int) -> list[str]:
    asked = (panel, clips, max_clips)
    return without_audio(*asked) + with_audio(*asked)


def _decided(panel: Panel, item: Item, votes: Sequence[Votes]) -> bool:
    """Whether the votes of a majority rule cannot change any more."""
    if panel.rule != "silence-vote":
        return False
    cast = [own[name][item.id] for own in votes for name in own if item.id in own[name]]
    right = sum(not one.failed and one.picks[0] == item.gold for one in cast)
    need, size = panel.settings.needed(len(panel.voters)), len(panel.voters)
    return right >= need or right + size - len(votes) < need


def _ask(
    panel: Panel,
    place: int,
    items: Sequence[Item],
    conditions_of: Callable[[Panel, int, int], list[str]],
    stage: str,
    votes: Votes,
    tally: Counter[str],
) -> None:
    """Ask one voter all `items`, grouped by their number of clips; adds to `votes` and `tally`."""
    voter, settings = panel.voters[place], panel.settings
    rotations: Rotations = 1 if panel.rule == "silence-vote" else "all"
    groups: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        groups[len(item.clips)].append(item)
    for clips in sorted(groups):
        if not (conditions := conditions_of(panel, clips, voter.max_clips)):
            continue
        for start in range(0, len(groups[clips]), _CHUNK):
            records = ask_and_score(
                voter,
                groups[clips][start : start + _CHUNK],
                run=panel.run,
                conditions=conditions,
                rotations=rotations,
                listeners={n: one for n, one in panel.listeners.items() if n in conditions},
                seed=panel.seed,
                batch=settings.batch,
                scorer=settings.scorer,
                sampling=settings.sampling,
                name=f"{place}-{panel.names[place]}-{clips}clips-{start // _CHUNK:04d}{stage}",
                replies="none",
                max_failed=1.0,
            )
            tally.update(record["outcome"] for record in records)
            _count(records, votes)


def _count(records: Iterable[Record], votes: Votes) -> None:
    cast: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        cast[record["condition"], record["item"]].append(record)
    for (condition, name), own in cast.items():
        votes[condition][name] = ballot(own)
