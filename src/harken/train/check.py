"""Checks of training items before step 0: everything that would stop training later, all at once.

Each item that the steps will use is tokenized as it will be, and its clips are heard. An item that
fails is named with its id, its files and the reason; a stage that resumes has been checked before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from harken.audio.clip import Clip, silence
from harken.audio.load import require_heard
from harken.audio.single import duration_s
from harken.errors import AudioError, DataError, HarkenError
from harken.item import Item
from harken.listed import in_lines, listed
from harken.progress import track
from harken.train.measure import Measure, measure
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
    teachable: Callable[[Item], Sequence[str]] = lambda item: (),
) -> list[Measure]:
    """Measure all items, and raise one DataError for all that cannot be trained on.

    Args:
        examples: what will be used: items with the same clips that become one example, often one.
        stage: its name, for the message.
        tokenize: what training does with an example; raises HarkenError.
        audio: the clips will be heard, so nothing may be silent.
        teachable: why an item cannot be taught though it can be tokenized
            (`harken.train.teachable`).

    Returns:
        The size of each example, where `tokenize` returns tokenized prompts.
    """
    asked = list(examples)
    faults: list[str] = []
    measures: list[Measure] = []
    heard: set[str] = set()
    sources: dict[str, Source] = {}
    for example in track(asked, f"checking the items of {stage}", total=len(asked)):
        clips = example[0].clips if audio else ()
        found = [_unheard(clip, heard, sources) for clip in clips]
        found = list(filter(None, found))
        found += [fault for item in example for fault in teachable(item)]
        found = found or _untokenized(example, tokenize, measures)
        if found:
            faults.append(f"{', '.join(item.id for item in example)}: {'; '.join(found)}")
    if faults:
        hint = "Take them out of the dataset, or mend their files."
        refuse(faults, len(asked), stage, hint=hint)
    return measures


def refuse(faults: Sequence[str], count: int, stage: str, *, hint: str) -> NoReturn:
    """Raise DataError with the faults of items, at most `SHOWN` of them, and their number."""
    raise DataError(
        f"{len(faults)} of {count} items cannot be trained on:{in_lines(faults, SHOWN)}",
        where=f"stage {stage}",
        hint=hint,
    )


def _untokenized(
    example: Sequence[Item],
    tokenize: Callable[[Sequence[Item]], object],
    measures: list[Measure],
) -> list[str]:
    """Why an example cannot be tokenized; empty if it can, and then its size is added.

    Scenes are expensive to render, and their parts have been heard: silence of at least their
    length stands in for them first. It takes as many tokens or more.
    """
    clips = tuple(map(_stand_in, example[0].clips))
    stand_ins = [item.with_clips(clips, item.facts) for item in example]
    try:
        try:
            made = tokenize(stand_ins)
        except HarkenError:
            made = tokenize(example)
    except HarkenError as error:
        return [f"{error.found}{_files(example[0], error)}"]
    size = measure(example, made)
    measures += [size] if size is not None else []
    return []


def _stand_in(clip: Clip) -> Clip:
    """Whole seconds of silence for a scene; every other clip is itself."""
    if clip.plan is None or clip.kind == "shard":
        return clip
    return silence(float(math.ceil(duration_s(clip))))


def require_clips(items: Sequence[Item], stage: str) -> None:
    """Raise DataError, with their ids, if items have no clips."""
    without = [item.id for item in items if not item.clips]
    if without:
        raise DataError(
            f"{len(without)} of {len(items)} items have no clips: {listed(without)}",
            where=f"stage {stage}",
            hint="Align on items with audio only.",
        )


Source = tuple[str, int, int]
"""Path, row and slot of a clip."""


def _unheard(clip: Clip, heard: set[str], sources: dict[str, Source]) -> str:
    """Why a clip cannot be heard, with its file; ``""`` if it can.

    Args:
        clip: a clip of an item.
        heard: keys of files that were heard; they are not decoded again.
        sources: key -> where it was found first. Another file with this key is decoded too: if its
            hash is wrong, one sound would be taken for the other.
    """
    own = (clip.path, clip.row, clip.slot)
    known = heard if sources.setdefault(clip.key, own) == own else None
    try:
        require_heard(clip, known)
    except AudioError as error:
        return f"{error.where or clip.path}: {error.found} [{error.reason}]"
    return ""


def _files(item: Item, error: HarkenError) -> str:
    """Where a fault is: the place that the error names, else the files of the item."""
    if error.where:
        return f" (in {error.where})"
    names = dict.fromkeys(Path(clip.path).name for clip in item.clips if clip.path)
    return f" (in {', '.join(names)})" if names else ""
