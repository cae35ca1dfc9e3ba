"""distil: the language model with the audio learns to answer as it does with the audio's text.

Teacher and student are one model: the teacher reads transcripts or labels in place of the clips,
without adapters, the student hears the clips. The loss is the KL divergence of the student from the
teacher at every token of the answer (as in Ultravox, and BLSP-KD, arXiv 2405.19041). So what the
language model knows of text is carried over, and no answer has to be written for it: with
``answers=teacher`` the answers are the teacher's own replies (as in BLSP, arXiv 2309.00916).

The texts of an item's clips are in its plan (``heard``, or ``answer`` where there is one clip);
with ``answers_as_text`` the answer of an item about one clip serves where there is none. Items
without are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from harken.ask.option_order import shuffled_order
from harken.ask.prompt import make_prompt, target
from harken.errors import ConfigError, DataError, ModelError
from harken.item import Item
from harken.listed import listed
from harken.models.base import Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.net import eval_mode
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.arrival import EXAMPLES, check_arrival
from harken.train.batch import epoch_picks
from harken.train.before import require_packing
from harken.train.check import check_items, used
from harken.train.determinism import deterministic
from harken.train.kept import kept_records
from harken.train.losses import answer_loss, distil_loss
from harken.train.measure import longest, write_measures
from harken.train.objective import Made, Objective, Prepared, prepared
from harken.train.optimiser import rates
from harken.train.stage import LoopSettings, Stage
from harken.train.teachable import unteachable
from harken.train.text_clips import clip_labels, with_texts
from harken.train.train_loop import train_loop

ITEMS, TEACHER = "items", "teacher"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistilSettings(LoopSettings):
    """Settings of the stage.

    Attributes:
        batch: examples in a micro-batch; a step has `accumulate` of these.
        pack_tokens: see `harken.train.answers.TrainSettings`; teacher and student have rows of
            their own.
        temperature: of both distributions in the KL.
        cross_entropy: weight of the cross-entropy of the answers; 0: the KL alone.
        answers: ``items``: the tokens compared are those of the items' answers; ``teacher``: those
            of the teacher's own replies, the most probable ones, made before step 0.
        max_tokens: room for these.
        answers_as_text: the answer of an item about one clip is the text of the clip, where its
            plan has none.
    """

    name: str = "distil"
    groups: tuple[str, ...] = ("projector",)
    batch: int = 8
    pack_tokens: int = 0
    temperature: float = 1.0
    cross_entropy: float = 0.0
    answers: str = ITEMS
    max_tokens: int = 64
    answers_as_text: bool = False

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault(name, least=1) for name in ("batch", "max_tokens")]
        found += [self.fault("pack_tokens")]
        found += [self.fault("temperature", above=0, most=100), self.fault("cross_entropy")]
        if self.answers not in (ITEMS, TEACHER):
            found.append(f"answers is {self.answers!r} (accepted: {ITEMS}, {TEACHER})")
        if self.answers == TEACHER and self.cross_entropy:
            # The end of a reply that was cut is no end, which only the KL knows.
            found.append("cross_entropy is above 0 with answers=teacher (accepted: 0)")
        return [*LoopSettings.faults(self), *filter(None, found)]


@dataclass(frozen=True, slots=True)
class TextItem:
    """An item with the text of each of its clips."""

    item: Item
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TextPair:
    """One question with audio and with text, followed by the same answer."""

    student: TokenizedPrompt
    teacher: TokenizedPrompt


def distil(learner: Learner, items: Sequence[Item], settings: DistilSettings, run: Run) -> None:
    """Train the groups of the settings towards the text-fed model.

    The numbers of items used and left out are in ``<settings.name>-items.json``.

    Raises:
        ConfigError: the teacher would change with the student: the language model is trained, and
            not by adapters; or examples that cannot be packed.
        DataError: no item has the texts of its clips, or some cannot be trained on (all are named,
            before step 0).
    """
    _require_teacher(learner, settings)
    require_packing(learner, settings.name, settings.pack_tokens)
    known, left_out = with_their_texts(items, answers_as_text=settings.answers_as_text)
    if not known:
        told = ", ".join(f"{count} {why}" for why, count in left_out.items()) or "none given"
        raise DataError(
            f"stage {settings.name} has no items whose clips have texts: {told}",
            hint="Give items whose plan says what is heard, or set answers_as_text.",
        )
    if not run.done:
        counts = {"train": len(known), "left_out": left_out}
        run.write_json(f"{settings.name}-items", counts)
    size = settings.batch * settings.accumulate
    chosen = [known[pick] for pick in used(len(known), size, settings.seed, settings.steps)]
    replies = _replies(learner, chosen, settings, run) if settings.answers == TEACHER else {}

    def drawn(step: int) -> list[tuple[TextItem, list[int]]]:
        rng = np.random.default_rng([settings.seed, crc32(b"distil"), step])
        picks = epoch_picks(len(known), size, settings.seed, step)
        return [(known[pick], shuffled_order(known[pick].item, rng)) for pick in picks]

    def made(asked: Sequence[tuple[TextItem, list[int]]]) -> Made:
        pairs = [text_pair(learner, one, replies, order) for one, order in asked]
        tokens = sum(pair.student.answer for pair in pairs)
        clips = sum(len(pair.student.audio_inputs) for pair in pairs)
        return Made(pairs, tokens, {"answer_tokens": tokens, "clips": clips})

    def prepare(step: int) -> Prepared:
        return prepared(drawn(step), settings.batch, made)

    def check() -> None:
        texts = {one.item.id: one.texts for one in chosen}
        sizes: list[int] = []  # of what the teacher reads

        def tokenize(example: Sequence[Item]) -> object:
            (own,) = example  # its clips may be stand-ins, so its id may be another
            text = texts.get(own.id) or tuple("" for _ in own.clips)
            pair = text_pair(learner, TextItem(own, text), replies)
            sizes.append(len(pair.teacher.ids))
            return pair.student

        def teachable(item: Item) -> list[str]:
            reply = replies.get(item.id)
            own = replace(item, choices=(), answer=reply) if reply else item
            return unteachable(learner, own)

        asked = ([one.item] for one in chosen)
        measures = check_items(asked, settings.name, tokenize, teachable=teachable)
        write_measures(run, settings.name, measures)
        most = max([longest(measures), *sizes])
        require_packing(learner, settings.name, settings.pack_tokens, most)
        first = [text_pair(learner, one, replies, o).student for one, o in drawn(0)[:EXAMPLES]]
        faults = settings.audio_faults
        own = [one.item for one in chosen]
        check_arrival(learner, own, first, run, stage=settings.name, faults=faults)

    objective = Objective(
        prepare=prepare,
        loss=lambda micro: pair_loss(learner, micro.batch, settings),
        check=check,
        named=lambda step: [
            known[pick].item.id for pick in epoch_picks(len(known), size, settings.seed, step)
        ],
    )
    train_loop(learner, settings, run, objective)


def with_their_texts(
    items: Sequence[Item], *, answers_as_text: bool = False
) -> tuple[list[TextItem], dict[str, int]]:
    """Items with the texts of their clips; and how many have none, by reason."""
    known: list[TextItem] = []
    left_out: Counter[str] = Counter()
    for item in items:
        labels = clip_labels(item)
        if not item.clips:
            left_out["no clips"] += 1
        elif labels is not None:
            known.append(TextItem(item, tuple(", ".join(names) for names in labels)))
        elif answers_as_text and len(item.clips) == 1 and item.answer.strip():
            known.append(TextItem(item, (item.answer,)))
        else:
            left_out["no text of the clips"] += 1
    return known, dict(sorted(left_out.items()))


def text_pair(
    learner: Learner, one: TextItem, replies: Mapping[str, str], order: Sequence[int] | None = None
) -> TextPair:
    """An item as it is heard and as it is read, with the options in one order.

    Args:
        learner: tokenizes.
        one: the item.
        replies: item id -> an answer to use instead of the item's.
        order: of the options; that of the item if not given.

    Raises:
        HarkenError: a prompt that cannot be tokenized.
    """
    prompt = make_prompt(one.item, learner.style, order=order)
    answer = replies.get(one.item.id) or target(one.item, prompt)
    student = learner.tokenize(prompt, answer)
    teacher = learner.tokenize(with_texts(prompt, one.texts), answer)
    if student.ids[student.start :] != teacher.ids[teacher.start :]:
        raise ModelError(f"item {one.item.id}: the answer has other tokens after text than audio")
    return TextPair(student, teacher)


def pair_loss(
    learner: Learner, pairs: Sequence[TextPair], settings: DistilSettings
) -> tuple[Tensor, dict[str, float]]:
    """KL from teacher to student over the answer tokens, and the cross-entropy if it is weighted.

    Metrics are the ``kl`` and the share of tokens at which both have the same most probable one.
    """
    with torch.no_grad(), eval_mode(learner.net), teaching(learner):
        read = [pair.teacher for pair in pairs]
        teacher, _, _ = learner.engine.answer_logits(read, pack_tokens=settings.pack_tokens)
    heard = [pair.student for pair in pairs]
    student, ids, _ = learner.engine.answer_logits(heard, pack_tokens=settings.pack_tokens)
    loss = distil_loss(student, teacher, settings.temperature)
    same = (student.detach().argmax(-1) == teacher.argmax(-1)).float().mean()
    means = {"kl": float(loss.detach()), "agreement": float(same)}
    if settings.cross_entropy:
        loss = loss + settings.cross_entropy * answer_loss(student, ids)
    return loss, means


@contextmanager
def teaching(learner: Learner) -> Iterator[None]:
    """The model as a teacher, for a block: without adapters, if it has any."""
    if not learner.config.get("lora"):
        yield
        return
    with learner.without_adapters():
        yield


def _require_teacher(learner: Learner, settings: DistilSettings) -> None:
    adapted = any(name.startswith("lm.") and "lora_" in name for name in learner.state())
    groups = rates(learner, settings)
    if "lm" in groups and not adapted:
        raise ConfigError(
            f"{', '.join(groups)} are trained, and {learner.name} has no adapters in lm: "
            "the teacher would change with the student",
            where=settings.name,
            hint="Train the projector only, or add adapters to lm (--lora).",
        )


def _replies(
    learner: Learner, chosen: Sequence[TextItem], settings: DistilSettings, run: Run
) -> dict[str, str]:
    """Item id -> what the teacher replies to its text, kept in the run.

    Raises:
        DataError: a reply is empty.
    """
    sampling = Sampling(settings.max_tokens, 0.0, seed=settings.seed)

    def make(numbers: range) -> list[Mapping[str, Any]]:
        own = [chosen[number] for number in numbers]
        asked = {
            place: learner.tokenize(with_texts(make_prompt(one.item, learner.style), one.texts))
            for place, one in enumerate(own)
        }
        with teaching(learner):
            found = learner.sample(asked, sampling, [[settings.seed, n] for n in numbers])
        return [
            {"item": one.item.id, "reply": found[place].text, "cut": not found[place].ended}
            for place, one in enumerate(own)
        ]

    with deterministic(settings.threads):
        records = kept_records(run, settings.name, "replies", len(chosen), make)
    empty = [record["item"] for record in records if not record["reply"].strip()]
    if empty:
        raise DataError(
            f"the text-fed model replies nothing to {len(empty)} of {len(records)} items: "
            f"{listed(empty)}",
            where=f"stage {settings.name}",
            hint="Use answers=items, or take these items out.",
        )
    return {record["item"]: record["reply"] for record in records}


STAGE = Stage(
    "distil",
    "KL from the language model with the text of the clips to the one with the audio",
    DistilSettings,
    distil,
    list,
)
