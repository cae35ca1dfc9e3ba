"""Writing a dataset folder as one stream; what it shares with `harken.shards.build` (in units).

A shard's footer says which unit of which plan it holds. `dataset.json` is written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, DataError
from harken.files import damaged, differences, held, part_of, settle, sha256_of, sweep
from harken.hashing import canonical, digest
from harken.item import Item
from harken.listed import listed
from harken.parsing import parse_json
from harken.progress import track
from harken.shards.embed import embedded
from harken.shards.info import MARKER, Info, ShardInfo, read_info, recorded_root
from harken.shards.schema import AUDIO, FOOTER_KEY, SCHEMA_VERSION, arrow_schema, to_row

GROUP_ROWS = 512
"""Most rows in a row group, which a reader holds in memory."""

GROUP_BYTES = 8 << 20
"""Most bytes of embedded audio in a row group; the first limit reached ends the group."""

ROWS = 4096
"""Rows in a shard of a streamed dataset."""

_FINGERPRINT = 1
"""Version of what a fingerprint is of. A new column changes no item, so a complete dataset of an
earlier schema is the one that is asked for, and is not made again."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a dataset before its first item."""

    folder: Path
    name: str
    plan: Any
    embed: bool
    root: Path
    root_text: str
    fingerprint: str

    def footer(self, key: str) -> dict[str, Any]:
        """The footer of the shard with the unit `key`."""
        return {"schema": SCHEMA_VERSION, "plan": self.fingerprint, "unit": key}

    def path(self, number: int) -> Path:
        """Path of shard `number`."""
        return self.folder / f"shard-{number:05d}.parquet"


def head_of(
    folder: Path | str, name: str, plan: Any, embed: bool, root: Path | str | None, units: Any
) -> Head:
    """Describe and fingerprint a dataset; `units` are the keys of its units, or rows a shard.

    Raises:
        ConfigError: the plan is not JSON.
    """
    folder = Path(folder)
    whole, text = recorded_root(folder, None if root is None else Path(root))
    try:
        plan = parse_json(canonical(plan))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the plan of dataset {name!r} is not JSON: {error}",
            hint="Use strings, numbers, lists and dicts only.",
        ) from error
    asked = [_FINGERPRINT, name, plan, embed, text, units]
    return Head(folder, name, plan, embed, whole, text, digest(canonical(asked)))


def existing(head: Head) -> Info | None:
    """The dataset in the folder if it is complete and of the same plan; None if it is to be made.

    Partial files are removed, and shards of this plan whose size or content is not what was
    written.

    Raises:
        DataError: the folder holds all or part of a dataset of another plan.
    """
    sweep(head.folder)
    if (head.folder / MARKER).is_file():
        info = read_info(head.folder)
        if info.fingerprint != head.fingerprint:
            differ = differences(
                {"name": info.name, "plan": info.plan, "embed": info.embedded, "root": info.root},
                {"name": head.name, "plan": head.plan, "embed": head.embed, "root": head.root_text},
            )
            raise DataError(
                "the folder holds another dataset: "
                + (listed(differ, 5, between="; ") or "its units differ"),
                where=str(head.folder),
                hint="Choose another folder, or delete this one.",
            )
        bad = damaged(head.folder, {shard.file: shard.sha256 for shard in info.shards})
        if not bad:
            return info
        (head.folder / MARKER).unlink()
        for name in bad:
            (head.folder / name).unlink(missing_ok=True)
    for path in sorted(head.folder.glob("shard-*.parquet")):
        footer = read_footer(path)
        if footer is not None and footer.get("plan") != head.fingerprint:
            raise DataError(
                f"the folder holds {path.name} of an unfinished dataset with another plan",
                where=str(head.folder),
                hint="Choose another folder, or delete this one.",
            )
    return None


def read_footer(path: Path) -> dict[str, Any] | None:
    """The footer of a shard; None if the file is incomplete, {} for other Parquet files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = (pq.read_metadata(path).metadata or {}).get(FOOTER_KEY, b"{}")
        footer: dict[str, Any] = parse_json(found)
        return footer
    except (pa.ArrowException, OSError, ValueError):
        return None


class ShardFile:
    """One shard being written, row group by row group, under its temporary name."""

    def __init__(self, head: Head, number: int, key: str) -> None:
        """Start shard `number`, which holds the unit `key`."""
        self.rows = 0
        self._head = head
        self._path = head.path(number)
        self._schema = arrow_schema(head.footer(key))
        self._writer = _writer(part_of(self._path), self._schema)
        self._waiting: list[dict[str, Any]] = []
        self._weight = 0

    def add(self, item: Item) -> None:
        """Write one item; it is on disk once its row group is full."""
        row = to_row(item, self._head.root, lambda clip: embedded(clip, self._head.embed))
        self._waiting.append(row)
        self._weight += sum(len(one["bytes"] or b"") for one in row[AUDIO])
        self.rows += 1
        if len(self._waiting) >= GROUP_ROWS or self._weight >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.Table.from_pylist(self._waiting, schema=self._schema)
            self._writer.write_table(table, row_group_size=GROUP_ROWS)
        self._waiting, self._weight = [], 0

    def close(self) -> None:
        """Complete the file and rename it to its final name."""
        self._flush()
        self._writer.close()
        settle(self._path)

    def abandon(self) -> None:
        """Leave nothing of it."""
        self._writer.close()
        part_of(self._path).unlink(missing_ok=True)


def kept(path: Path, footer: dict[str, Any]) -> bool:
    """Whether the shard of a killed build is there, is of this unit, and is whole.

    `dataset.json` has no hash of it yet, so its rows are written once more and the bytes compared;
    the checksums of the pages are among them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file() or read_footer(path) != footer:
        return False
    again = part_of(path)
    schema = arrow_schema(footer)
    try:
        with pq.ParquetFile(path) as file, _writer(again, schema) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                writer.write_table(table.cast(schema), row_group_size=GROUP_ROWS)
        return sha256_of(again) == sha256_of(path)
    except (pa.ArrowException, OSError, ValueError):
        return False
    finally:
        again.unlink(missing_ok=True)


