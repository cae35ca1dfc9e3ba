"""AudioSet, strongly labelled: events with times in 10 s clips (Hershey 2021, arXiv 2105.07031).

``audioset_train_strong.tsv`` and ``audioset_eval_strong.tsv`` with
``segment_id, start_time_seconds, end_time_seconds, label`` (labels are ids such as ``/m/01h8n0``),
``mid_to_display_name.tsv`` (id, name; no heading), and sounds named by ``segment_id``
(``VIDEO_30000``: the video and the start in milliseconds), with ``Y`` before it or not, or by the
video alone. A clip that ends more than 50 ms before an event of it does is a reject, as with every
list of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import split_name
from harken.corpora.tables import read_rows, read_text
from harken.parsing import text_lines

_COLUMNS = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
_NAMES = "mid_to_display_name.tsv"
_Event = tuple[str, float, float]


def matches(root: Path) -> bool:
    """``audioset_…_strong.tsv``, in the folder or one below."""
    return bool(_tables(root))


def _tables(root: Path) -> list[Path]:
    pattern = "audioset_*_strong.tsv"
    return sorted([*root.glob(pattern), *root.glob(f"*/{pattern}")])


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every clip with its events; clips of the lists without a file are told by number."""
    names = _display_names(root)
    events: dict[str, list[_Event]] = {}
    splits: dict[str, str] = {}
    for table in _tables(root):
        for number, row in read_rows(table, _COLUMNS):
            event = row if isinstance(row, str) else _event(row, names)
            if isinstance(event, str):
                yield Reject(f"{table.relative_to(root)}:{number}", "bad-row", event)
                continue
            segment = row["segment_id"].strip()
            events.setdefault(segment, []).append(event)
            splits[segment] = split_name(table.stem.split("_")[1])
    videos = {segment.rpartition("_")[0]: segment for segment in events}
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        stem = PurePath(path).stem
        tries = (stem, stem.removeprefix("Y"))
        segment = next((s for t in tries for s in (t, videos.get(t, "")) if s in events), "")
        own = events.get(segment, [])
        yield Entry(
            path,
            id=f"youtube:{segment.rpartition('_')[0]}" if segment else "",
            labels=tuple(dict.fromkeys(name for name, _, _ in own)),
            onsets=tuple(own),
            split=splits.get(segment, ""),
        )


def _display_names(root: Path) -> dict[str, str]:
    """Id -> name; the ids themselves where the list is not there."""
    paths = sorted([*root.glob(_NAMES), *root.glob(f"*/{_NAMES}")])
    lines = text_lines(read_text(paths[0])) if paths else []
    return {mid.strip(): name.strip() for mid, _, name in (line.partition("\t") for line in lines)}


def _event(row: dict[str, str], names: dict[str, str]) -> _Event | str:
    """(label, onset, offset) of a line, or why there is none."""
    if not (row.get("segment_id") or "").strip() or not (row.get("label") or "").strip():
        return "no segment_id or no label"
    try:
        start, end = (float(row[name]) for name in _COLUMNS[1:3])
    except (KeyError, TypeError, ValueError):
        return "the times are not numbers"
    if not 0 <= start < end:
        return f"the event runs from {start:g} s to {end:g} s"
    mid = row["label"].strip()
    return names.get(mid, mid), start, end


LAYOUT = Layout(
    "audioset-strong", "AudioSet with strong labels: events with times", matches, entries
)
