"""Exams of a contrastive model on held-out sounds: labels, a probe, retrieval, quadruples.

Every exam gives lines (`harken.recipes.effects.study.ExamLine`): what became of each clip, query or
quadruple, and the group it is drawn with where an interval is made.

Run:  harken eval-clap clap/model ESC-10
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harken.corpora.base import Recording
from harken.errors import DataError
from harken.evaluate.linear_probe import LinearProbe
from harken.evaluate.similarity import Similarities, compa_scores, retrieval_scores, zero_shot
from harken.item import Item
from harken.models.contrastive.model import ContrastiveModel
from harken.recipes.clap import TEMPLATES
from harken.recipes.codec import recordings_of
from harken.recipes.effects.study import Exam, ExamLine
from harken.recipes.two_events import KINDS, Stretches, quadruples, sound_recordings
from harken.stats.bootstrap import Resampling, numbered
from harken.synth.known import facts_of

LEFT_OUT = "left_out"
"""Key of what is told of a model's training: labels that it was not trained on."""


CHANCE = {"text": 1 / 4, "audio": 1 / 4, "group": 1 / 6}
"""Of the scores of quadruples."""


def eval_clap(model: str, places: Sequence[Path], *, seed: int = 0) -> dict[str, Any]:
    """All exams of a saved model on the test recordings of corpora; the probe is fitted to train.

    Args:
        model: see `ContrastiveModel.open`.
        places: folders of recordings with one label each, two labels or more.
        seed: of the splits.

    Returns:
        ``labels``, and ``exams``: for each its name, ``value``, 95 % interval over groups (source
        recordings, queries, blocks of quadruples), ``n``, ``groups`` and ``chance`` (None where
        there is no simple one).

    Raises:
        DataError: fewer than two labels in a split. ModelError: no such model.
    """
    recordings = recordings_of(places, "", seed)
    train, test = (sound_recordings(recordings, split) for split in ("train", "test"))
    labels = sorted({one.labels[0] for one in test})
    if min(len(labels), len({one.labels[0] for one in train})) < 2:
        raise DataError(
            "fewer than two labels have recordings for training and for the exams",
            where=", ".join(map(str, places)),
            hint="See what is there: harken scan CORPUS",
        )
    opened, stretches = ContrastiveModel.open(model), Stretches()
    exams = clap_exams(label_items(train), test, stretches)
    lines = [line for exam in exams for line in exam.ask(opened, exam)]
    chances = {"zero-shot": 1 / len(labels), "linear probe": 1 / len(labels), "two labels": 1 / 2}
    return {"model": model, "labels": labels, "exams": _summary(lines, chances)}


def clap_exams(
    train: Sequence[Item], test: Sequence[Recording], stretches: Stretches
) -> tuple[Exam, ...]:
    """All exams on test recordings; the probe is fitted to `train` (`label_items`)."""
    labelled = label_items(test)
    order, *attributes = (quadruples(test, kind, stretches) for kind in KINDS)
    return (
        Exam("zero-shot", labelled, ask_labels),
        Exam("two labels", labelled, ask_two_labels),
        Exam("linear probe", labelled, probe_by(train)),
        Exam("retrieval", order, ask_retrieval),
        Exam("order", order, ask_quadruples),
        *(Exam(kind, own, ask_quadruples) for kind, own in zip(KINDS[1:], attributes, strict=True)),
    )


def _summary(lines: Sequence[ExamLine], chances: dict[str, float]) -> list[dict[str, Any]]:
    """A row for each exam, in the order of its first line."""
    found = []
    for name in dict.fromkeys(line["exam"] for line in lines):
        own = [line for line in lines if line["exam"] == name]
        values = np.array([line["right"] for line in own])
        member = numbered([line["group"] for line in own])
        row = {
            "exam": name,
            "value": float(values.mean()),
            "n": len(own),
            "groups": len(set(member.tolist())),
            "chance": chances.get(name, CHANCE.get(name.rpartition(" ")[2])),
        }
        draws = Resampling(member)
        draws.want(values, row)
        draws.run()
        found.append(row)
    return found


def label_items(recordings: Sequence[Recording]) -> list[Item]:
    """An item for each recording with one label: which of all labels it has."""
    labels = tuple(sorted({one.labels[0] for one in recordings}))
    return [
        Item(
            question="What is heard?",
            answer=one.labels[0],
            choices=labels,
            clips=(one.clip,),
            task="label",
            recordings=(one.id,),
            split=one.split,
            licence=one.licence,
            facts=(facts_of(one),),
        )
        for one in recordings
    ]


