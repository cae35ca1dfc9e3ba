"""readable: clips that can be decoded, and in which something is heard."""

from __future__ import annotations

from collections.abc import Sequence

from harken.clean.base import HygieneFilter, Judgement, NoSettings
from harken.clean.workspace import Workspace
from harken.item import Item


def judge(items: Sequence[Item], settings: NoSettings, workspace: Workspace) -> Judgement:
    """Drop items with a clip that cannot be decoded, or is zero throughout; silence as such stays.

    A clip of the kind ``silence`` is meant to be silent.
    """
    heard = [[c for c in item.clips if c.kind not in ("silence", "noise")] for item in items]
    workspace.take(clip for clips in heard for clip in clips)
    found = Judgement()
    for place, clips in enumerate(heard):
        for clip in clips:
            own = workspace.sound(clip)
            if own.fault or not own.samples:
                why = own.fault or "silent"
                found.drop(place, items[place], f"a clip that cannot be used ({why})", clip.name)
                break
    return found


FILTER = HygieneFilter(
    "readable", "drops items with a clip that cannot be decoded, or is silent throughout", judge
)
