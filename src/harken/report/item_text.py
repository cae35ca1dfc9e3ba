"""An item as readable text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harken.item import Item


def describe(item: Item) -> str:
    """An item as readable text: question, clips, choices with the answer starred, reasons."""
    from harken.audio.clip import ScenePlan
    from harken.item import Dialogue

    lines = [f"{item.id}  {item.task}  {item.split}"]
    around = item.dialogue or Dialogue()
    lines += [f"  system: {around.system}"] if around.system else []
    for turn in around.earlier:
        lines += [f"  earlier: {turn.question}", f"  reply: {turn.reply}"]
    lines.append(f"  {item.question}")
    for number, clip in enumerate(item.clips, 1):
        length = f"{clip.duration_s:.2f} s" if clip.duration_s is not None else "whole"
        what = Path(clip.path).name if clip.path else clip.kind
        if isinstance(clip.plan, ScenePlan):
            what = f"scene of {len(clip.plan.parts)} sounds"
        lines.append(f"  clip {number}: {what}, {length}{_place(around.places, number)}")
    for choice in item.choices:
        lines.append(f"  {'*' if choice == item.answer else '-'} {choice}")
    if not item.choices:
        lines.append(f"  answer: {item.answer}")
    lines += [f"  rejected: {item.rejected}"] if item.rejected else []
    lines += [f"  because {text}" for text in item.rationales]
    lines += _need(item)
    own = item.contribution
    if own is not None:
        bits = "" if own.bits is None else f", {own.bits:+.2f} bits"
        lines.append(f"  audio contribution: {own.label} by {own.rule}{bits}")
        if own.shapley:
            lines.append("  clip shares: " + ", ".join(f"{v:+.2f}" for v in own.shapley))
        if own.controls:
            told = ", ".join(f"{name} {bits:+.2f}" for name, bits in own.controls)
            lines.append(f"  in the place of the audio: {told} bits")
    licence = item.licence or "licence not stated"
    lines.append(f"  from {', '.join(item.recordings) or 'no recording'}; {licence}")
    lines += [f"  {entry.step}: {entry.note}" for entry in item.history]
    return "\n".join(lines)


def _need(item: Item) -> list[str]:
    """How much must be heard to answer, and the items beside it."""
    lines, need = [], item.need
    if need is not None and need.caption_proof is not None:
        lines.append(f"  a caption would {'not ' if need.caption_proof else ''}answer it")
    if need is not None and need.window_s is not None:
        share = "" if need.share is None else f", {100 * need.share:.0f} % of the clip"
        lines.append(f"  shortest window that suffices: {need.window_s:.2f} s{share}")
    return lines + ([f"  twins: {item.twins}"] if item.twins else [])


def _place(places: tuple[tuple[int, int], ...], number: int) -> str:
    """Where a clip with a place of its own stands."""
    if number > len(places):
        return ""
    turn, at = places[number - 1]
    return f", in turn {turn + 1} after {at} characters"
