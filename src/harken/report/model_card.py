"""A model card: markdown below a YAML head, as the hub reads it, from what was measured.

Sections: what the model is, results by part and condition, the same parts by other models, what it
cannot do, how it was trained, with the hearing gap over all stages, and how it was measured. Every
figure comes from a run folder. Names and texts are escaped; no path of this computer is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

import harken.report.words as words
from harken.errors import ConfigError
from harken.files import write_whole
from harken.models.base import MODEL_FILE
from harken.parsing import load_json
from harken.report.card_beside import beside_section
from harken.report.card_results import ExamPart, share
from harken.report.markdown import escaped, table
from harken.report.outline import PagePlot, tree
from harken.report.plots import kind
from harken.report.step_plot import StepLine, StepValue, step_plot
from harken.report.svg_file import standalone
from harken.report.training_content import stage_rows
from harken.report.training_data import StageRun, Training

Json = Mapping[str, Any]

PLOT = "hearing-gap.svg"
"""The curve beside the card."""
MOST_ROWS = 24
"""Evaluations in the table of the curve; of more, evenly spread ones."""


@dataclass(frozen=True, slots=True)
class CardTexts:
    """What no run knows.

    Attributes:
        licence: of the trained weights, as the hub names it (``apache-2.0``).
        summary: what the model is, in a sentence.
        name: of the model; empty: as it is saved.
        bases: ids of the pretrained parts; empty: as the model names them, without folders.
        data: what it was trained on, a line each, with licences.
        hardware: what it was trained on.
        notes: further lines on what it cannot do.
    """

    licence: str
    summary: str
    name: str = ""
    bases: Sequence[str] = ()
    data: Sequence[str] = ()
    hardware: str = ""
    notes: Sequence[str] = ()


def write_model_card(
    path: Path,
    model: Path,
    parts: Sequence[ExamPart],
    texts: CardTexts,
    trainings: Sequence[Training] = (),
    beside: Mapping[str, Sequence[ExamPart]] | None = None,
    ablations: Mapping[str, Sequence[Training]] | None = None,
) -> dict[str, Any]:
    """Write the card, and the curve of the hearing gap beside it where there is one.

    Args:
        path: of the card; `PLOT` is written into its folder.
        model: the saved model's folder.
        parts: what it was measured on.
        texts: what no run knows.
        trainings: in the order in which they were made; their steps follow one another.
        beside: name of another model -> its parts; compared by the parts' names.
        ablations: what was left out or changed -> the trainings of that model.

    Returns:
        ``card``, ``parts``, ``cannot`` (parts that are no success), ``warnings``.

    Raises:
        ConfigError: no licence or summary; no parts.
    """
    if not (texts.licence.strip() and texts.summary.strip() and parts):
        raise ConfigError(
            "a card needs a licence, a summary and at least one part",
            hint="Give --licence and --summary, and the runs of `harken eval`.",
        )
    saved = load_json(model / MODEL_FILE)
    name = texts.name or str(saved.get("name") or model.name)
    texts = replace(texts, bases=tuple(texts.bases) or _bases(saved))
    stages = _consecutive(trainings)
    plot = _plot(stages)
    cannot = [(part, why) for part in parts if (why := part.shortfall())]
    other = sorted({part.identity for part in parts if part.identity != saved.get("identity")})
    warned = [f"runs are of weights {', '.join(other)}, the folder has {saved.get('identity')}: "
              "another precision, or another model"] if other else []  # fmt: skip
    sections = [
        f"# {escaped(name)}",
        escaped(texts.summary),
        *_what(saved, texts),
        *_results(parts),
        *beside_section(parts, beside or {}),
        *_cannot(cannot, texts.notes),
        *_trained(stages, texts, bool(plot)),
        *_ablations(stages, ablations or {}),
        *_measured(parts, warned),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    if plot:
        write_whole(path.parent / PLOT, plot)
    write_whole(path, f"---\n{_head(name, texts, parts)}---\n\n" + "\n\n".join(sections) + "\n")
    return {
        "card": str(path),
        "parts": len(parts),
        "cannot": [part.name for part, _ in cannot],
        "warnings": warned,
    }


def _head(name: str, texts: CardTexts, parts: Sequence[ExamPart]) -> str:
    """The YAML head in the hub's form."""
    results = []
    for part in parts:
        own = part.main
        if own.value is None:
            continue
        measure = "wer" if part.errors else "accuracy"
        results.append(
            {
                "task": {"type": "audio-text-to-text", "name": "audio question answering"},
                "dataset": {"type": part.name, "name": part.name},
                "metrics": [{"type": measure, "value": round(own.value, 4),
                             "name": f"{measure} ({next(iter(part.figures))}, n={own.items})"}],
            }
        )  # fmt: skip
    measures = sorted({"wer" if part.errors else "accuracy" for part in parts})
    head = {
        "license": texts.licence.strip(),
        "summary": " ".join(texts.summary.split()),
        "language": ["en"],
        "library_name": "harken",
        "pipeline_tag": "audio-text-to-text",
        **({"base_model": list(texts.bases)} if texts.bases else {}),
        **({"datasets": list(texts.data)} if texts.data else {}),
        "metrics": measures,
        "model-index": [{"name": name, "results": results}],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)


