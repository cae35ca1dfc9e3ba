"""Checks of training items before step 0: everything that would stop training later, all at once.

Each item that the steps will use is tokenized as it will be, and its clips are heard. An item that
fails is named with its id, its files and the reason; a stage that resumes has been checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harken.audio.clip import Clip
from harken.audio.load import require_heard
from harken.errors import AudioError, DataError, HarkenError
from harken.item import Item
from harken.progress import track
from harken.train.batch import epoch_picks

SHOWN = 50
"""Most items named in one error; the rest are counted."""


def used(count: int, size: int, seed: int, steps: int) -> list[int]:
    """Which of `count` things are in any of `steps` batches of `size`, in order."""
    if steps * size >= count:
        return list(range(count))
    return sorted({i for step in range(steps) for i in epoch_picks(count, size, seed, step)})


def check_items(
    items: Iterable[Item], stage: str, tokenize: Callable[[Item], object], *, audio: bool = True
) -> None:
    """Raise one DataError for all items that cannot be trained on.

    Args:
        items: those that will be used.
        stage: its name, for the message.
        tokenize: what training does with one item; raises HarkenError.
        audio: the clips will be heard, so nothing may be silent.
    """
    asked = list(items)
    faults: list[str] = []
    heard: dict[str, str] = {}
    for item in track(asked, f"checking the items of {stage}", total=len(asked)):
        found = [_unheard(clip, heard) for clip in item.clips] if audio else []
        found = [fault for fault in found if fault]
        if not found:
            try:
                tokenize(item)
            except HarkenError as error:
                found = [f"{error.found}{_files(item, error)}"]
        if found:
            faults.append(f"{item.id}: {'; '.join(found)}")
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


def _unheard(clip: Clip, heard: dict[str, str]) -> str:
    """Why a clip cannot be heard, with its file; ``""`` if it can. `heard` keeps what is known."""
    if clip.key not in heard:
        heard[clip.key] = ""
        try:
            require_heard(clip)
        except AudioError as error:
            heard[clip.key] = f"{error.where or clip.path}: {error.found} [{error.reason}]"
    return heard[clip.key]


def _files(item: Item, error: HarkenError) -> str:
    """Where a fault is: the place that the error names, else the files of the item."""
    if error.where:
        return f" (in {error.where})"
    names = dict.fromkeys(Path(clip.path).name for clip in item.clips if clip.path)
    return f" (in {', '.join(names)})" if names else ""
