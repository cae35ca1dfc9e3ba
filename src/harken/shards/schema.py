"""One item as one Parquet row, and back.

Rows hold plain columns, so that `datasets`, polars and DuckDB read a shard directly. Clips are
structs; the audio of clip *i* is entry *i* of the column ``audio``: its encoded bytes if embedded,
else only the path. A scene plan is JSON text.

Paths are stored relative to the dataset's root whenever the two share a folder, so that audio and
dataset can move together. A clip without a hash is identified by its path; its `key` is stored as
`origin`, so that the id of its item does not change when the files move.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.notes import PlayedNote
from harken.audio.packed import suffix_of
from harken.facts import SourceFacts, facts_from
from harken.hashing import canonical
from harken.item import Contribution, Dialogue, HistoryEntry, Item, ListeningNeed
from harken.parsing import parse_json

SCHEMA_VERSION = 6
"""Incremented when a column changes; a reader refuses newer versions. The sixth has notes as clips,
and music among the facts."""

LATER: dict[str, tuple[int, Any]] = {
    "rejected": (2, ""),
    "dialogue": (2, None),
    "facts": (3, None),
    "need": (4, None),
    "twins": (4, ""),
}
"""Columns that the first version did not have: the version that added each, and what rows of
earlier ones hold."""

FOOTER_KEY = b"harken"
"""Key of the Parquet metadata that says which unit of which plan a shard holds."""

AUDIO = "audio"
"""The column of embedded bytes, which is read only when a clip is loaded."""


def arrow_schema(footer: dict[str, Any] | None = None) -> Any:
    """The columns as a `pyarrow.Schema`, with `footer` in its metadata."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    voter = pa.struct([("name", text), ("bits", pa.float64())])
    contribution = pa.struct(
        [
            ("label", text),
            ("rule", text),
            ("bits", pa.float64()),
            ("voters", pa.list_(voter)),
            ("text_only_right", pa.int32()),
            ("text_only_asked", pa.int32()),
            ("shapley", pa.list_(pa.float64())),
            ("interaction", pa.float64()),
            ("controls", pa.list_(pa.struct([("condition", text), ("bits", pa.float64())]))),
        ]
    )
    clip = pa.struct(
        [
            ("kind", text),
            ("path", text),
            ("row", pa.int32()),
            ("slot", pa.int32()),
            ("start_s", pa.float64()),
            ("duration_s", pa.float64()),
            ("sha256", text),
            ("plan", text),
            ("origin", text),
            ("note", pa.struct([("timbre", text), ("pitch", pa.float64())])),
        ]
    )
    dialogue = pa.struct(
        [
            ("system", text),
            ("earlier", pa.list_(pa.struct([("question", text), ("reply", text)]))),
            ("places", pa.list_(pa.struct([("turn", pa.int32()), ("at", pa.int32())]))),
        ]
    )
    need = pa.struct(
        [("caption_proof", pa.bool_()), ("window_s", pa.float64()), ("clip_s", pa.float64())]
    )
    schema = pa.schema(
        [
            ("id", text),
            ("question", text),
            ("choices", texts),
            ("answer", text),
            ("rationales", texts),
            ("rejected", text),
            ("task", text),
            ("tags", texts),
            ("recordings", texts),
            ("speakers", texts),
            ("split", text),
            ("licence", text),
            ("contribution", contribution),
            ("history", pa.list_(pa.struct([("step", text), ("note", text)]))),
            ("plan", text),
            ("dialogue", dialogue),
            ("clips", pa.list_(clip)),
            ("facts", pa.list_(_facts_struct())),
            ("need", need),
            ("twins", text),
            (AUDIO, pa.list_(pa.struct([("bytes", pa.binary()), ("path", text)]))),
        ]
    )
    return schema if footer is None else schema.with_metadata({FOOTER_KEY: canonical(footer)})


def _facts_struct() -> Any:
    """The column of `ClipFacts`, one struct a clip; nulls are not known."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    word = pa.struct([("text", text), ("start_s", number), ("end_s", number)])
    texts = {"kind", "label", "speaker", "transcript"}
    source = pa.struct(
        [
            (
                one.name,
                pa.list_(word) if one.name == "words" else text if one.name in texts else number,
            )
            for one in fields(SourceFacts)
        ]
    )
    return pa.struct(
        [
            ("sources", pa.list_(source)),
            ("duration_s", number),
            ("rt60_s", number),
            ("layout", text),
            ("music", _music_struct()),
        ]
    )


def _music_struct() -> Any:
    """The column of `MusicFacts`; nulls are not known."""
    import pyarrow as pa

    return pa.struct(
        [
            ("tempo_bpm", pa.float64()),
            ("last_tempo_bpm", pa.float64()),
            ("beats", pa.int32()),
            ("key", pa.string()),
            ("chords", pa.list_(pa.string())),
            ("pitches", pa.list_(pa.float64())),
        ]
    )


def stored_path(path: str, root: Path) -> str:
    """`path` relative to `root` if they share a folder other than the file system's root."""
    folder, name = os.path.split(os.path.abspath(path))
    folder = stored_folder(folder, str(root))
    return name if folder == "." else os.path.join(folder, name)


@lru_cache(maxsize=4096)
def stored_folder(folder: str, root: str) -> str:
    """`stored_path` for an absolute folder; ``"."`` is `root` itself."""
    shared = os.path.commonpath([folder, root])
    apart = shared == os.path.dirname(shared)
    return folder if apart else Path(os.path.relpath(folder, root)).as_posix()


