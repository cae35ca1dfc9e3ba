"""NeMo's ``multimodal_conversation``: JSON lines whose turns are texts or sounds.

As `NeMoMultimodalConversationJsonlAdapter` reads them::

    {"id": "…", "conversations": [
        {"from": "User", "type": "text", "value": "Transcribe this:"},
        {"from": "User", "type": "audio", "value": "a.wav", "duration": 3.2},
        {"from": "Assistant", "type": "text", "value": "hello"}]}

Turns of one speaker in a row are one message, joined by spaces. A question may be spoken: then it
has no text. Sounds are files beside the manifest, or members of the tar archive of its shard:
``audio_3.tar`` for ``manifest_3.jsonl``, or the same name with another suffix; a member is found by
its whole name, else by its last part where that is of one member only. ``offset`` and ``duration``
are the span. A folder is read shard by shard. Rows that say ``_skipme``, themselves or in
``custom``, are left out, as NeMo does, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from harken.audio.packed import state_of, tar_members
from harken.shards.formats.base import (
    ROLES,
    BadRow,
    DatasetFormat,
    Found,
    LeftOut,
    Message,
    Row,
    Sample,
    Sound,
)
from harken.shards.formats.rows import each_row, head


def matches(path: Path, rows: Sequence[Row]) -> bool:
    """Rows of typed turns, or a folder of manifests of such rows."""
    if path.is_dir():
        found = _manifests(path)
        return bool(found) and matches(found[0], head(found[0]))
    return bool(rows) and all(_typed(row) for row in rows)


def _typed(row: Row) -> bool:
    turns = row.get("conversations")
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(isinstance(turn, dict) and {"from", "value", "type"} <= {*turn} for turn in turns)
    )


def samples(path: Path) -> Iterator[Found]:
    """See `DatasetFormat.samples`."""
    for manifest in _manifests(path) if path.is_dir() else [path]:
        where = f"{manifest.name} line" if path.is_dir() else "line"
        yield from each_row(manifest, partial(sample, archive=_archive(manifest)), where)


def sample(row: Row, archive: Path | None = None) -> Sample | LeftOut:
    """One row; raises BadRow."""
    custom = row.get("custom")
    if row.get("_skipme") or (isinstance(custom, dict) and custom.get("_skipme")):
        return LeftOut("it says _skipme")
    messages = []
    for turn in row["conversations"]:
        role = ROLES.get(str(turn["from"]).lower())
        if role is None:
            raise BadRow(
                f"a turn of {turn['from']!r}, where User, Assistant, System are understood"
            )
        if turn["type"] not in ("text", "audio"):
            raise BadRow(f"a turn of type {turn['type']!r}, where text and audio are understood")
        part = turn["value"] if turn["type"] == "text" else _sound(turn, archive)
        messages.append(Message(role, (part,)))
    return Sample(tuple(messages), key=str(row.get("id") or ""))


def _sound(turn: Row, archive: Path | None) -> Sound:
    """A file, or the member of the shard's archive that has its name."""
    name = turn["value"]
    if not isinstance(name, str) or not name:
        raise BadRow(f"a turn of audio names {name!r}")
    length = turn.get("duration")
    span: dict[str, Any] = {
        "start_s": float(turn.get("offset") or 0),
        "duration_s": None if length is None else float(length),
    }
    if archive is None:
        return Sound(name, **span)
    exact, last = _members(str(archive), state_of(archive))
    row = next((exact[own] for own in (name, f"./{name}") if own in exact), None)
    if row is not None:
        return Sound(name, str(archive), row, 0, **span)
    alike = last.get(name, ())
    if len(alike) > 1:
        raise BadRow(
            f"audio {name!r} is the last part of {len(alike)} members of {archive.name}: "
            "write the whole name of one"
        )
    if not alike:
        raise BadRow(f"audio {name!r} is no member of {archive.name}")
    return Sound(name, str(archive), alike[0], 0, **span)


@lru_cache(maxsize=16)
def _members(
    archive: str, state: tuple[int, ...]
) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """(whole name -> row, last part -> rows) of an archive's members.

    Of a name that an archive has twice, the later member counts, as in tar.
    """
    exact = {name: row for row, (name, _, _) in enumerate(tar_members(archive, state))}
    last: dict[str, tuple[int, ...]] = {}
    for name, row in exact.items():
        last[Path(name).name] = (*last.get(Path(name).name, ()), row)
    return exact, last


def _manifests(folder: Path) -> list[Path]:
    """The manifests of a folder, in the order of their numbers."""
    return sorted(folder.glob("*.jsonl"), key=lambda path: (_number(path), path.name))


def _number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    return int(digits[-1]) if digits else -1


def _archive(manifest: Path) -> Path | None:
    """The tar archive of a manifest's shard, if there is one."""
    names = (
        manifest.with_suffix(".tar").name,
        manifest.with_suffix(".tar").name.replace("manifest", "audio"),
    )
    return next((manifest.with_name(n) for n in names if manifest.with_name(n).is_file()), None)


FORMAT = DatasetFormat(
    "nemo", "NeMo's multimodal_conversation: turns of text and audio, tar shards", matches, samples
)
