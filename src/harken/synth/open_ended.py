"""Open questions about one recording: what `name` and `transcribe` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harken.corpora.base import Recording
from harken.synth.pool import Topic
from harken.synth.question import BuiltQuestion, Draw, Picks


def pick_answer(topic: Topic, draw: Draw) -> Picks | None:
    """The answer (balanced), a recording of it; None if there is none."""
    answer = topic.names[draw.design.turn(len(topic.names))]
    found = draw.recording(topic, answer)
    return None if found is None else Picks((found,), {"kind": topic.kind, "answer": answer})


def open_question(
    question: str, rationale: str, values: Mapping[str, Any], recordings: Sequence[Recording]
) -> BuiltQuestion:
    """An open question about one clip, answered by what `pick_answer` drew."""
    return BuiltQuestion(
        question=question,
        answer=values["answer"],
        choices=(),
        clips=(recordings[0].clip,),
        rationale=rationale,
        tags=(values["kind"],),
    )