def _bases(saved: Json) -> tuple[str, ...]:
    """The pretrained parts as the model names them; of a folder its name only."""
    sources = [str(base["source"]) for base in saved.get("bases") or ()]
    return tuple(
        source
        if source.count("/") == 1 and not source.startswith(("/", "."))
        else Path(source).name
        for source in dict.fromkeys(sources)
    )


def _what(saved: Json, texts: CardTexts) -> list[str]:
    lines = [f"- pretrained part: {escaped(base)}" for base in texts.bases]
    for group, own in (saved.get("lora") or {}).items():
        told = f"rank {own.get('rank', '?')}" if isinstance(own, dict) else str(own)
        lines.append(f"- trained: LoRA adapters of {escaped(told)} in {escaped(group)}")
    lines += [f"- trained on: {escaped(one)}" for one in texts.data]
    lines.append(
        f"- licence of the trained weights: {escaped(texts.licence)}; the parts have theirs"
    )
    return ["## What it is", "\n".join(lines)]


def _results(parts: Sequence[ExamPart]) -> list[str]:
    conditions = list(dict.fromkeys(c for part in parts for c in part.figures))
    head = ["part", "n", *map(escaped, conditions), "chance", "gain of audio", "p"]
    rows = []
    for part in parts:
        gain = part.gain
        over = f" over {part.over}" if gain else ""
        points = words.points(gain.get("difference")) + over
        if gain and gain["low"] is not None:
            points += f" ({words.gain_interval(gain['low'], gain['high'])})"
        rows.append(
            [
                escaped(part.name) + (" ↓" if part.errors else ""),
                f"{part.items:,}",
                *(share(part.figures.get(c)) for c in conditions),
                words.percent(part.chance),
                points if gain else "–",
                words.p_value(gain.get("p")) if gain else "–",
            ]
        )
    about = [f"{escaped(c)}: {escaped(words.meaning(c))}" for c in conditions]
    return [
        "## Results",
        table(head, rows),
        "Right answers in percent, with 95 % intervals (Wilson's, or by recording where that is "
        "wider); ↓: word error rate, less is better, which is above 100 % where more words are "
        "added than there are. The gain is over the condition without the item's audio that is "
        "hardest to beat, p its exact test by recording; –: not asked, or no value. "
        f"{'; '.join(about)}.",
        *_unanswered(parts),
    ]


def _unanswered(parts: Sequence[ExamPart]) -> list[str]:
    """Requests that failed: they are in no percentage."""
    lines = [
        f"{escaped(part.name)}: " + ", ".join(f"{n:,} under {escaped(c)}" for c, n in own.items())
        for part in parts
        if not part.errors and (own := part.failed)
    ]
    return [f"Requests without a reply, in no percentage: {'; '.join(lines)}."] if lines else []


def _cannot(cannot: Sequence[tuple[ExamPart, str]], notes: Sequence[str]) -> list[str]:
    lines = [
        f"- {escaped(part.name)}: {escaped(why)} ({share(part.main)}, n = {part.main.items:,})"
        for part, why in cannot
    ]
    lines += [f"- {escaped(note)}" for note in notes]
    empty = (
        "Every part was above chance and better with its audio. What was not measured is not known."
    )
    return ["## What it cannot do", "\n".join(lines) or empty]


