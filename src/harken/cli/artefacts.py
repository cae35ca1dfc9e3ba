"""Artefacts below a folder, and whether they are what was written: the checks of `harken check`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from harken.errors import DataError, HarkenError
from harken.files import damaged
from harken.hashing import seal_fits
from harken.models.base import MODEL_FILE
from harken.parsing import load_json, record_of
from harken.runs import FIRST, read_run
from harken.shards.info import MARKER

State = Literal["whole", "damaged", "incomplete", "unverified"]
_SHARD = re.compile(r"shard-\d+\.parquet")
CURATED, CLEANED, STORE, CHECKPOINT = "curate.json", "clean.json", "replies.jsonl", "latest.json"


@dataclass(slots=True)
class Checked:
    """One artefact.

    Attributes:
        kind: dataset, run, model, checkpoint, cleaned, curated, replies or items.
        path: its folder or file.
        files: how many files were compared with what was recorded when they were written.
        faults: what is damaged or missing, one sentence a file.
        notes: what could not be compared, and why.
        complete: whether the command that makes it had ended.
    """

    kind: str
    path: str
    files: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True

    @property
    def state(self) -> State:
        """``damaged``, ``incomplete``, ``unverified`` (nothing to compare with) or ``whole``."""
        if self.faults:
            return "damaged"
        if not self.complete:
            return "incomplete"
        return "whole" if self.files else "unverified"

    def compare(self, folder: Path, sums: dict[str, str]) -> None:
        """Compare files with their SHA-256."""
        self.files += len(sums)
        self.faults += [f"{name}: {why}" for name, why in damaged(folder, sums).items()]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values, the state among them."""
        return {**asdict(self), "state": self.state}


def check_all(place: Path, *, audio: bool = False, audio_root: Path | None = None) -> list[Checked]:
    """Check every artefact in a folder or below it, or a file of items, or a training set.

    Args:
        place: the folder or file.
        audio: whether recordings that items refer to are compared too.
        audio_root: of another program's set: where audio is that is not beside it.

    Raises:
        DataError: there is no such folder, no artefact in it, or the file is of another kind.
    """
    from harken.shards.formats.load import recognise
    from harken.shards.read import audio_below

    other = _SHARD.fullmatch(place.name) or (place.suffix != ".jsonl" and recognise(place) is None)
    if place.is_file() and other:
        raise DataError(
            "a single file can be checked if it is a .jsonl of items",
            where=str(place),
            hint="Name the folder that it is in, if harken wrote that folder.",
        )
    if place.is_file():
        with audio_below(audio_root):
            return [_guarded(_items, place, audio)]
    if not place.is_dir():
        raise DataError("there is no such folder", where=str(place), hint="Check the path.")
    found = [_guarded(check, folder, audio) for check, folder in _artefacts(place)]
    if not found and recognise(place) is not None:
        with audio_below(audio_root):
            return [_guarded(_items, place, audio)]
    if not found:
        raise DataError(
            "the folder holds nothing that harken wrote, and is no known training set",
            where=str(place),
            hint=f"Name a dataset ({MARKER}), a run ({FIRST}), a model ({MODEL_FILE}), a folder "
            "of them, or a training set.",
        )
    return found


Check = Callable[[Path, bool], Checked]


def _artefacts(place: Path) -> Iterator[tuple[Check, Path]]:
    """(check, folder) of everything below `place`, by path."""
    for name, folders, names in os.walk(place):
        folders.sort()
        folder = Path(name)
        if MARKER in names or any(_SHARD.fullmatch(one) for one in names):
            yield _dataset, folder
        if FIRST in names:
            yield _run, folder
        if MODEL_FILE in names:
            yield _model, folder
        if CURATED in names:
            yield _curated, folder
        if CLEANED in names:
            yield _cleaned, folder
        if CHECKPOINT in names and folder.parent.name == "checkpoint":
            yield _checkpoint, folder
        if STORE in names and FIRST not in names:
            yield _replies, folder


def _guarded(check: Check, place: Path, audio: bool) -> Checked:
    """`check`, with what it raises as a fault."""
    try:
        return check(place, audio)
    except (HarkenError, OSError, ValueError, RecursionError) as error:
        kind = check.__name__.strip("_")
        return Checked(kind, str(place), faults=[str(error)])


