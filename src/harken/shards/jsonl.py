"""Items as JSON lines, to be written and read by people and other programs.

A hand-written line needs ``question`` and ``answer``; the audio is named by ``audio``: a path, or a
list of paths or of ``{"path": …, "start_s": …, "duration_s": …}``. Paths are relative to the JSONL
file. A pair for training on preferences has ``rejected``, a worse answer, too. All other keys are
those of `Item.to_dict`.
"""

from __future__ import annotations

import difflib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.errors import AudioError, DataError
from harken.files import part_of, settle, sha256_of
from harken.item import Item
from harken.listed import in_lines
from harken.parsing import parse_json
from harken.shards.schema import live_path, map_paths, stored_path

SHOWN_FAULTS = 50
"""Most faults listed in one message; the rest are counted."""

_TEXT = {"id", "question", "answer", "rejected", "task", "split", "licence", "twins"}
_TEXTS = {"choices", "tags", "rationales", "recordings", "speakers"}
_OTHER: dict[str, tuple[type, ...]] = {
    "audio": (str, list),
    "clips": (list,),
    "contribution": (dict,),
    "history": (list,),
    "plan": (dict,),
    "dialogue": (dict,),
    "facts": (list,),
    "need": (dict,),
}
_CLIP = {"path": (str,), "start_s": (int, float), "duration_s": (int, float), "sha256": (str,)}


def read_jsonl(path: Path | str, *, probe: bool = False) -> Iterator[Item]:
    """The items of a JSONL file, streamed, after the whole file has been checked.

    Args:
        path: the file.
        probe: also decode every named recording, so that damaged audio is a fault too.

    Raises:
        DataError: before the first item, with all faults and their line numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), hint="Check the path.")
    faults: list[str] = []
    first: dict[str, int] = {}
    for number, item in _lines(path, faults, probe):
        if item.id in first:
            faults.append(f"line {number}: the same item as line {first[item.id]}")
        first.setdefault(item.id, number)
    if faults:
        raise fault_list(faults, path)
    return (item for _, item in _lines(path, [], False))


def fault_list(faults: Sequence[str], path: Path, read_as: str = "") -> DataError:
    """All faults of a file in one error."""
    return DataError(
        f"{len(faults)} fault{'s' if len(faults) > 1 else ''}:{in_lines(faults, SHOWN_FAULTS)}",
        where=", ".join(filter(None, (str(path), read_as))),
        hint="Correct these lines and read the file again.",
    )


def read_valid(path: Path) -> tuple[list[tuple[int, Item]], list[str]]:
    """The items of a JSONL file with their line numbers, and what is wrong with the other lines.

    For readers that tell faults and go on; `read_jsonl` refuses the file.
    """
    faults: list[str] = []
    return list(_lines(path, faults, False)), faults


def write_jsonl(items: Iterable[Item], path: Path | str) -> int:
    """Write one item a line, with paths relative to the file; returns how many."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(os.path.abspath(path.parent))
    count = 0
    with part_of(path).open("w", encoding="utf-8", newline="\n") as file:
        for item in items:
            row = item.to_dict()
            row["clips"] = [
                map_paths(clip, lambda one: stored_path(one, folder)).to_dict()
                for clip in item.clips
            ]
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    settle(path)
    return count


def _lines(path: Path, faults: list[str], probe: bool) -> Iterator[tuple[int, Item]]:
    """(line number, item) of every valid line; the faults of the others are added to `faults`."""
    folder = Path(os.path.abspath(path.parent))
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                raw = parse_json(line.decode("utf-8-sig"))
            except ValueError as error:
                faults.append(f"line {number}: not JSON ({error})")
                continue
            found = _shape_faults(raw)
            item = None
            if not found:
                try:
                    item = _item(raw, folder, found, probe)
                except DataError as error:
                    found.append(str(error))
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    found.append(f"not an item ({type(error).__name__}: {error})")
            faults += [f"line {number}: {one}" for one in found]
            if item is not None and not found:
                yield number, item


