"""How long the examples of a stage are: tokens, clips, audio tokens, answer tokens, and a summary.

Measured before step 0 and written to the run::

    measured.jsonl   a line for each example
    measured.json    counts, least, median and most of each, and the share of audio tokens
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from harken.item import Item
from harken.listed import items_listed
from harken.models.engine.batch import TokenizedPrompt
from harken.progress import tell
from harken.runs import Run

RECORDS = "measured"
"""Name of the records in the run, and of their summary."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of one example.

    Attributes:
        item: its id, or ids with commas.
        tokens: all tokens, those of the answer included; of a pair of answers to one prompt, those
            of the longer one.
        clips: number of clips in it.
        audio_tokens: placeholders in it.
        answer_tokens: tokens with a loss; of a pair, those of both answers.
    """

    item: str
    tokens: int
    clips: int
    audio_tokens: int
    answer_tokens: int


def measure(example: Sequence[Item], made: object) -> Measure | None:
    """The size of what `tokenize` made of an example; None where that has no tokenized prompt."""
    prompts = prompts_in(made)
    if not prompts:
        return None
    most = max(prompts, key=lambda prompt: len(prompt.ids))
    return Measure(
        ",".join(item.id for item in example),
        len(most.ids),
        len(most.audio_inputs),
        sum(audio_input.tokens for audio_input in most.audio_inputs),
        sum(prompt.answer_tokens for prompt in prompts),
    )


def longest(measures: Sequence[Measure]) -> int:
    """Tokens of the longest example; 1 without any."""
    return max((one.tokens for one in measures), default=1)


def prompts_in(made: object) -> list[TokenizedPrompt]:
    """The tokenized prompts in what a stage calls a batch: in sequences and dataclasses."""
    if isinstance(made, TokenizedPrompt):
        return [made]
    if isinstance(made, list | tuple):
        return [prompt for part in made for prompt in prompts_in(part)]
    if is_dataclass(made) and not isinstance(made, type):
        return [p for entry in fields(made) for p in prompts_in(getattr(made, entry.name))]
    return []


def summary(measures: Sequence[Measure]) -> dict[str, Any]:
    """Number of examples; least, median, most and sum of each size; share of audio tokens."""
    found: dict[str, Any] = {"examples": len(measures)}
    for name in ("tokens", "clips", "audio_tokens", "answer_tokens"):
        values = [getattr(one, name) for one in measures]
        found[name] = {
            "min": min(values, default=0),
            "median": float(np.median(values)) if values else 0.0,
            "max": max(values, default=0),
            "sum": sum(values),
        }
    total = found["tokens"]["sum"]
    found["audio_share"] = round(found["audio_tokens"]["sum"] / total, 4) if total else 0.0
    return found


def summary_text(found: Mapping[str, Any]) -> str:
    """`summary` in one line."""

    def span(name: str) -> str:
        one = found[name]
        return f"{one['min']}–{one['median']:g}–{one['max']}"

    return (
        f"{found['examples']} examples; least–median–most: tokens {span('tokens')}, "
        f"clips {span('clips')}, audio tokens {span('audio_tokens')}, "
        f"answer tokens {span('answer_tokens')}; {found['audio_share']:.0%} of tokens are audio"
    )


def write_measures(run: Run, stage: str, measures: Sequence[Measure]) -> dict[str, Any]:
    """Write `measures` and their summary to the run, in place of those of an earlier attempt; tell.

    A run of several stages has the lines of all, and the summary of each under its name.
    """
    others = [record for record in run.records(RECORDS) if record.get("stage") != stage]
    run.rewrite(RECORDS, [*others, *({"stage": stage, **asdict(one)} for one in measures)])
    found = summary(measures)
    known = run.read_json(RECORDS) if (run.path(f"{RECORDS}.json")).is_file() else {}
    run.write_json(RECORDS, {**known, stage: found})
    run.log({"stage": stage, "measured": found})
    tell(f"{stage}: {summary_text(found)}")
    return found


def tell_room(run: Run, stage: str, measures: Sequence[Measure], context: int, room: int) -> None:
    """Tell, with ids, which prompts leave fewer than `room` of `context` tokens for a reply."""
    tight = [one.item for one in measures if context - one.tokens < room]
    if tight:
        text = (
            f"{len(tight)} of {len(measures)} prompts leave fewer than {room} tokens for a reply, "
            f"in a context of {context}: they are cut there{items_listed(tight, 10)}"
        )
        run.log({"stage": stage, "room": text})
        tell(f"{stage}: {text}")