def _writer(path: Path, schema: Any) -> Any:
    """A Parquet writer; the same rows give the same bytes."""
    import pyarrow.parquet as pq

    plain = [name for name in schema.names if name != AUDIO]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=plain,
        write_statistics=["id", "task", "split", "licence"],
        write_page_checksum=True,
    )


class Stream:
    """A dataset written by pushing items; `close` writes `dataset.json`.

    It is not known where a killed stream stopped, so its shards are made again.
    """

    def __init__(self, head: Head, rows: int) -> None:
        """Start a dataset of `rows` items a shard; removes the shards of a killed stream."""
        self.head = head
        self._rows = rows
        self._keys: list[str] = []
        self._shard: ShardFile | None = None
        for path in head.folder.glob("shard-*.parquet"):
            path.unlink()

    def add(self, item: Item) -> None:
        """Write one item."""
        if self._shard is None:
            self._open()
        assert self._shard is not None
        self._shard.add(item)
        if self._shard.rows >= self._rows:
            self._shard.close()
            self._shard = None

    def _open(self) -> None:
        key = f"rows from {len(self._keys) * self._rows}"
        self._shard = ShardFile(self.head, len(self._keys), key)
        self._keys.append(key)

    def close(self, steps: dict[str, Any] | None = None) -> Info:
        """Complete the last shard, write `dataset.json`; an empty dataset has one empty shard."""
        if not self._keys:
            self._open()
        if self._shard is not None:
            self._shard.close()
        shards = [written(self.head, number, key) for number, key in enumerate(self._keys)]
        return finish(self.head, shards, steps)


def write_dataset(
    items: Iterable[Item],
    folder: Path | str,
    *,
    name: str,
    plan: Any = None,
    embed: bool = False,
    rows: int = ROWS,
    root: Path | str | None = None,
) -> Info:
    """Write `items` in order, `rows` a shard; memory does not grow with their number.

    With a `plan`, a complete dataset of the same plan is not made again and no item is read.
    Without one it is unknown whether the items are the same, so a complete dataset is an error.

    Args:
        items: in order.
        folder: the dataset's folder.
        name: the dataset's name.
        plan: JSON-able values that determine it.
        embed: copy the audio into the shards.
        rows: items a shard.
        root: folder that audio paths are stored relative to; default: the dataset's own folder.

    Raises:
        DataError: the folder holds another dataset, or another process writes to it.
        AudioError: a clip that is to be embedded cannot be used.
    """
    head = head_of(folder, name, plan, embed, root, rows)
    head.folder.mkdir(parents=True, exist_ok=True)
    with held(head.folder, DataError):
        info = existing(head)
        if info is not None:
            if plan is None:
                refuse_finished(head.folder)
            return info
        stream = Stream(head, rows)
        for item in track(items, f"writing {name}"):
            stream.add(item)
        return stream.close()


def refuse_finished(folder: Path) -> None:
    """Raise DataError: a complete dataset is not overwritten without a plan."""
    raise DataError(
        "the folder holds a complete dataset already, and no plan says that it is the same",
        where=str(folder),
        hint="Choose another folder, delete this one, or give a plan.",
    )


@dataclass(frozen=True, slots=True)
class Written:
    """A shard on disk: what `dataset.json` says of it, and its items by property and value."""

    shard: ShardInfo
    counts: dict[str, dict[str, int]]


def written(head: Head, number: int, key: str) -> Written:
    """Count and hash a shard that is complete."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = head.path(number)
    with pq.ParquetFile(path) as file:
        columns = ["split", "task", "licence", "contribution.label"]
        table = file.read(columns=columns, use_threads=False)
    labels = table["contribution"].combine_chunks()
    counts: dict[str, dict[str, int]] = {}
    for name, values in {
        "split": table["split"],
        "task": table["task"],
        "licence": table["licence"],
        "contribution": pc.struct_field(labels, "label"),
    }.items():
        tally = counts.setdefault(name, {})
        for one in pc.value_counts(values).to_pylist():
            word = one["values"] or ""
            tally[word] = tally.get(word, 0) + one["counts"]
    size = path.stat().st_size
    return Written(ShardInfo(path.name, key, table.num_rows, size, sha256_of(path)), counts)


def finish(head: Head, shards: Sequence[Written], steps: dict[str, Any] | None = None) -> Info:
    """Write `dataset.json` of a dataset with these shards, in order."""
    counts: dict[str, dict[str, int]] = {
        name: {} for name in ("split", "task", "contribution", "licence")
    }
    for one in shards:
        for name, tally in one.counts.items():
            for word, n in tally.items():
                counts[name][word] = counts[name].get(word, 0) + n
    licences = counts.pop("licence")
    info = Info(
        name=head.name,
        items=sum(one.shard.rows for one in shards),
        counts={what: dict(sorted(tally.items())) for what, tally in counts.items()},
        licences=dict(sorted(licences.items())),
        embedded=head.embed,
        root=head.root_text,
        plan=head.plan,
        fingerprint=head.fingerprint,
        shards=tuple(one.shard for one in shards),
        steps=steps or {},
    )
    info.write(head.folder)
    return info
