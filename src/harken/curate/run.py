"""The curate job: ask the voters, label the items, write a folder for each label and the summary.

::

    <out>/votes/        a Run: every request to every voter; resumed batch by batch
    <out>/weak/         datasets; each item says in its history why it is there: the answer is
    <out>/strong/       known without the audio; voters that can know do not know it;
    <out>/undecided/    the voters prove neither
    <out>/dropped/      what no rule can label: open questions, items on which all voters failed
    <out>/curate.json   last: counts, quorums, voters

Everything after the votes is a pure function of them, so a job that is killed and run again writes
the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from harken.ask.plan import Listener
from harken.curate.contribution import RULES, Quorum, Votes, best_quorum
from harken.curate.labels import LABELS, CurateSettings, Labels
from harken.curate.measured import by_task
from harken.curate.voting import Panel, check_controls, vote
from harken.errors import ConfigError, DataError, TooManyFailures
from harken.files import write_json
from harken.hashing import sealed
from harken.item import Item, items_digest
from harken.models.base import Model, capabilities, check_model
from harken.runs import Run
from harken.shards.write import write_dataset

SUMMARY = "curate.json"


@runtime_checkable
class _Fits(Protocol):
    """A voter that is fitted to the items before it votes (the linear baseline)."""

    @property
    def fitted(self) -> bool:
        """Whether it is fitted already."""
        ...

    def fit(self, items: Sequence[Item]) -> Any:
        """Fit."""
        ...


def run(
    items: Iterable[Item],
    voters: Sequence[Model],
    out: Path | str,
    *,
    rule: str = "bits",
    seed: int = 0,
    settings: CurateSettings | None = None,
    listeners: Mapping[str, Listener] | None = None,
    embed: bool = False,
    root: Path | str | None = None,
) -> dict[str, Any]:
    """Label `items` by `rule` and write the four datasets below `out`; returns the summary.

    Args:
        items: the items to label; open-ended questions are dropped with a reason.
        voters: models that answer. One with a ``fit`` that is not fitted yet is fitted to the items
            first (cross-validated). One that accepts fewer clips than an item has is asked without
            audio only.
        out: the folder; the same call resumes an unfinished job in it.
        rule: ``"bits"``, ``"silence-vote"`` or ``"audio-dependence"`` (see
            `harken.curate.contribution`).
        seed: for sampled Shapley orders, and for mismatched audio.
        settings: thresholds, controls, and what is not asked.
        listeners: condition (``caption``, ``transcript``) -> model that writes the texts of a
            control.
        embed: copy the audio into the datasets.
        root: folder that stored audio paths are relative to.

    Raises:
        ConfigError: unknown rule or control, a control without its listener, or no voters.
        ModelError: a voter lacks a method or an attribute.
        DataError: a duplicate item, or no items.
        RunError: `out` holds another job.
        TooManyFailures: after everything is written.
    """
    settings, out, known = settings or CurateSettings(), Path(out), list(items)
    listeners = dict(listeners or {})
    _check(known, voters, rule)
    check_controls(settings.controls, listeners)
    closed_ended = [item for item in known if len(item.choices) > 1]
    _fit(voters, closed_ended)
    names = _names(voters)
    spec = {
        "job": "curate",
        "items": items_digest(known),
        "voters": {n: v.identity() for n, v in zip(names, voters, strict=True)},
        "rule": rule,
        "seed": seed,
        "settings": {**asdict(settings), "controls": list(settings.controls)},
        **({"listeners": {n: one.identity() for n, one in listeners.items()}} if listeners else {}),
    }
    with Run.open(out / "votes", spec) as votes_run:
        _keep_words(votes_run, listeners)

        def labelled(votes: Sequence[Votes]) -> Labels:
            quorums = _quorums(closed_ended, votes, settings) if rule == "bits" else {}
            return Labels(names, votes, quorums, settings, rule, seed, closed_ended)

        def weak(votes: Sequence[Votes]) -> set[str]:
            labels = labelled(votes)
            return {item.id for item in closed_ended if labels.of(item)[0] == "weak"}

        panel = Panel(voters, names, rule, seed, settings, votes_run, listeners)
        votes, tallies = vote(panel, closed_ended, weak)
        if not votes_run.done:
            votes_run.finish({"voters": tallies})
    labeller = labelled(votes)
    sorted_items = _sort(known, labeller)
    for label, group in sorted_items.items():
        plan = {"curate": spec, "label": label}
        write_dataset(group, out / label, name=label, plan=plan, embed=embed, root=root)
    measured = by_task(closed_ended, votes, labeller.pool)
    summary = _summary(spec, sorted_items, names, labeller, tallies) | {"measured": measured}
    write_json(out / SUMMARY, sealed(summary))
    _check_failures(tallies, settings.max_failed)
    return summary


def _fit(voters: Sequence[Model], items: Sequence[Item]) -> None:
    """Fit the voters that are fitted to the items, and are not yet."""
    for voter in voters:
        if isinstance(voter, _Fits) and not voter.fitted and items:
            voter.fit(items)


def _keep_words(votes_run: Run, listeners: Mapping[str, Listener]) -> None:
    """Keep the texts of listeners in the run: each clip is sent once."""
    for condition, listener in listeners.items():
        if keep := capabilities(listener).keep:
            keep(votes_run.path(f"words-{condition}"))


def _check(items: Sequence[Item], voters: Sequence[Model], rule: str) -> None:
    if rule not in RULES:
        raise ConfigError(f"unknown rule {rule!r}", hint="Known: " + ", ".join(RULES))
    if not voters:
        raise ConfigError(
            "there are no voters", hint="Name at least one; three or more are better."
        )
    for voter in voters:
        check_model(voter)
    twice = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if twice or not items:
        raise DataError(
            f"item {twice[0]} is there twice" if twice else "there are no items to curate",
            hint="Drop duplicates first: harken clean" if twice else "",
        )


def _names(voters: Sequence[Model]) -> list[str]:
    """One unique name per voter that is valid in a file name."""
    names: list[str] = []
    for voter in voters:
        plain = "".join(c if c.isalnum() else "-" for c in Path(voter.name).name) or "voter"
        count = sum(name == plain or name.startswith(f"{plain}.") for name in names)
        names.append(f"{plain}.{count + 1}" if count else plain)
    return names


def _quorums(
    items: Sequence[Item], votes: Sequence[Votes], settings: CurateSettings
) -> dict[int, Quorum]:
    """A quorum for every number of options."""
    found: dict[int, Quorum] = {}
    for options in sorted({len(item.choices) for item in items}):
        group = [item for item in items if len(item.choices) == options]
        ballots = [[own["none"].get(item.id) for own in votes] for item in group]
        gold = [item.gold for item in group]
        found[options] = best_quorum(ballots, gold, options, settings.alpha, settings.mass)
    return found


def _sort(items: Sequence[Item], labeller: Labels) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {label: [] for label in LABELS}
    for item in items:
        label, why, contribution = labeller.of(item)
        groups[label].append(
            replace(item, contribution=contribution).with_history("curate", f"{label}: {why}")
        )
    return groups


def _summary(
    spec: Mapping[str, Any],
    groups: Mapping[str, Sequence[Item]],
    names: Sequence[str],
    labeller: Labels,
    tallies: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    tasks = sorted({item.task for group in groups.values() for item in group})
    measured = [
        item.contribution.bits
        for group in groups.values()
        for item in group
        if item.contribution and item.contribution.bits is not None
    ]
    percentiles = [0, 5, 25, 50, 75, 95, 100]
    return {
        **spec,
        "counts": {label: len(group) for label, group in groups.items()},
        "by_task": {
            task: {label: sum(i.task == task for i in group) for label, group in groups.items()}
            for task in tasks
        },
        "undecided": _reasons(groups["undecided"]),
        "dropped": _reasons(groups["dropped"]),
        "bits": {f"p{m}": round(float(np.percentile(measured, m)), 6) for m in percentiles}
        if measured
        else None,
        "quorums": [
            {
                **asdict(q),
                "sets": [[names[i] for i in members] for members in q.sets],
                "known": asdict(labeller.known[options]),
            }
            for options, q in labeller.quorums.items()
        ],
        "listens": dict(zip(names, labeller.uses_audio, strict=True)),
        "knows": {n: asdict(k) for n, k in zip(names, labeller.knowledge, strict=True)},
        "outcomes": {name: dict(tally) for name, tally in tallies.items()},
    }


def _reasons(items: Iterable[Item]) -> dict[str, int]:
    """How many items each reason holds for; bits and names of voters are left out of it."""
    notes = (item.history[-1].note.partition(": ")[2].partition("; the audio") for item in items)
    return dict(Counter(why for why, _, _ in notes))


def _check_failures(tallies: Mapping[str, Mapping[str, int]], max_failed: float) -> None:
    for name, tally in tallies.items():
        failed, asked = tally.get("failed", 0), sum(tally.values())
        if failed > max_failed * asked:
            raise TooManyFailures(
                f"{failed} of {asked} requests to the voter {name} failed",
                hint="Fix or leave out the voter; the labels were written anyway.",
            )
