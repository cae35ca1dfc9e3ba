"""Who said what, and when: turns in a text, and how well two sets of turns agree.

A reply names its turns as ``speaker 1: …`` or ``speaker 1 (0.0 to 1.2 s): …``, in a line each or
one after another. Names of speakers are free: which of them is whom is found by matching.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harken.ask.time_spans import segments
from harken.ask.word_errors import edits, normalise

Spans = dict[str, list[tuple[float, float]]]
"""Speaker -> the times of speech, in seconds."""

Piece = tuple[float, set[str], set[str]]
"""Length in seconds, who speaks, who is said to speak."""

_TURN = re.compile(r"\b(?:speaker|spk)[\s_]*(\w+)\s*(?:[\[(]([^\])]*)[\])])?\s*:", re.I)


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """What one speaker says at a stretch; `span`: start and end in seconds, where known."""

    speaker: str
    words: str
    span: tuple[float, float] | None = None


def turns_in(text: str) -> list[SpeakerTurn]:
    """The turns of a reply, in its order; [] where no speaker is named."""
    found = list(_TURN.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)][: len(found)]
    return [
        SpeakerTurn(hit[1].lower(), " ".join(text[hit.end() : end].split()), _span(hit[2] or ""))
        for hit, end in zip(found, ends, strict=True)
    ]


def written(turns: Sequence[SpeakerTurn]) -> str:
    """The inverse of `turns_in`, a line a turn."""
    lines = []
    for one in turns:
        span = "" if one.span is None else f" ({one.span[0]:g} to {one.span[1]:g} s)"
        lines.append(f"speaker {one.speaker}{span}: {one.words}")
    return "\n".join(lines)


def cp_errors(gold: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn]) -> tuple[int, int]:
    """(word errors, words) of the concatenated minimum-permutation word error rate, cpWER.

    The turns of each speaker are joined in their order; speakers are matched so that the errors are
    least, and a speaker without a match is all deletions, or all insertions (Watanabe et al.,
    "CHiME-6 challenge", 2020). Errors of pairs add up, so the best matching is an assignment.
    """
    from scipy.optimize import linear_sum_assignment

    true, own = _joined(gold), _joined(said)
    size = max(len(true), len(own))
    true += [[]] * (size - len(true))
    own += [[]] * (size - len(own))
    costs = np.array([[sum(edits(a, b)) for b in own] for a in true]).reshape(size, size)
    rows, columns = linear_sum_assignment(costs)
    return int(costs[rows, columns].sum()), sum(len(words) for words in true)


@dataclass(frozen=True, slots=True)
class DiarizationTimes:
    """Seconds of speech that are missed, false and of another speaker, of `total` seconds."""

    missed: float
    false_alarm: float
    confused: float
    total: float

    @property
    def rate(self) -> float | None:
        """The diarization error rate; None where nobody speaks."""
        wrong = self.missed + self.false_alarm + self.confused
        return wrong / self.total if self.total else None


def diarization(
    gold: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn], collar_s: float = 0.0
) -> DiarizationTimes:
    """The times of the diarization error rate (NIST Rich Transcription; Fiscus et al. 2006).

    Speakers are matched so that the time they speak together is longest. Where n speak in truth and
    m are said to, of whom k are right, max(0, n - m) are missed, max(0, m - n) are false, and
    min(n, m) - k are confused. Turns without times count as not there.

    Args:
        gold: true turns.
        said: those of a reply.
        collar_s: not scored around each true start and end.
    """
    true, own = _spans(gold), _spans(said)
    pieces = list(_pieces(true, own, collar_s))
    pairs = _matched(list(true), list(own), pieces)
    missed = false = confused = total = 0.0
    for length, speak, claimed in pieces:
        right = sum(pairs.get(name) in claimed for name in speak)
        total += length * len(speak)
        missed += length * max(0, len(speak) - len(claimed))
        false += length * max(0, len(claimed) - len(speak))
        confused += length * (min(len(speak), len(claimed)) - right)
    return DiarizationTimes(missed, false, confused, total)


def _span(text: str) -> tuple[float, float] | None:
    found = segments(text)
    return found[0] if found else None


def _joined(turns: Sequence[SpeakerTurn]) -> list[list[str]]:
    """The words of each speaker, in the order of the speakers' first turns."""
    words: dict[str, list[str]] = {}
    for one in turns:
        words.setdefault(one.speaker, []).extend(normalise(one.words).split())
    return list(words.values())


def _spans(turns: Sequence[SpeakerTurn]) -> Spans:
    found: Spans = {}
    for one in turns:
        if one.span is not None:
            found.setdefault(one.speaker, []).append(one.span)
    return found


def _pieces(true: Spans, own: Spans, collar_s: float) -> Iterator[Piece]:
    """The stretches in which nothing changes, without those that the collar leaves out."""
    starts_and_ends = [t for spans in true.values() for span in spans for t in span]
    edges = {*starts_and_ends, *(t for spans in own.values() for span in spans for t in span)}
    edges |= {t + collar_s for t in starts_and_ends} | {t - collar_s for t in starts_and_ends}
    for start, end in pairwise(sorted(edges)):
        middle = (start + end) / 2
        if all(abs(middle - t) > collar_s for t in starts_and_ends):
            speak = {name for name, spans in true.items() if _in(middle, spans)}
            claimed = {name for name, spans in own.items() if _in(middle, spans)}
            yield end - start, speak, claimed


def _in(moment: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start < moment < end for start, end in spans)


def _matched(true: Sequence[str], own: Sequence[str], pieces: Sequence[Piece]) -> dict[str, str]:
    """Which said speaker each true one is: the assignment with the longest time together."""
    from scipy.optimize import linear_sum_assignment

    if not true or not own:
        return {}
    together = np.zeros((len(true), len(own)))
    for length, speak, claimed in pieces:
        for i, name in enumerate(true):
            for j, other in enumerate(own):
                together[i, j] += length * (name in speak and other in claimed)
    rows, columns = linear_sum_assignment(-together)
    return {true[i]: own[j] for i, j in zip(rows, columns, strict=True) if together[i, j] > 0}
