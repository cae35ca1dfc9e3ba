"""leaky: the control, with real recordings but questions whose text gives the answer away.

Five kinds of leak, balanced, each with its own tag (AudioMCQ: of the items that need no audio,
68.9 % can be answered by knowledge and the rest by reasoning over the text):

- ``leaky-clause``: a subordinate clause describes what was recorded;
- ``leaky-named``: the answer's name occurs in the question's main clause;
- ``leaky-known``: common knowledge leads to the answer (or, for names without a hint, their
  letters);
- ``leaky-absurd``: the other options are impossible for any audio;
- ``leaky-ruled-out``: the question rules out the other options.

A filter by audio contribution must label these weak: audio adds nothing to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.options import OPTIONS, lacks_options, pick_options
from harken.synth.pool import RecordingPool, Topic
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.tables import HINTS, IMPOSSIBLE
from harken.synth.vocabulary import stem, tokens
from harken.synth.wording import listed, quoted

QUESTIONS = {
    "clause": (
        "In this clip, which was filed under {a} by the person who recorded it, what do you hear?",
        "Given that the recording was made to have an example of {a}, what is heard in it?",
        "What is to be heard here, where the microphone was put up to catch {a}?",
        "Knowing that the label on the tape reads {a}, which of these is in the recording?",
    ),
    "named": (
        "Which of these would you call {a}?",
        "Someone hears {a} in the clip and is right. What is in the clip?",
        "The clip is a good example of {a}. Which of these is it?",
        "This is {a} and nothing else. So which of these do you hear?",
    ),
    "known": (
        "Think of {hint}. Which of these is meant, and heard in the clip?",
        "The clip has to do with {hint}. Which of these is it?",
        "What do you hear, if it belongs to {hint}?",
        "Which of these goes with {hint} and is in the recording?",
    ),
    "absurd": (
        "Which of these can be heard in a recording such as this one?",
        "What do you hear?",
        "Only one of these can be recorded at all. Which one is in the clip?",
        "Which of these is in the clip?",
    ),
    "ruled-out": (
        "It is neither {no}. Which of these do you hear?",
        "What is in the clip, if it is neither {no}?",
        "After {yes} have been ruled out, which of these remains for the clip?",
        "The clip does not hold {or_}. What does it hold?",
    ),
}

WAYS = tuple(QUESTIONS)

SPELT = "a name of "


def lacks(pool: RecordingPool) -> str:
    """Four names of sounds, or four words, are needed."""
    if _topics(pool):
        return ""
    sounds = lacks_options(pool.sounds, "labels of sounds")
    return f"{sounds}; {lacks_options(pool.words, 'spoken words')}"


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Topic and kind of leak (balanced), then options and gold as in `identify`."""
    topics = _topics(pool)
    topic = topics[draw.design.turn(len(topics))]
    way = WAYS[draw.design.turn(len(WAYS))]
    picks = pick_options(topic, draw)
    if picks is None:
        return None
    answer, choices = picks.values["answer"], list(picks.values["choices"])
    values: dict[str, Any] = {"kind": topic.kind, "way": way, "answer": answer}
    if way == "absurd":
        others = iter(draw.some(IMPOSSIBLE, OPTIONS - 1))
        choices = [name if name == answer else next(others) for name in choices]
    if way == "known":
        values["hint"] = hint(answer)
        if values["hint"] in [hint(name) for name in choices if name != answer]:
            return None
    return Picks(picks.recordings, {**values, "choices": choices})


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A choice of four that can be answered without audio."""
    way, answer, choices = values["way"], values["answer"], values["choices"]
    others = [quoted(name) for name in choices if name != answer]
    question = QUESTIONS[way][template].format(
        a=quoted(answer),
        hint=values.get("hint", ""),
        no=" nor ".join(others),
        yes=listed(others),
        or_=" or ".join(others),
    )
    spelt = values.get("hint", "").startswith(SPELT)
    reasons = {
        "clause": "A clause of the question says what was recorded",
        "named": "The question names it",
        "known": "Its letters tell it" if spelt else "Common knowledge tells it",
        "absurd": "The other options are nothing that can be heard",
        "ruled-out": "The question rules out the other options",
    }
    return BuiltQuestion(
        question=question,
        answer=answer,
        choices=tuple(choices),
        clips=(recordings[0].clip,),
        rationale=f"{reasons[way]}. So the answer is {quoted(answer)}.",
        tags=(values["kind"], "leaky", f"leaky-{way}"),
    )


def hint(name: str) -> str:
    """A hint from common knowledge about a name, else one about its letters."""
    for word in tokens(name):
        for known in (word, stem(word)):
            if known in HINTS:
                return HINTS[known]
    letters = "".join(tokens(name))
    return (
        f"{SPELT}{len(letters)} letters that begins with {letters[:1].upper()} "
        f"and ends with {letters[-1:].upper()}"
    )


def _topics(pool: RecordingPool) -> list[Topic]:
    found = [topic for topic in (pool.sounds, pool.words) if len(topic.names) >= OPTIONS]
    return found[:1]


FAMILY = QuestionFamily(
    "leaky",
    "the control: the text alone gives the answer away",
    len(QUESTIONS["clause"]),
    lacks,
    pick,
    build,
    caption_proof=False,
)
