"""Why a model may not use its audio: what can be measured when training finds that it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from harken.audio.clip import Clip
from harken.errors import HarkenError
from harken.item import Item
from harken.models.engine.net import eval_mode
from harken.models.learner import Learner
from harken.train.arrival import OFF_SCALE, text_rms

CLIPS = 8
"""Clips whose audio tokens are looked at."""

ALIKE = 1e-3
"""Relative distance of the mean audio tokens of two clips below which they are taken for equal."""

_RECENT = 20  # steps


@dataclass(frozen=True, slots=True)
class AudioTokens:
    """The audio tokens of some clips, as the language model gets them.

    Attributes:
        clips: how many could be encoded.
        rms: root of their mean square.
        text_rms: that of the language model's embeddings of text.
        apart: mean over pairs of clips of |a - b| / max(|a|, |b|), with a and b the means over the
            tokens of each; None with fewer than two clips.
    """

    clips: int
    rms: float
    text_rms: float
    apart: float | None


def audio_tokens(learner: Learner, items: Sequence[Item]) -> AudioTokens:
    """Encode the first different clips of `items`; clips that cannot be loaded are passed over."""
    clips: dict[str, Clip] = {clip.key: clip for item in items for clip in item.clips}
    means: list[torch.Tensor] = []
    squares: list[float] = []
    with torch.no_grad(), eval_mode(learner.net):
        for clip in clips.values():
            if len(means) == CLIPS:
                break
            try:
                tokens = learner.net.encode([learner.audio_input(clip).features])[0].float()
            except HarkenError:
                continue
            means.append(tokens.mean(0))
            squares.append(float(tokens.square().mean()))
    apart = [
        float((a - b).norm()) / max(float(a.norm()), float(b.norm()), 1e-30)
        for a, b in pairwise(means)
    ]
    rms = (sum(squares) / len(squares)) ** 0.5 if squares else 0.0
    return AudioTokens(
        len(means), rms, text_rms(learner), sum(apart) / len(apart) if apart else None
    )


def _zero(metrics: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether a norm that is recorded was 0 in all of the last steps."""
    norms = [record[key] for record in metrics if record.get(key) is not None]
    return bool(norms) and not any(norms[-_RECENT:])


def likely_causes(
    tokens: AudioTokens, groups: Sequence[str], metrics: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What was found that explains a gap of 0, the surest first; never empty.

    Args:
        tokens: of held-out clips.
        groups: the module groups that are trained.
        metrics: records of the stage's steps.
    """
    found: list[str] = []
    if not tokens.clips:
        found.append("no held-out clip could be encoded")
    elif tokens.rms == 0:
        found.append("the audio tokens are all zero: the projector's output does not arrive")
    elif tokens.apart is not None and tokens.apart < ALIKE:
        found.append(
            f"different clips give the same audio tokens (they differ by {tokens.apart:.1e} of "
            "their size): features are constant or cut, or encoder or projector collapsed"
        )
    listeners = [name for name in groups if name in ("audio_encoder", "projector")]
    names = {"audio_grad_norm": "the audio tokens"}
    names |= {f"grad_norm_{group}": f"the {group.replace('_', ' ')}" for group in listeners}
    still = [name for key, name in names.items() if _zero(metrics, key)]
    if still:
        found.append(f"no gradient reached {' and '.join(still)} in the last steps")
    if not listeners:
        found.append(
            f"only {', '.join(groups)} is trained: neither projector nor audio encoder can adapt"
        )
    if not found:
        found.append(
            "audio tokens differ from clip to clip and their gradient arrives, so look at the "
            "data: clips paired with other items' answers (shuffled), or questions whose text "
            "gives the answer away (harken curate measures that); or the rate is too low or too "
            "high, or the grace period too short"
        )
    # A scale is seldom the whole cause: it is told beside the others, and hides none.
    scale = tokens.rms / max(tokens.text_rms, 1e-30)
    if tokens.rms and not 1 / OFF_SCALE <= scale <= OFF_SCALE:
        told = (
            f"the audio tokens are off scale: their RMS is {tokens.rms:.2g}, that of the text "
            f"embeddings {tokens.text_rms:.2g}"
        )
        found.insert(0, told)
    return found
