"""Hand-over checks between the stages of a recipe: what each leaves, and what the next one needs.

After every stage a record is kept in its run (``handover.json``): tokenizer, trained groups, items
and clips. Before the next one it is compared: the tokenizer must be the one that the stage before
ended with, groups that the stage needs must have been trained, and no clip or item of the exam may
be trained on. Items and clips that two stages share are told; they are no fault.

A recording of the exam is known by its bytes and span (`Clip.key`; a whole file has all its spans),
by the clips that a scene is mixed from, and by the name of its source recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harken.audio.clip import pieces
from harken.errors import DataError, RunError
from harken.files import write_json
from harken.hashing import digest
from harken.item import Item
from harken.listed import in_lines
from harken.models.base import MODEL_FILE
from harken.models.learner import Learner
from harken.parsing import load_json
from harken.recipes.job import PlannedStage

FILE = "handover.json"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Handover:
    """What one stage leaves to the next.

    Attributes:
        stage: its name within the recipe.
        tokenizer: hash of the tokenizer it ended with.
        groups: the module groups that it trained.
        adapters: those of them that have adapters.
        items, clips: ids and keys of what it was trained on.
    """

    stage: str
    tokenizer: str
    groups: tuple[str, ...]
    adapters: tuple[str, ...]
    items: tuple[str, ...]
    clips: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write `FILE` into the run's folder."""
        write_json(folder / FILE, asdict(self))


def handover_of(
    stage: str, learner: Learner, items: Sequence[Item], groups: Sequence[str]
) -> Handover:
    """The record of a stage that has ended."""
    keys = {piece.key: None for item in items for clip in item.clips for piece in pieces(clip)}
    return Handover(
        stage,
        tokenizer_of(learner),
        tuple(groups),
        tuple(sorted(learner.adapters)),
        tuple(item.id for item in items),
        tuple(keys),
    )


def read_handover(folder: Path) -> Handover | None:
    """The record in a folder; None if there is none.

    Raises:
        RunError: it is damaged.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        raw = load_json(folder / FILE)
        groups, adapters, items, clips = (
            tuple(map(str, raw[name])) for name in ("groups", "adapters", "items", "clips")
        )
        return Handover(str(raw["stage"]), str(raw["tokenizer"]), groups, adapters, items, clips)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{FILE} is damaged: {error}", where=str(folder), hint="Train this stage again."
        ) from error


def handovers_beside(model: str) -> list[Handover]:
    """What the stages left whose runs stand beside a saved model, by the names of their folders.

    Raises:
        RunError: a record is damaged.
    """
    folder = Path(model.partition("?")[0])
    if not (folder / MODEL_FILE).is_file():
        return []
    root = folder.parent
    found = [*root.glob(f"*/{FILE}"), *root.glob(f"training/*/{FILE}")]
    records = (read_handover(path.parent) for path in sorted(found))
    return [record for record in records if record is not None]


def tokenizer_of(learner: Learner) -> str:
    """Hash of a learner's tokenizer."""
    return digest(learner.tokenizer.to_json())


def check_before(
    stage: PlannedStage, learner: Learner, earlier: Sequence[Handover], *, pretrained: bool
) -> None:
    """Compare a learner with what a stage needs and what the stage before it left.

    Args:
        stage: that is about to run.
        learner: the model.
        earlier: what the stages before it left, in order.
        pretrained: whether all module groups were trained before the recipe, as in native classes.

    Raises:
        RunError: another tokenizer, an untrained group, or missing adapters.
    """
    where = f"before stage {stage.title}"
    if earlier and tokenizer_of(learner) != earlier[-1].tokenizer:
        raise RunError(
            f"the tokenizer is not the one that stage {earlier[-1].stage} ended with "
            f"({tokenizer_of(learner)}, and there {earlier[-1].tokenizer})",
            where=where,
            hint="Continue with the model of that stage, or begin in another --out.",
        )
    trained = {group: None for one in earlier for group in one.groups}
    lacking = [group for group in stage.needs if group not in trained and not pretrained]
    if lacking:
        done = "; ".join(f"{one.stage}: {', '.join(one.groups)}" for one in earlier)
        raise RunError(
            f"it needs {' and '.join(lacking)} trained, and no stage before it did that "
            f"({done or 'it is the first'})",
            where=where,
            hint="Train them in an earlier stage: see its setting groups.",
        )
    bare = [group for group in stage.adapters if group not in learner.adapters]
    if bare:
        raise RunError(
            f"it needs LoRA adapters in {' and '.join(bare)}, and there are none",
            where=where,
            hint="Begin with adapters: --lora lm:r=8,alpha=32.",
        )


def check_exam(stage: str, items: Sequence[Item], exam: Sequence[Item]) -> None:
    """Refuse training items that are in the exam, or have a recording of it.

    Raises:
        DataError: the error names them with what they share.
    """
    known: dict[str, str] = {}
    for item in exam:
        for mark in (*_marks(item), *_held(item)):
            known.setdefault(mark, item.id)
    found = []
    same = 0
    for item in items:
        own = (*_marks(item), *_used(item))
        shared = next((mark for mark in own if mark in known), None)
        if shared is not None:
            same += shared.startswith("item ")
            found.append(f"{item.id}: {shared}, as item {known[shared]} of the exam")
    if found:
        raise DataError(
            f"{len(found)} of {len(items)} training items are in the exam "
            f"({same} as items, {len(found) - same} by a recording):{in_lines(found, _SHOWN)}",
            where=f"before stage {stage}",
            hint="Take them out of the training data, or hold out another dataset.",
        )


def _marks(item: Item) -> Iterator[str]:
    """By what an item, or a recording of it, is known again."""
    yield f"item {item.id}"
    for clip in item.clips:
        for piece in pieces(clip):
            yield f"clip {piece.key}"
    for recording in item.recordings:
        yield f"recording {recording}"


def _files(item: Item) -> Iterator[tuple[bool, str]]:
    """(whether it is heard whole, SHA-256) of each file that an item's clips are from."""
    for clip in item.clips:
        for piece in pieces(clip):
            if piece.sha256:
                yield not piece.start_s and piece.duration_s is None, piece.sha256


def _held(item: Item) -> Iterator[str]:
    """What must not be used of an exam's files: of one heard in part, other parts may be."""
    for whole, sha256 in _files(item):
        yield f"the whole of file sha256:{sha256}"
        if whole:
            yield f"a part of file sha256:{sha256}"


def _used(item: Item) -> Iterator[str]:
    for whole, sha256 in _files(item):
        yield f"{'the whole' if whole else 'a part'} of file sha256:{sha256}"


def overlap(items: Sequence[Item], stage: str, earlier: Iterable[Handover]) -> list[str]:
    """For each earlier stage, in a sentence, how many items and clips this one has again."""
    ids = {item.id: None for item in items}
    keys: Mapping[str, None] = {
        piece.key: None for item in items for clip in item.clips for piece in pieces(clip)
    }
    told = []
    for one in earlier:
        same_items = sum(name in ids for name in one.items)
        same_clips = sum(key in keys for key in one.clips)
        if same_items or same_clips:
            told.append(
                f"{stage} has {same_items} of the {len(one.items)} items and {same_clips} of the "
                f"{len(one.clips)} clips that {one.stage} was trained on"
            )
    return told
