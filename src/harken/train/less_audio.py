"""Examples with less audio than their items have: noise for clips, zeros for audio tokens.

Modality dropout, which takes a whole clip away, is in `harken.train.batch`. Options that are 0 draw
nothing, so that a training without them has the batches it always had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harken.audio.clip import Clip, noise
from harken.audio.single import duration_s, silenced
from harken.item import Item
from harken.models.engine.batch import AudioInput, TokenizedPrompt

NOTHING = "Nothing is heard."
"""What is right where nothing is heard."""

_NOISES = 64
"""Distinct noises of one length, so that features that are kept do not pile up."""


def unheard(
    group: Sequence[Item], share: float, answer: str, rng: np.random.Generator
) -> list[Item]:
    """With a probability of `share`, the open-ended items of a group without their sounds.

    Each clip becomes noise or silence of its length, and every answer is `answer`. Closed-ended
    questions have no option for it, and are left out.

    Returns:
        The changed items; empty where the group stays as it is.
    """
    open_ended = [item for item in group if item.clips and not item.choices]
    if not share or not open_ended or rng.random() >= share:
        return []
    clips = tuple(_quiet(clip, rng) for clip in open_ended[0].clips)
    return [replace(item.with_clips(clips), answer=answer, rejected="") for item in open_ended]


def _quiet(clip: Clip, rng: np.random.Generator) -> Clip:
    if rng.random() < 0.5:
        return silenced(clip)
    return noise(duration_s(clip), int(rng.integers(_NOISES)))


def drop_audio(example: TokenizedPrompt, share: float, rng: np.random.Generator) -> TokenizedPrompt:
    """`example` with `share` of the audio tokens of each clip as zeros, drawn without order.

    Of n tokens round(n * share) are dropped, and never all of them.
    """
    if not share or not example.audio_inputs:
        return example
    inputs: list[AudioInput] = []
    for one in example.audio_inputs:
        count = min(round(one.tokens * share), one.tokens - 1)
        drawn = rng.choice(one.tokens, count, replace=False) if count > 0 else ()
        inputs.append(replace(one, dropped=tuple(sorted(int(n) for n in drawn))))
    return replace(example, audio_inputs=tuple(inputs))
