"""The content of a page about trainings: headline, curves, stages and card, for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import harken.report.regression_card as cards
import harken.report.words as words
from harken.report.gather import thinned
from harken.report.plots import kind
from harken.report.side_by_side import COLOURS
from harken.report.step_plot import StepLine, StepValue, step_plot
from harken.report.training_data import StageRun, Training

Json = dict[str, Any]
Record = Mapping[str, Any]

TRUE, WATCHED = "audio", "swap"
"""The condition with the true audio, and the one whose gap is watched."""

PARTS = {"audio_encoder": "clip", "projector": "audio", "lm": "swap"}
"""Module groups, and the colour class of each."""

CURVES: tuple[tuple[str, str], ...] = (
    ("loss", "loss, nats per answer token"),
    ("lr", "learning rate"),
    ("grad_norm", "norm of the gradient"),
    ("audio_grad_norm", "norm of the gradient at the audio tokens"),
    ("audio_share", "audio tokens per token of audio and answers"),
    ("reward", "mean reward"),
    ("kl", "KL to the model at the start, nats per token"),
)
"""Curves over steps: key of the records of steps, and title.

``lr`` and ``grad_norm`` have a line for each of `PARTS` where a stage records them apart.
"""

SHOWN = ("lr", "batch", "items", "group", "accumulate", "groups", "seed")
"""Settings in the table of stages, as far as a stage has them."""


def audio_share(record: Record) -> float | None:
    """Audio tokens among audio and answer tokens of a step; None where they are not counted."""
    audio, answers = record.get("audio_tokens"), record.get("answer_tokens")
    if audio is None or answers is None or not audio + answers:
        return None
    return float(audio / (audio + answers))


def headline(training: Training) -> Json:
    """Does it listen, by the last evaluation; and the key figures."""
    heard = training.heard
    figures = [
        ("stages", str(len(training.stages)), ""),
        ("steps", f"{sum(one.steps for one in training.stages):,}", ""),
    ]
    if not heard:
        short, numbers = "Not known whether it listens.", "No hearing gap was measured."
    else:
        step, last = heard[-1]
        gap = last["gap"][WATCHED]
        short, numbers = _listens(gap), _measured(step, last)
        figures.append((f"hearing gap over {WATCHED}", words.signed(gap["nats"]), "nats"))
        right = last["accuracy"][TRUE]["share"]
        figures.append(("right with its audio", words.percent(right), ""))
        figures.append(("held-out items", f"{last['items']:,}", ""))
    if training.stopped:
        short = "It was stopped: it does not use the audio."
    return {
        "verdict": (short, numbers),
        "figures": [{"name": n, "value": v, "unit": u} for n, v, u in figures],
        "stopped": training.stopped,
    }


def _listens(gap: Record) -> str:
    if gap["low"] is None:
        return "Not known whether it listens."
    if gap["low"] > 0:
        return "It listens."
    return (
        "Its own audio makes the answers less likely."
        if gap["high"] < 0
        else ("No proof that it listens.")
    )


def _measured(step: int, record: Record) -> str:
    """The last evaluation in a sentence."""
    gaps = [f"{name} {_gap(own)}" for name, own in record["gap"].items()]
    text = (
        f"After step {step:,}, what other audio costs it in nats per answer token: "
        f"{'; '.join(gaps)} (95{words.GAP}% intervals, {words.count(record['items'])})."
    )
    right = [
        f"{words.percent(own['share'])} under {name}"
        for name, own in record["accuracy"].items()
        if own["share"] is not None
    ]
    return text + (f" Right answers: {', '.join(right)}." if right else "")


def _gap(own: Record) -> str:
    if own["low"] is None:
        return words.signed(own["nats"])
    return (
        f"{words.signed(own['nats'])} ({words.signed(own['low'])} to {words.signed(own['high'])})"
    )


def together(trainings: Sequence[Training]) -> Json:
    """Several trainings in one picture: gap, loss and right answers with the true audio."""
    names = [(one, COLOURS[at % len(COLOURS)]) for at, one in enumerate(trainings)]

    def lines(part: str, name: str, key: str) -> list[StepLine]:
        return [
            StepLine(one.name, colour, _values([(s, r[part]) for s, r in one.heard], name, key))
            for one, colour in names
        ]

    return {
        "legend": [(colour, one.name) for one, colour in names],
        "gap": step_plot(
            lines("gap", WATCHED, "nats"),
            f"Hearing gap over {WATCHED}, nats per answer token",
            zero=True,
            level=min_gap(trainings),
        ),
        "loss": step_plot(lines("loss", TRUE, "nats"), "Loss with the true audio, nats per token"),
        "right": step_plot(
            lines("accuracy", TRUE, "share"),
            "Share of right answers with the true audio",
            bounds=(0.0, 1.0),
        ),
    }


def min_gap(trainings: Sequence[Training]) -> tuple[float, str] | None:
    """The gap below which a training is stopped, if that was set; the largest of several."""
    found = [stage.min_gap for one in trainings for stage in one.stages if stage.min_gap]
    return (max(found), f"stopped below {max(found):g}") if found else None


def alone(training: Training) -> Json:
    """The curves of one training: by condition, and over its steps."""
    heard = training.heard
    stages = [(float(one.before), one.name) for one in training.stages if one.steps]
    gaps = list(heard[0][1]["gap"]) if heard else []
    conditions = list(heard[0][1]["loss"]) if heard else []

    def lines(names: Sequence[str], part: str, key: str) -> list[StepLine]:
        return [
            StepLine(name, kind(name), _values([(s, r[part]) for s, r in heard], name, key))
            for name in names
        ]

    steps = [
        (title, [(one.cls, one.name) for one in own] if len(own) > 1 else [], plot)
        for key, title in CURVES
        if (plot := step_plot(own := _over_steps(training.stages, key), title, stages=stages))
    ]
    return {
        "keys": [(name, kind(name), words.meaning(name)) for name in conditions],
        "gap": step_plot(
            lines(gaps, "gap", "nats"),
            "Hearing gap, nats per answer token",
            zero=True,
            level=min_gap([training]),
            stages=stages,
        ),
        "loss": step_plot(lines(conditions, "loss", "nats"), "Loss, nats", stages=stages),
        "right": step_plot(
            lines(conditions, "accuracy", "share"),
            "Share of right answers",
            bounds=(0.0, 1.0),
            stages=stages,
        ),
        "steps": steps,
    }


def _values(records: Sequence[tuple[int, Json]], name: str, key: str) -> list[StepValue]:
    """The values of a condition that are there; records are (step, condition -> numbers)."""
    return [
        StepValue(step, own[name][key], own[name].get("low"), own[name].get("high"))
        for step, own in records
        if own[name][key] is not None
    ]


def _over_steps(stages: Sequence[StageRun], key: str) -> list[StepLine]:
    """The lines of a curve: one, or one for each module group."""
    keys = [(f"{key}_{part}", part.replace("_", " "), cls) for part, cls in PARTS.items()]
    lines = [
        StepLine(name, cls, own)
        for one, name, cls in [(key, "all", "other"), *keys]
        if len(own := _of_steps(stages, one)) > 1
    ]
    apart = {tuple((v.step, v.value) for v in one.values) for one in lines}
    return lines if len(apart) > 1 else [StepLine(key, "audio", one.values) for one in lines[:1]]


def _of_steps(stages: Sequence[StageRun], key: str) -> list[StepValue]:
    found = [
        (float(stage.before + record["step"]), float(own))
        for stage in stages
        for record in stage.metrics
        if (own := audio_share(record) if key == "audio_share" else record.get(key)) is not None
    ]
    return [StepValue(step, own) for step, own in thinned(found)]


def stage_rows(training: Training) -> list[Json]:
    """The table of stages: what each was trained on, how, and how it ended."""
    rows = []
    for one in training.stages:
        asked = int(one.settings.get("steps", one.steps))
        ended = "complete" if one.done else "not complete"
        if one.stopped:
            ended = "stopped: does not use the audio"
        losses = [r["loss"] for r in one.metrics if r.get("loss") is not None]
        gap = one.heard[-1][1]["gap"][WATCHED] if one.heard else None
        said = [
            f"{name} {_said(one.settings[name])}"
            for name in SHOWN
            if one.settings.get(name) not in (None, "")
        ]
        rows.append(
            {
                "name": one.name,
                "kind": one.kind,
                "steps": one.steps,
                "of": asked,
                "items": one.items,
                "loss": (losses[0], losses[-1]) if losses else None,
                "gap": None if gap is None else gap["nats"],
                "interval": "" if gap is None or gap["low"] is None else _gap(gap).split(" ", 1)[1],
                "settings": ", ".join(said),
                "ended": ended,
            }
        )
    return rows


def _said(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else f"{value}"


def card_content(training: Training) -> Json | None:
    """The regression card for the template; None where there is none."""
    card = training.card
    if card is None:
        return None
    rows = [(skill["skill"], row) for skill in card["skills"] for row in skill["measures"]]
    return {
        "verdict": cards.verdict(card),
        "about": cards.ABOUT,
        "rows": [
            {"skill": name, "cells": cells, "row": row}
            for (name, row), cells in zip(rows, cards.rows(card), strict=True)
        ],
        "heads": cards.HEADS,
        "better": [cards.in_words(row) for row in cards.found(card, "better")],
        "worse": [cards.in_words(row) for row in cards.found(card, "worse")],
    }


def plot_sections(context: Json) -> list[tuple[str, str]]:
    """Anchor and name of each section that the page has."""
    every = [
        ("hearing", "Hearing gap", bool(context["alone"]["gap"])),
        ("together", "Trainings", bool(context["together"])),
        ("steps", "Steps", bool(context["alone"]["steps"])),
        ("stages", "Stages", True),
        ("card", "Regression card", context["card"] is not None),
        ("browse", "Listen", True),
    ]
    return [(anchor, name) for anchor, name, there in every if there]
