"""How an exam is asked: right answers, nats an answer token, events with their times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harken.ask.prompt import make_prompt
from harken.ask.record import ask_and_score
from harken.item import Item
from harken.models.base import Sampling
from harken.models.learner import Learner
from harken.recipes.effects.study import Exam, ExamLine
from harken.stats.measures import clusters
from harken.stats.table import is_scored
from harken.times import times_as_text
from harken.train.hearing_gap import hear

COLLARS = {"100 ms": 0.1, "1 s": 1.0}
"""How far the onset of an event may be off, in seconds."""

BATCH = 32
_EVENT = re.compile(r"([a-z][a-z ]*?)\s*(\d+(?:\.\d+)?) ?s to (\d+(?:\.\d+)?) ?s", re.I)

Event = tuple[str, float, float]
"""Name, start and end in seconds."""


def right_answers(learner: Learner, exam: Exam) -> Iterator[ExamLine]:
    """Closed-ended items: the most probable choice, by the scorer of `harken eval`.

    An item that failed has no line, so it counts neither as right nor as wrong.
    """
    groups = _groups(exam.items)
    records = ask_and_score(
        learner, exam.items, conditions=exam.conditions, replies="none", batch=BATCH
    )
    for record in records:
        if is_scored(record):
            right = float(record["outcome"] == "correct")
            yield _line(exam, record["condition"], record["task"], record["item"], groups, right, 1)


def answer_nats(learner: Learner, exam: Exam) -> Iterator[ExamLine]:
    """-log p of the right answer's tokens, in nats, of so many tokens."""
    groups = _groups(exam.items)
    for condition in exam.conditions:
        heard = hear(learner, exam.items, condition, batch=BATCH)
        for i, losses in heard.losses.items():
            item = exam.items[i]
            nats = round(float(losses.sum()), 6)
            yield _line(exam, condition, item.task, item.id, groups, nats, len(losses))


def event_onsets(learner: Learner, exam: Exam) -> Iterator[ExamLine]:
    """Twice the events met, of predicted plus gold: the sums of an event F1, for each collar.

    An event is met by one of the same name whose onset is within the collar; a reply without
    readable events has predicted none.
    """
    groups = _groups(exam.items)
    for start in range(0, len(exam.items), BATCH):
        batch = exam.items[start : start + BATCH]
        prompts = [make_prompt(item, learner.style) for item in batch]
        replies = learner.generate(prompts, Sampling(max_tokens=48))
        for item, reply in zip(batch, replies, strict=True):
            said, gold = events_in(reply.text), events_in(item.answer)
            for collar, seconds in COLLARS.items():
                own = Exam(f"{exam.name} {collar}", (), exam.ask)
                hits = events_met(said, gold, seconds)
                yield _line(
                    own, "audio", item.task, item.id, groups, 2.0 * hits, len(said) + len(gold)
                )


def events_in(text: str) -> list[Event]:
    """The events in a reply: ``dog bark 0.35s to 1.20s``; times may be tokens.

    What does not run forward is no event.
    """
    found = []
    for name, start, end in _EVENT.findall(times_as_text(text)):
        if float(start) < float(end):
            found.append((" ".join(name.lower().split()), float(start), float(end)))
    return found


def events_met(said: Sequence[Event], gold: Sequence[Event], collar: float) -> int:
    """How many gold events have one of the same name said within the collar, one to one.

    Both are gone through in order of onset; rounding of the last digit does not count.
    """
    free = sorted(said, key=lambda event: event[1])
    met = 0
    for name, onset, _ in sorted(gold, key=lambda event: event[1]):
        fits = [e for e in free if e[0] == name and abs(e[1] - onset) <= collar + 1e-9]
        if fits:
            free.remove(fits[0])
            met += 1
    return met


def _groups(items: Sequence[Item]) -> dict[str, str]:
    """Item id -> the recording that it is clustered by."""
    names = clusters([item.recordings for item in items])
    return {item.id: name for item, name in zip(items, names, strict=True)}


def _line(
    exam: Exam,
    condition: str,
    task: str,
    item: str,
    groups: dict[str, str],
    right: float,
    n: float,
) -> ExamLine:
    return ExamLine(
        exam=exam.name,
        condition=condition,
        task=task,
        item=item,
        group=groups[item],
        right=right,
        n=n,
    )
