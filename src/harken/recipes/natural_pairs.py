"""Likelihood exams: a model should find a recording more probable than an altered one.

Mean loss a code, for a recording x and an altered x', which has a similar number of frames::

    reversed    x played backwards
    voice       the first half of x, then the second half of the same text by another voice
                (speaker consistency, SALMon: Maimon et al. 2024, arXiv 2409.07437)
    word        the first half of x, then the second half of another text by the same voice, which
                is no word (sWUGGY: Nguyen et al. 2020, arXiv 2011.11588)
    text        x after its text, and x after another text

Recordings and halves are of those that the training held out, so that neither side has been seen
and both voices have; where these are few, of the test split. Halves are joined as sounds, and both
sides of a pair go through the codec as wholes. By chance the recording has the lower loss in half
of the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harken.audio.clip import RATE_HZ
from harken.audio.load import load
from harken.models.codec_lm.lines import Line
from harken.models.codec_lm.model import CodecLanguageModel
from harken.models.engine.features import Array
from harken.progress import track
from harken.stats.measures import wilson
from harken.train.codec_lm import Utterance, held_out_numbers, in_order

MOST_S = 2.0
"""Longer recordings are cut to their first seconds."""

FEWEST = 10
"""Held-out recordings below which others are used."""


def likelihood_exams(
    model: CodecLanguageModel,
    said: Sequence[Utterance],
    other: Sequence[Utterance] = (),
    *,
    most: int = 150,
    seed: int = 0,
) -> dict[str, Any]:
    """For each exam the pairs in which the natural one has the lower loss, and their number.

    Args:
        model: the model.
        said: the recordings that its training was given.
        other: recordings that it was not given, used where it held out fewer than `FEWEST`.
        most: recordings, drawn.
        seed: of what is drawn.

    Returns:
        Exam -> ``right``, ``n``, ``interval`` (95 % Wilson).
    """
    rng = np.random.default_rng([seed, 83])
    naturals = _held_out(model, said)
    if len(naturals) < FEWEST:
        naturals = list(other)
    chosen = [naturals[int(i)] for i in rng.permutation(len(naturals))[:most]]
    texts = sorted({one.text for one in naturals if one.text in model.texts})
    pairs: dict[str, list[tuple[Line, Line]]] = {}
    for one in track(chosen, "pairing"):
        natural = _samples(one)
        line = _line(model, natural)
        _add(pairs, "reversed", line, _line(model, natural[::-1].copy()))
        for name in ("voice", "word"):
            found = [it for it in naturals if one.voice and _fits(name, one, it)]
            if found:
                half = found[int(rng.integers(len(found)))]
                _add(pairs, name, line, _line(model, _joined(natural, _samples(half))))
        wrong = [text for text in texts if text != one.text]
        if wrong and one.text in texts:
            false = wrong[int(rng.integers(len(wrong)))]
            own = (model.speak_line(line.rows, text) for text in (one.text, false))
            _add(pairs, "text", *own)
    return {name: _result(model, own) for name, own in pairs.items()}


def _held_out(model: CodecLanguageModel, said: Sequence[Utterance]) -> list[Utterance]:
    """The recordings, of those that a training was given, that it did not see.

    None where these are not all that it was given: which it held out is known by number only.
    """
    known = model.training
    share, seed = float(known.get("held_out", 0.0)), int(known.get("seed", 0))
    numbers = held_out_numbers(len(said), share, seed)
    if len(said) - len(numbers) != known.get("recordings"):
        return []
    return [in_order(said)[i] for i in numbers]


def _fits(name: str, one: Utterance, other: Utterance) -> bool:
    """Whether the second half of `other` makes the altered side of an exam."""
    if name == "voice":
        return other.text == one.text and other.voice not in ("", one.voice)
    return other.text != one.text and other.voice == one.voice


def _samples(one: Utterance) -> Array:
    return load(one.clip)[: round(MOST_S * RATE_HZ)]


def _line(model: CodecLanguageModel, samples: Array) -> Line:
    """The line of a sound without a text."""
    codes = np.ascontiguousarray(model.codec.encode(samples, model.pattern.codebooks).T)
    return model.speak_line(model.pattern.write(codes))


def _joined(first: Array, other: Array) -> Array:
    """The first half of a sound and the second half of another, at the level of the first."""
    start, end = first[: len(first) // 2], other[len(other) // 2 :]
    levels = [float(np.sqrt(np.square(whole).mean())) for whole in (first, other)]
    return np.concatenate([start, end * np.float32(levels[0] / max(levels[1], 1e-6))])


def _add(
    pairs: dict[str, list[tuple[Line, Line]]], name: str, natural: Line, altered: Line
) -> None:
    pairs.setdefault(name, []).append((natural, altered))


def _result(model: CodecLanguageModel, pairs: Sequence[tuple[Line, Line]]) -> dict[str, Any]:
    """Of how many pairs the first has the lower loss."""
    first, other = (model.code_losses([pair[side] for pair in pairs]) for side in (0, 1))
    right = sum(a < b for a, b in zip(first, other, strict=True))
    low, high = wilson(right, len(pairs))
    return {"right": right, "n": len(pairs), "interval": [low, high]}
