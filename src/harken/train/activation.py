"""activation: long answers for a model tuned with adapters on short ones (SALMONN, 2310.13289).

A model tuned on short answers gives short answers, whatever it is asked. With the scale of its
adapters lowered, their effect is lowered too, and it writes again what its language model can
write: stories, long descriptions. It is asked for some of these about clips, in that state, and
tuned for a few steps on its own long answers, at full scale. Which answers were collected, which of
them are trained on, and why not the others, is in ``<settings.name>-answers.jsonl``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.base import Prompt, Sampling
from harken.models.engine.generate import GeneratedReply
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, train_on_answers
from harken.train.check import check_items
from harken.train.determinism import deterministic
from harken.train.kept import kept_records
from harken.train.stage import Stage

PROMPTS = (
    "Tell a story in which what you hear happens.",
    "Describe in detail what you hear, and all that can be told from it.",
    "Imagine the place where this was recorded, and describe it at length.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationSettings(TrainSettings):
    """`TrainSettings` with the defaults of this stage, and how answers are collected.

    Attributes:
        scale: the adapters' scale while answers are collected, times their own; 0: without them.
        prompts: what is asked, one after the other.
        collect: answers that are asked for, each about the clips of another item, until all items
            have had their turn.
        least: fewest answers that may be left to train on.
        least_tokens: an answer that is shorter is not trained on.
        max_tokens: room for an answer; one that is cut is not trained on.
        temperature: of sampling; 0: the most probable answer.
        top_p: of sampling.
    """

    name: str = "activation"
    groups: tuple[str, ...] = ("lm",)
    steps: int = 12
    scale: float = 0.5
    prompts: tuple[str, ...] = PROMPTS
    collect: int = 32
    least: int = 4
    least_tokens: int = 32
    max_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 0.9

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        names = ("collect", "least", "least_tokens", "max_tokens")
        found = [self.fault(name, least=1) for name in names]
        found += [self.fault("scale", most=0.999), self.fault("temperature", most=10)]
        found += [self.fault("top_p", above=0, most=1)]
        if not self.prompts or not all(isinstance(p, str) and p.strip() for p in self.prompts):
            found.append(f"prompts are {self.prompts!r} (accepted: texts, at least one)")
        if not any(found) and self.least > self.collect:
            found.append(f"least is {self.least} (accepted: at most collect, {self.collect})")
        if not any(found) and self.least_tokens >= self.max_tokens:
            found.append(
                f"least_tokens is {self.least_tokens} (accepted: less than max_tokens, "
                f"{self.max_tokens})"
            )
        return [*TrainSettings.faults(self), *filter(None, found)]


def activation(
    learner: Learner, items: Sequence[Item], settings: ActivationSettings, run: Run
) -> None:
    """Collect long answers with a lowered scale of the adapters, and train on them.

    Raises:
        ConfigError: the model has no adapters.
        DataError: no item has clips, or too few answers are fit to train on.
    """
    if not learner.config.get("lora"):
        raise ConfigError(
            f"{learner.name} has no adapters whose scale could be lowered",
            where=settings.name,
            hint="Use a model that was tuned with adapters (harken train sft … --lora).",
        )
    asked = to_ask(items, settings)
    with deterministic(settings.threads):
        records = _collected(learner, asked, settings, run)
    made = [
        Item(
            one.question,
            record["reply"],
            clips=one.clips,
            task="activation",
            recordings=one.recordings,
            split=one.split,
            licence=one.licence,
        )
        for one, record in zip(asked, records, strict=True)
        if not record["why_not"]
    ]
    reasons = Counter(record["why_not"] for record in records if record["why_not"])
    run.log({"stage": settings.name, "answers": len(made), "left_out": dict(reasons)})
    if len(made) < settings.least:
        told = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
        raise DataError(
            f"{len(made)} of {len(records)} answers are fit to train on, and at least "
            f"{settings.least} are wanted: {told}",
            where=f"stage {settings.name}",
            hint="Lower scale, raise max_tokens, lower least_tokens, or collect more.",
        )
    train_on_answers(learner, made, settings, run)


def to_ask(items: Sequence[Item], settings: ActivationSettings) -> list[Item]:
    """The questions that are asked: the clips of items, each with one of the prompts.

    Raises:
        DataError: no item has clips.
    """
    clips = {tuple(clip.key for clip in item.clips): item for item in items if item.clips}
    sources = list(clips.values())
    if not sources:
        raise DataError(
            f"stage {settings.name} has no items with clips",
            hint="Give it a dataset with clips; their questions are not used.",
        )
    rng = np.random.default_rng([settings.seed, crc32(b"activation")])
    order = rng.permutation(len(sources))
    found: dict[str, Item] = {}
    for number in range(settings.collect):
        turn, place = divmod(number, len(sources))
        source = sources[int(order[place])]
        prompt = settings.prompts[(place + turn) % len(settings.prompts)]
        one = Item(
            prompt, "", clips=source.clips, task="activation", recordings=source.recordings,
            split=source.split, licence=source.licence,
        )  # fmt: skip
        found.setdefault(one.id, one)  # few clips: what is asked already is not asked again
    return list(found.values())


def _collected(
    learner: Learner, asked: Sequence[Item], settings: ActivationSettings, run: Run
) -> list[dict[str, Any]]:
    """An answer to each question, kept in the run, and why it is not trained on if it is not."""
    sampling = Sampling(
        settings.max_tokens, settings.temperature, seed=settings.seed, top_p=settings.top_p
    )

    def prompt_of(item: Item) -> Prompt:
        return make_prompt(item, learner.style)

    def make(numbers: range) -> list[Mapping[str, Any]]:
        if numbers.start == 0:
            check_items(
                ([item] for item in asked),
                settings.name,
                lambda example: learner.tokenize(prompt_of(example[0])),
            )
        own = [asked[number] for number in numbers]
        prompts = {place: learner.tokenize(prompt_of(item)) for place, item in enumerate(own)}
        seeds = [[settings.seed, crc32(b"activation"), number] for number in numbers]
        with learner.scaled_adapters(settings.scale):
            replies = learner.sample(prompts, sampling, seeds)
        return [_record(item, replies[place], settings) for place, item in enumerate(own)]

    return kept_records(run, settings.name, "answers", len(asked), make)


def _record(item: Item, reply: GeneratedReply, settings: ActivationSettings) -> dict[str, Any]:
    why = ""
    if not reply.ended:
        why = "cut"
    elif len(reply.ids) < settings.least_tokens or not reply.text.strip():
        why = "too short"
    return {
        "item": item.id,
        "clips": [clip.key for clip in item.clips],
        "prompt": item.question,
        "reply": reply.text,
        "tokens": len(reply.ids),
        "why_not": why,
    }


def takes(items: Sequence[Item]) -> list[Item]:
    """Items with clips: the questions are the stage's own."""
    return [item for item in items if item.clips]


STAGE = Stage(
    "activation",
    "its own long answers, collected with adapters at a lower scale",
    ActivationSettings,
    activation,
    takes,
)
