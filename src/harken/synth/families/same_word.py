"""same-word: two clips of one spoken word each; is it the same word? (yes / no).

MAE's "Keyword Comparison". Where the pool also has sounds, half of the items are MAE's "Speech
Identification": the speech of each clip is mixed with background sound, which must be ignored; the
two backgrounds differ, whatever the answer. Where each word is spoken by two speakers, the two
clips have different speakers for both answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.facts import ClipFacts
from harken.synth.pool import RecordingPool
from harken.synth.question import BuiltQuestion, Draw, Picks, QuestionFamily
from harken.synth.scene import over
from harken.synth.wording import heard_in_clips

QUESTIONS = (
    "Is the same word spoken in both clips?",
    "Do the two clips contain the same spoken word?",
    "Is the word in clip 2 the one that is said in clip 1?",
    "Do both recordings say the same thing?",
    "Compare what is said: is it the same word twice?",
    "Would clip 1 and clip 2 be written down alike?",
    "Is one and the same word said in clip 1 and clip 2?",
    "Do the voices in the two clips say the same word?",
)


def lacks(pool: RecordingPool) -> str:
    """Two words with two source recordings each are needed."""
    names = pool.lone_words.with_sources(2)
    if len(names) < 2:
        return f"2 words spoken alone in 2 recordings each are needed, there are {len(names)}"
    return ""


def pick(pool: RecordingPool, draw: Draw) -> Picks | None:
    """Answer (balanced), background or none (balanced), words as labels in `same-sound`."""
    topic = pool.lone_words
    names, crossed = pool.word_pairs
    same = draw.design.turn(2) == 0
    backgrounds = pool.events[0].with_sources(1)
    mixed = len(backgrounds) >= 2 and draw.design.turn(2) == 0
    first = draw.design.turn(len(names))
    second = first if same else (first + draw.design.shift(len(names))) % len(names)
    one, other = names[first], names[second]
    if not same and topic.clash(one, other):
        other = draw.one(names)
        if topic.clash(one, other):
            return None
    a = draw.recording(topic, one)
    b = draw.recording(topic, other, taken=[a] if a else [])
    if a is None or b is None or (crossed and a.speaker == b.speaker):
        return None
    values: dict[str, Any] = {"heard": [one, other], "answer": "yes" if same else "no"}
    values["speakers"] = "different" if crossed else "any"
    if not mixed:
        return Picks((a, b), values)
    under = draw.some(backgrounds, 2)
    if pool.sounds.clash(*under):
        return None
    background_recordings = tuple(draw.one(pool.events[0].members[name]) for name in under)
    gains = [round(float(gain), 2) for gain in draw.rng.uniform(-18.0, -10.0, 2)]
    return Picks(
        (a, b, *background_recordings), {**values, "backgrounds": under, "gains_db": gains}
    )


def build(
    template: int, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """A yes-no question about two clips, with backgrounds if there are four recordings."""
    answer = values["answer"]
    mixed = "backgrounds" in values
    clips = tuple(recording.clip for recording in recordings[:2])
    facts: tuple[ClipFacts, ...] = ()
    if mixed:
        gains = values["gains_db"]
        made = [over(recordings[i], recordings[2 + i], gains[i]) for i in (0, 1)]
        clips, facts = tuple(clip for clip, _ in made), tuple(known for _, known in made)
    end = "This is the same word" if answer == "yes" else "These are different words"
    return BuiltQuestion(
        question=QUESTIONS[template],
        answer=answer,
        choices=("yes", "no"),
        clips=clips,
        rationale=f"{heard_in_clips('word', values['heard'])} {end}: {answer}.",
        tags=("word", "background") if mixed else ("word",),
        facts=facts,
    )


FAMILY = QuestionFamily(
    "same-word",
    "two clips of one spoken word each; is it the same word?",
    len(QUESTIONS),
    lacks,
    pick,
    build,
    caption_proof=False,
    skills=("information",),
)
