"""Checks of training items before step 0: everything that would stop training later, all at once.

Each item that the steps will use is tokenized as it will be, and its clips are heard. An item that
fails is named with its id, its files and the reason; a stage that resumes has been checked before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harken.audio.clip import Clip, silence
from harken.audio.load import duration_s, require_heard
from harken.errors import AudioError, DataError, HarkenError
from harken.item import Item
from harken.progress import track
from harken.train.mix import Mix

SHOWN = 50
"""Most items named in one error; the rest are counted."""


def used(count: int, size: int, seed: int, steps: int) -> list[int]:
    """Which of `count` things are in any of `steps` batches of `size`, in order."""
    return Mix((count,)).used(size, seed, steps)


def check_items(
    examples: Iterable[Sequence[Item]],
    stage: str,
    tokenize: Callable[[Sequence[Item]], object],
    *,
    audio: bool = True,
) -> None:
    """Raise one DataError for all items that cannot be trained on.

    Args:
        examples: what will be used: items with the same clips that become one example, often one.
        stage: its name, for the message.
        tokenize: what training does with an example; raises HarkenError.
        audio: the clips will be heard, so nothing may be silent.
    """
    asked = list(examples)
    faults: list[str] = []
    heard: set[str] = set()
    for example in track(asked, f"checking the items of {stage}", total=len(asked)):
        found = [_unheard(clip, heard) for clip in example[0].clips] if audio else []
        found = list(filter(None, found)) or _untokenized(example, tokenize)
        if found:
            faults.append(f"{', '.join(item.id for item in example)}: {'; '.join(found)}")
    if faults:
        more = len(faults) - SHOWN
        shown = faults[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise DataError(
            f"{len(faults)} of {len(asked)} items cannot be trained on:\n  "
            + "\n  ".join(shown)
            + "\n",
            where=f"stage {stage}",
            hint="Take them out of the dataset, or mend their files.",
        )


def _untokenized(
    example: Sequence[Item], tokenize: Callable[[Sequence[Item]], object]
) -> list[str]:
    """Why an example cannot be tokenized; empty if it can.

    Scenes are expensive to render, and their parts have been heard: silence of at least their
    length stands in for them first. It takes as many tokens or more.
    """
    clips = tuple(map(_stand_in, example[0].clips))
    with suppress(HarkenError):
        tokenize([replace(item, clips=clips) for item in example])
        return []
    try:
        tokenize(example)
        return []
    except HarkenError as error:
        return [f"{error.found}{_files(example[0], error)}"]


def _stand_in(clip: Clip) -> Clip:
    """Whole seconds of silence for a scene; every other clip is itself."""
    if clip.plan is None or clip.kind == "shard":
        return clip
    return silence(float(math.ceil(duration_s(clip))))


def require_clips(items: Sequence[Item], stage: str) -> None:
    """Raise DataError, with their ids, if items have no clips."""
    without = [item.id for item in items if not item.clips]
    if without:
        more = f" … {len(without) - 10} more" if len(without) > 10 else ""
        raise DataError(
            f"{len(without)} of {len(items)} items have no clips: {', '.join(without[:10])}{more}",
            where=f"stage {stage}",
            hint="Align on items with audio only.",
        )


def _unheard(clip: Clip, heard: set[str]) -> str:
    """Why a clip cannot be heard, with its file; ``""`` if it can. `heard` has keys of files."""
    try:
        require_heard(clip, heard)
    except AudioError as error:
        return f"{error.where or clip.path}: {error.found} [{error.reason}]"
    return ""


def _files(item: Item, error: HarkenError) -> str:
    """Where a fault is: the place that the error names, else the files of the item."""
    if error.where:
        return f" (in {error.where})"
    names = dict.fromkeys(Path(clip.path).name for clip in item.clips if clip.path)
    return f" (in {', '.join(names)})" if names else ""
