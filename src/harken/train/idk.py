"""idk: teaches a model to say "I don't know" where it does not know (arXiv 2505.19294).

Before step 0 the model is asked every item of the stage several times, each time with an order of
the options of its own. Where enough of the replies are right, the item keeps its answer; else its
answer becomes a refusal. The labels are written to the run (``…-labels.jsonl``), and the model is
fine-tuned on them. The paper keeps an answer that is right five times of five.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from harken.ask.option_order import shuffled_order
from harken.ask.parse import is_refusal
from harken.ask.prompt import make_prompt
from harken.ask.scorers.load import SCORERS, STRICT
from harken.errors import DataError
from harken.item import Item
from harken.models.base import Prompt, Reply, Sampling
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.answers import TrainSettings, arranged, train_on_sources
from harken.train.check import check_items
from harken.train.determinism import deterministic
from harken.train.kept import kept_records
from harken.train.replay import Source, with_replay
from harken.train.stage import Stage

KNOWN, UNKNOWN = "known", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdkSettings(TrainSettings):
    """`TrainSettings`, and how items are labelled.

    Attributes:
        samples: replies to each item.
        known_from: right replies from which an item is known.
        temperature, top_k, max_tokens: of sampling.
        refusal: what is taught where an item is not known; the scorer must read it as abstaining.
        scorer: says which replies are right.
    """

    name: str = "idk"
    samples: int = 5
    known_from: int = 5
    temperature: float = 1.0
    top_k: int = 0
    max_tokens: int = 32
    refusal: str = "I don't know."
    scorer: str = STRICT

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault(name, least=1) for name in ("samples", "max_tokens")]
        found += [self.fault("known_from", least=1, most=max(1, self.samples)), self.fault("top_k")]
        found += [self.fault("temperature", **({"above": 0} if self.samples > 1 else {}))]
        if not isinstance(self.refusal, str) or not is_refusal(self.refusal):
            found.append(
                f"refusal is {self.refusal!r} (accepted: what is read as abstaining, such as "
                '"I don\'t know.")'
            )
        if self.scorer not in SCORERS:
            found.append(f"scorer is {self.scorer!r} (accepted: {', '.join(SCORERS)})")
        return [*TrainSettings.faults(self), *filter(None, found)]


def idk(learner: Learner, items: Sequence[Item], settings: IdkSettings, run: Run) -> None:
    """Label the items that the steps use by asking the model, then train on the labels.

    Raises:
        DataError: see `train_on_answers`; or no item is known, so that only refusing would be
            taught.
    """
    source = Source(items)
    used = _used(items, settings, run)
    with deterministic(settings.threads):
        labels = labelled(learner, used, settings, run)
    unknown = {label["item"] for label in labels if label["label"] == UNKNOWN}
    run.log({"stage": settings.name, "items": len(labels), "unknown": len(unknown)})
    if labels and len(unknown) == len(labels):
        best = max(label["right"] for label in labels)
        raise DataError(
            f"none of {len(labels)} items is known ({settings.known_from} of {settings.samples} "
            f"right; the most is {best}): the model would be taught to refuse everything",
            where=f"stage {settings.name}",
            hint="Lower known_from, train the model on answers first, or give it other items.",
        )
    answers = dict.fromkeys(sorted(unknown), settings.refusal)
    train_on_sources(learner, [source], settings, run, answers=answers)


def _used(items: Sequence[Item], settings: IdkSettings, run: Run) -> list[Item]:
    """The items that are in a batch of any step, replayed ones not among them."""
    sources = with_replay(
        [Source(items)], settings.replay, settings.replay_share, run, settings.name
    )
    groups, mix = arranged(sources, settings)
    picks = mix.used(settings.examples, settings.seed, settings.steps)
    own = [item for pick in picks if mix.source(pick) == 0 for item in groups[pick]]
    return list({item.id: item for item in own}.values())


def labelled(
    learner: Learner, items: Sequence[Item], settings: IdkSettings, run: Run
) -> list[dict[str, Any]]:
    """The label of each item, kept in the run.

    A record has ``item``, ``right`` and ``of`` (replies), ``label`` (``known`` or ``unknown``) and
    ``outcomes`` (replies by outcome).
    """
    score = SCORERS.get(settings.scorer).score
    sampling = Sampling(settings.max_tokens, settings.temperature, settings.top_k)

    def make(numbers: range) -> list[Mapping[str, Any]]:
        if numbers.start == 0:
            check_items(
                ([item] for item in items),
                settings.name,
                lambda example: learner.tokenize(make_prompt(example[0], learner.style)),
            )
        asked: list[tuple[Item, Prompt]] = []
        seeds: list[list[int]] = []
        for item in (items[number] for number in numbers):
            for sample in range(settings.samples):
                key = [settings.seed, crc32(b"idk"), crc32(item.id.encode()), sample]
                order = shuffled_order(item, np.random.default_rng(key))
                asked.append((item, make_prompt(item, learner.style, order=order)))
                seeds.append([*key, 1])
        tokenized = {place: learner.tokenize(prompt) for place, (_, prompt) in enumerate(asked)}
        replies = learner.sample(tokenized, sampling, seeds)
        outcomes: dict[str, Counter[str]] = {}
        for place, (item, prompt) in enumerate(asked):
            found = score(item, prompt, Reply(replies[place].text)).outcome
            outcomes.setdefault(item.id, Counter())[found] += 1
        return [_label(item_id, own, settings) for item_id, own in outcomes.items()]

    return kept_records(run, settings.name, "labels", len(items), make)


def _label(item_id: str, outcomes: Counter[str], settings: IdkSettings) -> dict[str, Any]:
    right = outcomes["correct"]
    return {
        "item": item_id,
        "right": right,
        "of": settings.samples,
        "label": KNOWN if right >= settings.known_from else UNKNOWN,
        "outcomes": {name: count for name, count in sorted(outcomes.items()) if count},
    }


def takes(items: Sequence[Item]) -> list[Item]:
    """Closed-ended items: whether a reply is right is known without a judge."""
    return [item for item in items if item.choices]


STAGE = Stage(
    "idk",
    'answers where the model knows them, else "I don\'t know"',
    IdkSettings,
    idk,
    takes,
)