def partners(labels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The pair of labels that each one is in: neighbours in a drawn order; of an odd one none."""
    known = sorted(set(labels))
    order = [known[int(i)] for i in np.random.default_rng(len(known)).permutation(len(known))]
    found = {}
    for one, other in zip(order[::2], order[1::2], strict=False):
        found[one] = found[other] = (one, other)
    return found


def ask_labels(model: ContrastiveModel, exam: Exam) -> Iterator[ExamLine]:
    """Zero-shot: among all labels. A model that some were kept from is asked about those alone."""
    items = _asked(model, exam.items)
    if not items:
        return
    labels = list(items[0].choices)
    similar = _similar(model, items, labels)
    right = zero_shot(similar, [labels.index(item.answer) for item in items])
    for item, own in zip(items, right, strict=True):
        yield _line(exam.name, item.answer, item.id, item.recordings[0], own)


def ask_two_labels(model: ContrastiveModel, exam: Exam) -> Iterator[ExamLine]:
    """Zero-shot among two labels, of which a model may have been trained on neither."""
    pairs = partners([label for item in exam.items[:1] for label in item.choices])
    items = [item for item in _asked(model, exam.items) if item.answer in pairs]
    if not items:
        return
    labels = list(items[0].choices)
    for item, row in zip(items, _similar(model, items, labels), strict=True):
        two = [labels.index(label) for label in pairs[item.answer]]
        (own,) = zero_shot(row[None, two], [two.index(labels.index(item.answer))])
        yield _line(exam.name, item.answer, item.id, item.recordings[0], own)


def probe_by(train: Sequence[Item]) -> Callable[[ContrastiveModel, Exam], Iterator[ExamLine]]:
    """A linear probe of the audio vectors, fitted to `train`."""

    def ask(model: ContrastiveModel, exam: Exam) -> Iterator[ExamLine]:
        if model.training.get(LEFT_OUT):
            return
        vectors = model.embed_audio([item.clips[0] for item in train])
        probe = LinearProbe.fit(vectors, [item.answer for item in train])
        said = probe.predict(model.embed_audio([item.clips[0] for item in exam.items]))
        for item, own in zip(exam.items, said, strict=True):
            right = own == item.answer
            yield _line(exam.name, item.answer, item.id, item.recordings[0], right)

    return ask


def ask_retrieval(model: ContrastiveModel, exam: Exam) -> Iterator[ExamLine]:
    """R@k and mAP@10: every caption of the quadruples is looked for among all their clips."""
    if model.training.get(LEFT_OUT):
        return
    clips = [clip for item in exam.items for clip in item.clips]
    texts = [text for item in exam.items for text in item.choices]
    tasks = {text: item.task for item in exam.items for text in item.choices}
    queries = sorted({*texts})
    similar = model.embed_audio(clips) @ model.embed_text(queries).T
    fits = [[at for at, text in enumerate(texts) if text == query] for query in queries]
    for name, values in retrieval_scores(similar, fits).items():
        for query, value in zip(queries, values, strict=True):
            group = " ".join(
                sorted(query.replace(",", "").split())
            )  # a caption and its reversal are one draw
            yield _line(name, tasks[query], query, group, value)


def ask_quadruples(model: ContrastiveModel, exam: Exam) -> Iterator[ExamLine]:
    """Text, audio and group score of CompA (`harken.evaluate.similarity.compa_scores`)."""
    if model.training.get(LEFT_OUT):
        return
    audio = model.embed_audio([clip for item in exam.items for clip in item.clips])
    text = model.embed_text([text for item in exam.items for text in item.choices])
    shape = (len(exam.items), 2, -1)
    similar = np.einsum("pcd,pad->pca", text.reshape(shape), audio.reshape(shape))
    scores = compa_scores(similar)
    for name, values in scores.items():
        for item, value in zip(exam.items, values, strict=True):
            block = str(item.plan["block"])
            yield _line(f"{exam.name} {name}", item.task, item.id, block, value)


def _asked(model: ContrastiveModel, items: Sequence[Item]) -> list[Item]:
    left_out = model.training.get(LEFT_OUT) or ()
    return [item for item in items if not left_out or item.answer in left_out]


def _similar(model: ContrastiveModel, items: Sequence[Item], labels: Sequence[str]) -> Similarities:
    """(items, labels)."""
    texts = model.embed_text([TEMPLATES[0].format(label) for label in labels])
    found: Similarities = model.embed_audio([item.clips[0] for item in items]) @ texts.T
    return found


def _line(exam: str, task: str, item: str, group: str, right: float) -> ExamLine:
    return ExamLine(
        exam=exam, condition="audio", task=task, item=item, group=group, right=float(right), n=1
    )
