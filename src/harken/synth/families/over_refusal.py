"""over-refusal: pairs of scenes and one question, which has an answer in one scene of the two.

What is heard right after X: something, or this cannot be told, in one of three ways, which take
turns: X is not heard (``missing``), nothing comes after it (``last``), or it is heard twice, each
time before something else (``twice``). Who always declines is right in half of the items, as who
never does, and neither is right in both items of a pair. Half of the pairs are asked in wary
wordings, which sound as if there were no answer (tag ``wary``): what is declined more often then is
over-refusal. The option that declines is read as abstaining outside of choices too
(`harken.ask.refusals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.needs import Events, caption_of, need_of
from harken.synth.paired import one_of_pair
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.staged import SLOT_S, in_slots, stage, staged
from harken.synth.takes import cast, lacks_topics, mixed_names, staged_topics
from harken.synth.wording import listed, named, quoted

EVENTS = 4
NAMES = EVENTS + 1
WAYS = ("missing", "last", "twice")

UNTOLD = "this cannot be told from the recording"

QUESTIONS = {
    "plain": (
        "What is heard right after {x}?",
        "Which of these comes directly after {x}?",
        "What follows {x}?",
        "Listen for {x}. What is heard next?",
    ),
    "wary": (
        "It may well be impossible to say, but what is heard right after {x}?",
        "I doubt that a recording can tell this: which of these comes directly after {x}?",
        "Nobody has told me what is in here. Can one know what follows {x}?",
        "Without having been there, can you say what is heard next after {x}?",
    ),
}


def lacks(pool: RecordingPool) -> str:
    """Five events are needed."""
    return lacks_topics(pool, NAMES)


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """The pair: topic, way and wording (balanced), names, two scenes; then which of them."""

    def both(shared: Draw) -> tuple[Picks, Picks] | None:
        topics = staged_topics(pool, NAMES)
        topic = topics[shared.design.turn(len(topics))]
        way = WAYS[shared.design.turn(len(WAYS))]
        style = tuple(QUESTIONS)[shared.design.turn(len(QUESTIONS))]
        names = mixed_names(shared, topic, NAMES)
        if names is None:
            return None
        query, next_, *others = names
        values = {
            "kind": topic.kind,
            "way": way,
            "style": style,
            "template": int(shared.rng.integers(len(QUESTIONS[style]))),
            "query": query,
            "next": next_,
            "choices": shared.some([next_, UNTOLD], 2),
        }
        found = []
        for answer in (next_, UNTOLD):
            order = _order(shared, way, query, next_, others, answer != UNTOLD)
            events = cast(shared, topic, order)
            if events is None:
                return None
            own = {**values, "answer": answer}
            found.append(stage(in_slots(shared, events), EVENTS * SLOT_S, own))
        one, other = shared.some(found, 2)
        return one, other

    return one_of_pair(draw, both)


def _order(
    draw: Draw, way: str, query: str, next_: str, others: Sequence[str], answered: bool
) -> list[str]:
    """The names of a scene in the order in which they are heard."""
    if not answered and way == "missing":
        return draw.some([next_, *others], EVENTS)
    if not answered and way == "last":
        return [*draw.some([next_, *draw.some(others, EVENTS - 2)], EVENTS - 1), query]
    if not answered:
        return [query, *([next_, query, others[0]] if draw.rng.integers(2) else
                         [others[0], query, next_])]  # fmt: skip
    more = draw.some(others, EVENTS - 2)
    at = int(draw.rng.integers(EVENTS - 1))
    return [*more[:at], query, next_, *more[at:]]


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of one name and of declining; the wording is that of the pair."""
    scene, way, query, next_ = (values[key] for key in ("scene", "way", "query", "next"))
    clip, facts = staged(scene, recordings)
    answered = values["answer"] != UNTOLD
    heard = listed([quoted(row["name"]) for row in scene["events"]])
    x = quoted(query)
    if answered:
        end = f"After {x} comes {quoted(next_)}. So the answer is: {next_}"
    else:
        why = {
            "missing": f"{x} is not among them",
            "last": f"Nothing comes after {x}",
            "twice": f"{x} is heard twice, each time before something else",
        }[way]
        end = f"{why}, so {UNTOLD}"
    tags = (values["kind"], "scene", f"untold-{way}", values["style"])
    return BuiltQuestion(
        question=QUESTIONS[values["style"]][values["template"]].format(
            x=named(values["kind"], query)
        ),
        answer=values["answer"],
        choices=tuple(values["choices"]),
        clips=(clip,),
        rationale=f"One after the other are heard {heard}. {end}.",
        tags=(*tags, "answerable" if answered else "unanswerable"),
        facts=(facts,),
        need=need_of(scene, {query, next_} <= {*caption_of(scene)}, _enough(way, answered, query)),
        twins=values["twins"],
    )


def _enough(way: str, answered: bool, query: str) -> Callable[[Events], bool] | None:
    """What settles the question: X and what follows it, twice if X is heard twice."""
    times = 1 if answered else 2
    if (answered and way == "twice") or (not answered and way != "twice"):
        return None

    def enough(events: Events) -> bool:
        names: list[str] = [row["name"] for row in events]
        return sum(name == query for name in names[:-1]) == times and names[-1] != query

    return enough


FAMILY = QuestionFamily(
    "over-refusal",
    "pairs of scenes and one question, which has an answer in one scene of the two",
    len(QUESTIONS["plain"]),
    lacks,
    pick,
    build,
    staged=True,
    skills=("temporal", "general"),
)
