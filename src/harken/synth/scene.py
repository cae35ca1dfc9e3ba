"""Plan clips: several events in sequence, and speech over a background.

Times in seconds, gains in dB relative to each recording's own level. All numbers come from the
item's plan; nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.single import span
from harken.corpora.base import Recording
from harken.facts import ClipFacts
from harken.synth.known import placed
from harken.synth.pool import event_span
from harken.synth.question import Draw

LEAD_S = 0.1
"""Silence (s) before the first event and after the last."""


def draw_timing(draw: Draw, recordings: Sequence[Recording]) -> dict[str, Any]:
    """Gaps of 0.2-0.8 s between events and gains of -6-0 dB, independent of the order."""
    n = len(recordings)
    return {
        "gaps_s": [round(float(g), 3) for g in draw.rng.uniform(0.2, 0.8, n - 1)],
        "gains_db": [round(float(g), 2) for g in draw.rng.uniform(-6.0, 0.0, n)],
    }


def sequence(recordings: Sequence[Recording], timing: dict[str, Any]) -> tuple[Clip, ClipFacts]:
    """The events of `recordings` in sequence, with gaps, as one plan clip; and what is in it."""
    parts, sources = [], []
    at_s = LEAD_S
    for i, recording in enumerate(recordings):
        if i:
            at_s += timing["gaps_s"][i - 1]
        event, length_s = _event(recording)
        parts.append(Part(event, round(at_s, 4), timing["gains_db"][i]))
        sources.append(placed(recording, at_s, length_s, timing["gains_db"][i]))
        at_s += length_s
    duration_s = round(at_s + LEAD_S, 4)
    clip = Clip("plan", duration_s=duration_s, plan=ScenePlan(tuple(parts), duration_s))
    return clip, ClipFacts(tuple(sources), duration_s, layout="mono")


def over(speech: Recording, background: Recording, gain_db: float) -> tuple[Clip, ClipFacts]:
    """`speech` mixed with `background` at `gain_db` relative to its own level, as one plan clip.

    With what is in it.
    """
    length_s = speech.clip.duration_s or 0.0
    duration_s = round(length_s + 4 * LEAD_S, 4)
    under, under_s = _event(background)
    if under_s > duration_s:
        under = span(background.clip, under.start_s - background.clip.start_s, duration_s)
    parts = (Part(speech.clip, 2 * LEAD_S), Part(under, 0.0, gain_db))
    behind = replace(placed(background, 0.0, min(under_s, duration_s), gain_db), kind="background")
    facts = ClipFacts(
        (behind, placed(speech, 2 * LEAD_S, length_s, 0.0)), duration_s, layout="mono"
    )
    return Clip("plan", duration_s=duration_s, plan=ScenePlan(parts, duration_s)), facts


def _event(recording: Recording) -> tuple[Clip, float]:
    """The event's clip and its length in seconds; the whole recording if no span is known."""
    start_s, length_s = event_span(recording) or (0.0, recording.clip.duration_s or 0.0)
    whole = start_s == 0.0 and length_s == recording.clip.duration_s
    return (recording.clip if whole else span(recording.clip, start_s, length_s)), length_s