def live_path(path: str, root: Path) -> str:
    """The inverse of `stored_path`: an absolute path."""
    return os.path.normpath(os.path.join(root, path)) if path else path


def map_paths(clip: Clip, change: Callable[[str], str]) -> Clip:
    """`clip` with `change` applied to its path and to those of the clips in its plan."""
    origin = clip.origin
    if clip.path and clip.sha256 is None and not origin:
        origin = clip.key  # identified by its path alone: keep its key when the path changes
    plan = clip.plan
    if plan is not None:
        plan = replace(
            plan, parts=tuple(replace(p, clip=map_paths(p.clip, change)) for p in plan.parts)
        )
    path = change(clip.path) if clip.path else clip.path
    return replace(clip, path=path, plan=plan, origin=origin)


def to_row(
    item: Item, root: Path, embed: Callable[[Clip], tuple[Clip, bytes] | None]
) -> dict[str, Any]:
    """The row of `item`; `embed` gives a clip's embedded form and bytes, or None to refer to it."""
    clips: list[dict[str, Any]] = []
    audio: list[dict[str, Any]] = []
    for slot, clip in enumerate(item.clips):
        taken = embed(clip)
        if taken is None:
            kept = map_paths(clip, lambda path: stored_path(path, root))
            shown = kept.path if kept.kind == "file" else None
            audio.append({"bytes": None, "path": shown})
        else:
            kept = map_paths(replace(taken[0], path=""), lambda path: stored_path(path, root))
            # Shard and row are those of the struct itself, so only the slot is stored.
            kept = replace(kept, kind="shard", row=-1, slot=slot)
            suffix = suffix_of(taken[1])
            audio.append({"bytes": taken[1], "path": f"{kept.key}.{suffix}"})
        clips.append(_clip_row(kept))
    row = item.to_dict()
    row["plan"] = canonical(item.plan)
    row["clips"] = clips
    row[AUDIO] = audio
    row["facts"] = row.get("facts", [])
    row["need"], row["twins"] = row.get("need"), item.twins
    return row


def _clip_row(clip: Clip) -> dict[str, Any]:
    origin = clip.origin
    if isinstance(clip.start_s, int) or isinstance(clip.duration_s, int):
        origin = clip.key  # the columns are floats, and 1.0 does not hash like 1
    return {
        "kind": clip.kind,
        "path": clip.path,
        "row": clip.row,
        "slot": clip.slot,
        "start_s": clip.start_s,
        "duration_s": clip.duration_s,
        "sha256": clip.sha256,
        "plan": None if clip.plan is None else canonical(clip.plan.to_dict()),
        "origin": origin,
        "note": None if clip.note is None else clip.note.to_dict(),
    }


def from_row(row: dict[str, Any], root: Path, shard: Path, number: int) -> Item:
    """The item of row `number` of `shard`; embedded clips become references into the shard."""
    own = row["contribution"]
    contribution = None
    if own is not None:
        contribution = Contribution(
            label=own["label"],
            rule=own["rule"],
            bits=own["bits"],
            voters=tuple((v["name"], v["bits"]) for v in own["voters"]),
            text_only_right=own["text_only_right"],
            text_only_asked=own["text_only_asked"],
            shapley=tuple(own["shapley"]),
            interaction=own["interaction"],
            controls=tuple((c["condition"], c["bits"]) for c in own.get("controls") or ()),
        )
    return Item(
        question=row["question"],
        answer=row["answer"],
        choices=tuple(row["choices"]),
        clips=tuple(_clip(c, root, shard, number) for c in row["clips"]),
        task=row["task"],
        tags=tuple(row["tags"]),
        rationales=tuple(row["rationales"]),
        recordings=tuple(row["recordings"]),
        speakers=tuple(row["speakers"]),
        split=row["split"],
        licence=row["licence"],
        contribution=contribution,
        history=tuple(HistoryEntry(m["step"], m["note"]) for m in row["history"]),
        plan=parse_json(row["plan"]),
        rejected=row["rejected"],
        dialogue=Dialogue.from_dict(row.get("dialogue")),
        facts=facts_from(row.get("facts")),
        need=ListeningNeed.from_dict(row.get("need")),
        twins=row.get("twins") or "",
    )


def _clip(raw: dict[str, Any], root: Path, shard: Path, number: int) -> Clip:
    plan = None
    if raw["plan"] is not None:
        plan = _live_plan(ScenePlan.from_dict(parse_json(raw["plan"])), root)
    here = raw["kind"] == "shard" and not raw["path"]
    return Clip(
        kind=raw["kind"],
        path=str(shard) if here else live_path(raw["path"], root),
        row=number if here else raw["row"],
        slot=raw["slot"],
        start_s=raw["start_s"],
        duration_s=raw["duration_s"],
        sha256=raw["sha256"],
        plan=plan,
        origin=raw["origin"],
        note=PlayedNote(**raw["note"]) if raw.get("note") else None,
    )


def _live_plan(plan: ScenePlan, root: Path) -> ScenePlan:
    def live(part: Part) -> Part:
        return replace(part, clip=map_paths(part.clip, lambda path: live_path(path, root)))

    return replace(plan, parts=tuple(live(part) for part in plan.parts))