def _trained(stages: Sequence[StageRun], texts: CardTexts, plotted: bool) -> list[str]:
    found = ["## Training"]
    if texts.hardware:
        found.append(f"Hardware: {escaped(texts.hardware)}.")
    if not stages:
        return [*found, "No run of its training is given here."]
    rows = [
        [
            escaped(row["name"]),
            escaped(row["kind"]),
            f"{row['steps']:,} of {row['of']:,}",
            "–" if row["items"] is None else f"{row['items']:,}",
            escaped(row["settings"]),
            "–" if row["loss"] is None else f"{row['loss'][0]:.2f} → {row['loss'][1]:.2f}",
            "–" if row["gap"] is None else f"{words.signed(row['gap'])} {escaped(row['interval'])}",
            escaped(row["ended"]),
        ]
        for row in stage_rows(Training("", Path(), stages, None))
    ]
    head = ["stage", "kind", "steps", "items", "settings", "loss", "hearing gap", "ended"]
    found.append(table(head, rows))
    curve = _curve(stages)
    if curve:
        found.append("Hearing gap over all stages: what another item's audio costs the model, in "
                     "nats per answer token of held-out items, with 95 % intervals.")  # fmt: skip
        found += [f"![Hearing gap over steps]({PLOT})"] if plotted else []
        found.append(table(["step", "stage", "gap over swap", "right with its audio"], curve))
    return found


def _ablations(
    stages: Sequence[StageRun], ablations: Mapping[str, Sequence[Training]]
) -> list[str]:
    """How far other trainings came, by their last evaluation."""
    if not ablations:
        return []
    others = {name: _consecutive(trainings) for name, trainings in ablations.items()}
    rows = []
    for name, own in {"this model": stages, **others}.items():
        last = _curve(own)[-1:] or [["–", "–", "–", "–"]]
        steps = sum(stage.steps for stage in own)
        rows.append([escaped(name), f"{steps:,}", *last[0][1:]])
    head = ["training", "steps", "last stage measured", "gap over swap", "right with its audio"]
    return ["Beside other trainings, by the last evaluation of each:", table(head, rows)]


def _curve(stages: Sequence[StageRun]) -> list[list[str]]:
    """The hearing gap by evaluation."""
    heard = [(stage.name, step, own) for stage in stages for step, own in stage.heard]
    if len(heard) > MOST_ROWS:
        last = len(heard) - 1
        heard = [heard[i * last // (MOST_ROWS - 1)] for i in range(MOST_ROWS)]
    rows = []
    for name, step, own in heard:
        gap, right = own["gap"].get("swap") or {}, own["accuracy"].get("audio") or {}
        text = words.signed(gap.get("nats"))
        if gap.get("low") is not None:
            text += f" ({words.signed(gap['low'])} to {words.signed(gap['high'])})"
        rows.append([f"{step:,}", escaped(name), text, words.percent(right.get("share"))])
    return rows


def _consecutive(trainings: Sequence[Training]) -> list[StageRun]:
    """The stages of all trainings, with the steps of those before each."""
    found: list[StageRun] = []
    for stage in (stage for one in trainings for stage in one.stages):
        found.append(replace(stage, before=sum(earlier.steps for earlier in found)))
    return found


def _plot(stages: Sequence[StageRun]) -> str:
    """The curve as an SVG file; empty without evaluations."""
    heard = [(step, own) for stage in stages for step, own in stage.heard]
    names = list(dict.fromkeys(name for _, own in heard for name in own["gap"]))
    lines = [
        StepLine(name, kind(name), [
            StepValue(step, gap["nats"], gap.get("low"), gap.get("high"))
            for step, own in heard
            if (gap := own["gap"].get(name)) and gap["nats"] is not None
        ])
        for name in names
    ]  # fmt: skip
    starts = [(float(stage.before), stage.name) for stage in stages if stage.steps]
    drawn = step_plot(lines, "Hearing gap, nats per answer token", zero=True, stages=starts)
    if not drawn:
        return ""
    node = next(tree(str(drawn)).all("svg"))
    legend = tuple((f"c-{one.cls}", one.name) for one in lines if one.values)
    title = "Hearing gap, nats per answer token, over steps"
    return standalone(PagePlot("hearing-gap", title, legend, (("", node, ""),)))


def _measured(parts: Sequence[ExamPart], warned: Sequence[str]) -> list[str]:
    asked = sorted({(part.model, part.identity) for part in parts})
    lines = [f"- {escaped(model)}, weights {escaped(identity)}" for model, identity in asked]
    lines += [f"- {escaped(line)}" for line in warned]
    return [
        "## How it was measured",
        "Every part is a run of `harken eval`: the same questions with their audio and without it. "
        "A choice is the option that the model finds most probable.",
        "\n".join(lines),
    ]