def _shape_faults(raw: Any) -> list[str]:
    """All unknown, missing and mistyped keys of one line."""
    if not isinstance(raw, dict):
        return [f"a {type(raw).__name__}, not an object"]
    known = {*_TEXT, *_TEXTS, *_OTHER}
    faults = []
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            faults.append(f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    faults += [f"no {key!r}" for key in ("question", "answer") if key not in raw]
    for key, value in raw.items():
        if key in _TEXT and not isinstance(value, str):
            faults.append(f"{key!r} is not text: {value!r}")
        elif key in _TEXTS and not (
            isinstance(value, list) and all(isinstance(one, str) for one in value)
        ):
            faults.append(f"{key!r} is not a list of texts: {value!r}")
        elif key in _OTHER and value is not None and not isinstance(value, _OTHER[key]):
            faults.append(f"{key!r} is a {type(value).__name__}")
    clips = raw.get("clips")
    for one in clips if isinstance(clips, list) else []:
        if not isinstance(one, dict):
            faults.append(f"'clips' holds {one!r}, not an object; name paths under 'audio'"[:200])
    if "audio" in raw and raw.get("clips"):
        faults.append("both 'audio' and 'clips'; give one")
    return faults


def _item(raw: dict[str, Any], folder: Path, faults: list[str], probe: bool) -> Item:
    if "audio" not in raw:
        item = Item.from_dict(raw)
        clips = tuple(map_paths(c, lambda one: live_path(one, folder)) for c in item.clips)
        return replace(item, clips=clips)
    named = raw["audio"] if isinstance(raw["audio"], list) else [raw["audio"]]
    found = [_clip(one, folder, faults, probe) for one in named]
    values = {key: value for key, value in raw.items() if key not in ("audio", "id")}
    item = replace(Item.from_dict(values), clips=tuple(clip for clip in found if clip is not None))
    if raw.get("id") and raw["id"] != item.id and not faults:
        faults.append(f"the id {raw['id']} does not match the content; leave it out")
    if not item.recordings and not faults:
        # Unless stated otherwise, each file is one recording, which must not be in two splits.
        names = {one if isinstance(one, str) else one["path"] for one in named}
        item = replace(item, recordings=tuple(sorted(names)))
    return item


def _clip(one: Any, folder: Path, faults: list[str], probe: bool) -> Clip | None:
    entry = {"path": one} if isinstance(one, str) else one
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        faults.append(f"audio is neither a path nor an object with a path: {one!r}")
        return None
    wrong = [k for k, v in entry.items() if k not in _CLIP or not isinstance(v, _CLIP[k])]
    if wrong:
        faults.append(f"audio {entry['path']!r}: unknown or mistyped {', '.join(map(repr, wrong))}")
        return None
    path = live_path(entry["path"], folder)
    try:
        sha256 = clip_hash(path, probe)
    except AudioError as error:
        faults.append(f"audio {entry['path']!r}: {error.found} [{error.reason}]")
        return None
    stated = entry.get("sha256")
    if stated is not None and stated.lower() != sha256:
        faults.append(f"audio {entry['path']!r}: the file does not have the stated sha256")
        return None
    length = entry.get("duration_s")
    return Clip(
        path=path,
        start_s=float(entry.get("start_s", 0.0)),
        duration_s=None if length is None else float(length),
        sha256=sha256,
    )


def clip_hash(path: str, probe: bool = False) -> str:
    """SHA-256 of a recording, with `probe` after decoding it; raises AudioError."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        state = None
    if state is None or not stat.S_ISREG(state.st_mode):
        raise AudioError("missing", "there is no such file", where=path)
    if probe:
        from harken.audio.probe import probe as decode_whole

        decode_whole(path)
    return _sha256(path, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=65536)
def _sha256(path: str, state: tuple[int, ...]) -> str:
    """SHA-256, cached by the file's `state`, since many lines may name one recording."""
    return sha256_of(Path(path))
