"""Items streamed through a filter: items a second and peak memory, for 10,000 and for 100,000.

Run: ``python benchmarks/stream_items.py [--items 10000 100000] [--repeats 3]``

Each measurement is a process of its own. The filter is a plain generator step; `run_steps` reads
Parquet shards, makes every row an `Item`, and writes the kept and the dropped with their reason.
Two baselines do the same selection on the same files in the same run, without Items, ids, reasons,
hashes or a marker: a pyarrow loop (read, Python dicts, write) and `datasets.filter`. Memory is the
process's high-water mark (VmHWM), libraries included; streaming holds if it does not grow with the
number of items.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from harken import progress
from harken.audio.clip import Clip
from harken.hashing import digest
from harken.item import Drop, Item
from harken.shards.steps import run_steps
from harken.shards.write import write_dataset

TASKS = ("same-sound", "which-clip", "count", "first")
SOUNDS = ("dog bark", "rain", "door knock", "siren", "clock tick", "sea waves", "rooster", "saw")


def synthetic(count: int) -> Iterator[Item]:
    """`count` items with four choices and two referenced clips each."""
    for i in range(count):
        picks = [SOUNDS[(i * 7 + k * (1 + i % 3)) % 8] for k in range(2)]
        clips = tuple(
            Clip(
                path=f"audio/{(i * 2 + k) % 5000:05d}.flac", duration_s=5.0, sha256=64 * f"{k + 1}"
            )
            for k in range(2)
        )
        first = i % 5
        yield Item(
            question=f"Which sound comes with number {i}?",
            answer=SOUNDS[first],
            choices=SOUNDS[first : first + 4],
            clips=clips,
            task=TASKS[i % 4],
            tags=("multi",),
            recordings=tuple(str((i * 2 + k) % 5000) for k in range(2)),
            split="train",
            licence="CC0-1.0",
            plan={"family": TASKS[i % 4], "seed": 1, "number": i, "picks": picks},
        )


def keeps(question: str) -> bool:
    """The filter: two of three, decided by the text."""
    return int(digest(question), 16) % 3 > 0


def two_of_three(items: Iterable[Item]) -> Iterator[Item | Drop]:
    """`keeps` as a step."""
    for item in items:
        yield item if keeps(item.question) else Drop(item, "not this one")


def peak_mib() -> float:
    """High-water mark of this process in MiB.

    Not `ru_maxrss`: Linux hands that on from the parent through fork and exec.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this benchmark reads /proc/self/status and needs Linux")


def with_harken(source: Path, out: Path) -> int:
    from harken.shards.read import open_dataset

    return run_steps(open_dataset(source), [two_of_three], out / "keep", out / "drop").kept


def with_pyarrow(source: Path, out: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out.mkdir(exist_ok=True)
    kept = 0
    for path in sorted(source.glob("*.parquet")):
        with (
            pq.ParquetFile(path) as file,
            pq.ParquetWriter(out / path.name, file.schema_arrow, compression="zstd") as writer,
        ):
            for batch in file.iter_batches(512):
                rows = [row for row in batch.to_pylist() if keeps(row["question"])]
                writer.write_table(pa.Table.from_pylist(rows, schema=file.schema_arrow))
                kept += len(rows)
    return kept


def with_datasets(source: Path, out: Path) -> int:
    import datasets

    datasets.disable_progress_bars()
    files = [str(path) for path in sorted(source.glob("*.parquet"))]
    table = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(out / "cache")
    )
    kept = table.filter(lambda row: keeps(row["question"]))
    kept.to_parquet(str(out / "kept.parquet"))
    return len(kept)


WAYS = {"harken": with_harken, "pyarrow loop": with_pyarrow, "datasets.filter": with_datasets}


def measure(way: str, source: Path) -> dict[str, float]:
    """One process: filter `source` by `way`."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, "--one", way, str(source), out]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def one(way: str, source: Path, out: Path) -> None:
    progress.quiet()
    start = time.perf_counter()
    kept = WAYS[way](source, out)
    seconds = time.perf_counter() - start
    print(json.dumps({"kept": kept, "seconds": seconds, "peak_mib": peak_mib()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, nargs=2, default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one[0], Path(args.one[1]), Path(args.one[2]))
        return
    progress.quiet()
    print(f"{'way':<16} {'items':>8} {'kept':>8} {'items/s':>9} {'peak MiB':>9}  (medians)")
    with tempfile.TemporaryDirectory() as scratch:
        peaks: dict[tuple[str, int], float] = {}
        for count in args.items:
            source = Path(scratch) / str(count)
            write_dataset(synthetic(count), source, name=f"synthetic-{count}")
            for way in args.ways:
                runs = [measure(way, source) for _ in range(args.repeats)]
                rate = count / statistics.median(run["seconds"] for run in runs)
                peaks[way, count] = statistics.median(run["peak_mib"] for run in runs)
                kept = f"{runs[0]['kept']:>8.0f}"
                print(f"{way:<16} {count:>8} {kept} {rate:>9.0f} {peaks[way, count]:>9.1f}")
    few, many = args.items
    for way in args.ways:
        ratio = peaks[way, many] / peaks[way, few]
        print(f"{way}: peak memory {many} / {few} items = {ratio:.3f}")


if __name__ == "__main__":
    main()
