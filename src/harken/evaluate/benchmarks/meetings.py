"""Speaker-attributed transcripts of meetings: who said what, and when.

``harken score --benchmark meetings --data FILE --predictions FILE``.

Data: rows with ``id``, ``audio`` and ``turns``, a list of ``{"speaker", "words", "start", "end"}``
(times in seconds, or left out). Predictions: rows by ``id`` with ``prediction``: a line a turn,
``speaker 1 (0.0 to 1.2 s): what was said``; names of speakers are free, times may be left out.

Rule: cpWER, the headline: words of each speaker joined, speakers matched for the fewest errors,
errors of all meetings over their words (CHiME-6; as meeteval's ``cpwer`` counts). Under ``parts``
the diarization error rate without a collar and with 0.25 s (NIST; where turns have times), and how
often the number of speakers is right. A missing reply is all deletions. Strict: an item is worth
max(0, 1 - its cpWER).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harken.ask.speaker_turns import SpeakerTurn, cp_errors, diarization, turns_in, written
from harken.ask.word_errors import normalise
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import ItemScore, Official, key_of, row_of
from harken.item import Item

COLLARS_S = (0.0, 0.25)
QUESTION = (
    "Write down who says what, and when, a line a turn, as: speaker 1 (0.0 to 1.2 s): the words"
)


class Meetings(Benchmark):
    """See the module's docstring."""

    name = "meetings"
    title = "Meetings (cpWER, DER)"
    paper = "CHiME-6, 2004.09249"
    rule = "cpWER over all words; DER and the number of speakers under parts; lower is better"
    files = ("*.jsonl", "*.json")
    required: ClassVar[Mapping[str, tuple[type, ...]]] = {"turns": (list,)}
    fewest = 0
    share = False

    def question(self, row: Row) -> str:
        """The same for all."""
        return QUESTION

    def answer(self, row: Row) -> str | None:
        """The turns, a line each."""
        return written(gold_turns(row))

    def audio(self, row: Row) -> list[str]:
        """``audio``: one path."""
        return [str(row["audio"])] if row.get("audio") else []

    def faults(self, row: Row) -> list[str]:
        """Turns need a speaker and words, and times that run forward."""
        found = []
        for number, one in enumerate(row["turns"], 1):
            if not isinstance(one, Mapping) or not one.get("speaker"):
                found.append(f"turn {number} names no speaker")
            elif not normalise(str(one.get("words") or "")):
                found.append(f"turn {number} has no words")
            elif one.get("start") is not None and not 0 <= one["start"] < (one.get("end") or 0):
                found.append(f"turn {number} is from {one['start']} to {one.get('end')} s")
        return found or ([] if row["turns"] else ["no turns"])

    def strict_score(self, item: Item, predictions: Predictions) -> ItemScore:
        """1 - cpWER, not below 0."""
        said = turns_in(predictions.text(key_of(item)))
        if not said:
            return ItemScore(0.0, "unparsable", "no-speaker")
        wrong, words = cp_errors(gold_turns(row_of(item)), said)
        return ItemScore(max(0.0, 1 - wrong / words), "parsed", "cpwer")

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """cpWER; DER and speakers under ``parts``."""
        scores: dict[str, float | None] = {}
        wrong = words = counted = 0
        times = {collar: [0.0, 0.0] for collar in COLLARS_S}
        for item in items:
            gold, said = gold_turns(row_of(item)), turns_in(predictions.text(key_of(item)))
            own, size = cp_errors(gold, said)
            wrong, words = wrong + own, words + size
            scores[key_of(item)] = own / size
            counted += len({t.speaker for t in gold}) == len({t.speaker for t in said})
            for collar, sums in times.items():
                found = diarization(gold, said, collar)
                sums[0] += found.missed + found.false_alarm + found.confused
                sums[1] += found.total
        parts: dict[str, Any] = {
            "cpWER": wrong / words if words else None,
            "words": words,
            "speakers_right": counted / len(items) if items else None,
            **{
                f"DER collar {collar:g}": errors / total if total else None
                for collar, (errors, total) in times.items()
            },
        }
        return Official("cpWER", parts["cpWER"], len(items), scores, parts=parts)


def gold_turns(row: Row) -> list[SpeakerTurn]:
    """``turns``."""
    return [
        SpeakerTurn(
            str(one.get("speaker") or "").lower(),
            str(one.get("words") or ""),
            (float(one["start"]), float(one["end"])) if one.get("start") is not None else None,
        )
        for one in row["turns"]
        if isinstance(one, Mapping)
    ]