def _dataset(folder: Path, audio: bool) -> Checked:
    """`dataset.json`, every shard, every item's id; with `audio` the recordings referred to."""
    from harken.shards.info import read_info
    from harken.shards.read import Dataset

    found = Checked("dataset", str(folder))
    if not (folder / MARKER).is_file():
        found.complete = False
        found.notes.append(f"there is no {MARKER}: the command that makes it has not ended")
        return found
    info = read_info(folder)
    found.files += 1
    found.compare(folder, {shard.file: shard.sha256 for shard in info.shards})
    if not found.faults:
        items = 0
        hashes: dict[str, str] = {}
        for item in Dataset(folder, info):
            items += 1
            if audio:
                hashes |= dict(_recordings(item.clips))
        if items != info.items:
            found.faults.append(f"{items} items, and {MARKER} states {info.items}")
        found.compare(Path(), hashes)
    return found


def _recordings(clips: Any) -> Iterator[tuple[str, str]]:
    """(path, SHA-256) of the files that clips are read from."""
    for clip in clips:
        if clip.kind == "file" and clip.sha256:
            yield clip.path, clip.sha256
        if clip.kind == "plan" and clip.plan is not None:
            yield from _recordings(part.clip for part in clip.plan.parts)


def _run(folder: Path, audio: bool) -> Checked:
    """The files of a run, against its checksums."""
    found = Checked("run", str(folder))
    run = read_run(folder)
    sums = run.checksums()
    if not run.done:
        found.complete = False
        found.notes.append("the run has not ended: its files have no checksums yet")
        for path in sorted(folder.glob("*.jsonl")):
            run.count(path.stem)  # raises for a damaged line
        return found
    if not sums:
        found.notes.append("written by a version without checksums")
    found.compare(folder, sums)
    return found


def _model(folder: Path, audio: bool) -> Checked:
    """The files of a saved model, against the hashes in `MODEL_FILE`."""
    return _listed("model", folder, MODEL_FILE)


def _checkpoint(folder: Path, audio: bool) -> Checked:
    """The weights that a stage of training resumes from."""
    held = _sealed(folder / CHECKPOINT)
    return _listed("checkpoint", folder, CHECKPOINT, folder / str(held.get("folder", "")))


def _listed(kind: str, folder: Path, name: str, place: Path | None = None) -> Checked:
    """An artefact whose file `name` lists the hashes of the others."""
    found = Checked(kind, str(folder))
    sums = _sealed(folder / name).get("files")
    if isinstance(sums, dict):
        found.files += 1
        found.compare(place or folder, sums)
    else:
        found.notes.append("written by a version without checksums")
    return found


def _curated(folder: Path, audio: bool) -> Checked:
    """The summary of `harken curate`; its datasets and votes are artefacts of their own."""
    held = _sealed(folder / CURATED)
    return Checked("curated", str(folder), files=int("checksum" in held))


def _cleaned(folder: Path, audio: bool) -> Checked:
    """The summary of `harken clean`; its datasets are artefacts of their own."""
    held = _sealed(folder / CLEANED)
    return Checked("cleaned", str(folder), files=int("checksum" in held))


def _sealed(path: Path) -> dict[str, Any]:
    """A JSON object; raises DataError if it is none, or not what was written."""
    try:
        held = load_json(path)
    except ValueError as error:
        raise DataError(f"{path.name}: not JSON ({error})") from error
    if not isinstance(held, dict) or not seal_fits(held):
        raise DataError(f"{path.name}: the content is not what was written")
    return held


def _replies(folder: Path, audio: bool) -> Checked:
    """Stored replies of a model: every line has its checksum."""
    found = Checked("replies", str(folder))
    plain = 0
    with (folder / STORE).open("rb") as file:
        for number, line in enumerate(file, 1):
            if line[-1:] != b"\n" and record_of(line[:-1] + b"\n") is None:  # cut off by a kill
                found.notes.append("the last line is not complete: it is asked again")
                found.complete = False
                break
            held = record_of(line)
            good = held is not None and "key" in held and seal_fits(held)
            plain += good and "checksum" not in (held or {})
            if not good:
                found.faults.append(f"{STORE}: line {number} is damaged; it is asked again")
    found.files = int(not plain)
    if plain:
        found.notes.append(f"{plain} replies have no checksum")
    return found


def _items(path: Path, audio: bool) -> Checked:
    """A file of items, or a training set: all ids and hashes; with `audio` each is decoded."""
    from harken.audio.load import require_heard
    from harken.shards.formats.load import recognise
    from harken.shards.jsonl import read_jsonl
    from harken.shards.read import read_items

    known: set[str] = set()
    if recognise(path) is None:
        for _ in read_jsonl(path, probe=audio):
            pass
    else:
        for item in read_items(path):
            for clip in item.clips if audio else ():
                require_heard(clip, known)
    return Checked("items", str(path), files=1)
