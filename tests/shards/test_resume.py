"""Datasets that are killed, damaged, mixed or written twice: complete, or refused with a hint."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harken.errors import ConfigError, DataError, TooManyFailures
from harken.files import sha256_of, write_json
from harken.hashing import SEAL, canonical, sealed
from harken.parsing import load_json, parse_json
from harken.shards.build import Unit, build_dataset
from harken.shards.info import MARKER
from harken.shards.read import open_dataset
from harken.shards.schema import FOOTER_KEY
from harken.shards.write import write_dataset
from made_items import contents, make, tone
from paths import REPO


def units(count: int, each: int = 5) -> list[Unit]:
    return [
        Unit(f"unit {u}", lambda u=u: (make(i) for i in range(u * each, (u + 1) * each)))
        for u in range(count)
    ]


def test_complete_units_are_not_made_again(tmp_path: Path) -> None:
    made: list[str] = []

    def noted(key: str, make_them: object, fail: bool) -> object:
        def run() -> object:
            if fail and key == "unit 2":
                raise RuntimeError("stop")
            made.append(key)
            return make_them()  # type: ignore[operator]

        return run

    for fail in (True, False):
        asked = [Unit(key, noted(key, m, fail)) for key, m, _ in units(4)]  # type: ignore[arg-type]
        if fail:
            with pytest.raises(TooManyFailures, match="unit 2: RuntimeError: stop"):
                build_dataset(tmp_path / "a", asked, name="n", plan=1)
        else:
            build_dataset(tmp_path / "a", asked, name="n", plan=1)
    assert made == ["unit 0", "unit 1", "unit 3", "unit 2"]
    build_dataset(tmp_path / "b", units(4), name="n", plan=1)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_shard_under_the_name_of_another_is_made_again(tmp_path: Path) -> None:
    """What counts is the unit that a shard says it holds, not where it lies."""
    build_dataset(tmp_path / "a", units(3), name="n", plan=1)
    expected = contents(tmp_path / "a")
    (tmp_path / "a" / "dataset.json").unlink()
    first, second = (tmp_path / "a" / f"shard-{n:05d}.parquet" for n in (0, 1))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    build_dataset(tmp_path / "a", units(3), name="n", plan=1)
    assert contents(tmp_path / "a") == expected


def test_two_plans_are_never_mixed(tmp_path: Path) -> None:
    build_dataset(tmp_path / "done", units(2), name="n", plan={"seed": 1})
    before = contents(tmp_path)
    for changed in (
        {"plan": {"seed": 2}},
        {"plan": {"seed": 1}, "name": "m"},
        {"plan": {"seed": 1}, "embed": True},
    ):
        with pytest.raises(DataError, match="holds another dataset") as caught:
            build_dataset(tmp_path / "done", units(2), **{"name": "n", **changed})
        assert caught.value.hint
    with pytest.raises(DataError, match="its units differ"):
        build_dataset(tmp_path / "done", units(3), name="n", plan={"seed": 1})
    (tmp_path / "done/dataset.json").unlink()
    with pytest.raises(DataError, match="unfinished dataset with another plan"):
        build_dataset(tmp_path / "done", units(2), name="n", plan={"seed": 2})
    build_dataset(tmp_path / "done", units(2), name="n", plan={"seed": 1})
    assert contents(tmp_path) == before


def test_a_finished_dataset_is_not_overwritten_without_a_plan(tmp_path: Path) -> None:
    write_dataset([make(0)], tmp_path, name="n")
    with pytest.raises(DataError, match="holds a complete dataset"):
        write_dataset([make(1)], tmp_path, name="n")


def test_a_plan_must_be_json_and_keys_must_differ(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        write_dataset([], tmp_path, name="n", plan={"a": {1, 2}})
    with pytest.raises(ConfigError, match="share a key: unit 0"):
        build_dataset(tmp_path, units(1) * 2, name="n")


def damaged(tmp_path: Path) -> Path:
    build_dataset(tmp_path / "d", units(3), name="n", plan=1)
    return tmp_path / "d"


def test_every_kind_of_damage_is_named_with_its_hint(tmp_path: Path) -> None:
    folder = damaged(tmp_path)
    whole = contents(folder)
    shard, marker = folder / "shard-00001.parquet", folder / "dataset.json"
    good, told = shard.read_bytes(), marker.read_text()

    def refused(match: str, **options: bool) -> None:
        with pytest.raises(DataError, match=match) as caught:
            list(open_dataset(folder, **options))
        assert caught.value.hint and caught.value.where

    shard.unlink()
    refused("1 of 3 shards are missing: shard-00001")
    shard.write_bytes(good[:-100])
    refused("shard-00001.*size")
    middle = len(good) // 2
    shard.write_bytes(good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :])
    refused("shard-00001", verify=True)
    shard.write_bytes(b"\0" * len(good))
    refused("damaged: shard-00001")
    shard.write_bytes(good)
    for text, found in (
        (told.replace('"schema": 6', '"schema": 7'), "schema 7; this harken reads up to 6"),
        (told.replace('"schema": 6', '"scheme": 6'), "is damaged"),
        (told[:-20], "is damaged"),
        ("[]", "is damaged"),
    ):
        marker.write_text(text)
        refused(found)
    marker.unlink()
    refused("writing it was interrupted")
    with pytest.raises(DataError, match="no dataset folder"):
        open_dataset(tmp_path / "nowhere")

    # The hint works: the same command makes only what is missing.
    shard.write_bytes(good[:-1])
    build_dataset(folder, units(3), name="n", plan=1)
    assert contents(folder) == whole
    shard.unlink()
    build_dataset(folder, units(3), name="n", plan=1)
    assert contents(folder) == whole


def test_one_process_writes_to_a_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom harken.files import hold\nfrom harken.errors import DataError\n"
        "from pathlib import Path\nhold(Path(sys.argv[1]), DataError)\n"
        "print('held', flush=True)\ntime.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(DataError, match="another process") as caught:
            write_dataset([make(0)], tmp_path, name="n")
        assert caught.value.hint
    finally:
        other.kill()
        other.wait()
        assert other.stdout is not None
        other.stdout.close()
    assert write_dataset([make(0)], tmp_path, name="n").items == 1


STORY = """
    import sys, time
    from pathlib import Path
    from harken import progress
    from harken.audio.clip import Clip, Part, ScenePlan
    from harken.audio.single import span
    from harken.item import Drop, Item
    from harken.runs import Run
    from harken.shards.build import Unit, build_dataset
    from harken.shards.read import open_dataset
    from harken.shards.steps import run_steps

    progress.quiet()
    out, wav = Path(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    sound = Clip(path=wav, duration_s=0.5)

    def unit(u):
        for i in range(8):
            time.sleep(0.002)
            scene = ScenePlan((Part(sound, 0.01 * i), Part(span(sound, 0, 0.2), 0.02 * u)), 1.0)
            clips = (Clip(kind="plan", plan=scene, duration_s=1.0), sound)
            yield Item(f"q {u} {i}", "a", ("a", "b"), clips, task="t", split="train")

    def even(items):
        for item in items:
            time.sleep(0.001)
            yield item if int(item.id, 16) % 2 else Drop(item, "even")

    keys = [Unit(f"u{u}", lambda u=u: unit(u)) for u in range(10)]
    build_dataset(out / "made", keys, name="made", plan={"seed": 1}, embed=True)
    made = open_dataset(out / "made")
    plan = {"of": made.info.digest}
    run_steps(made, [even], out / "kept", out / "dropped", name="kept", plan=plan)
    run = Run.open(out / "run", {"seed": 1})
    if not run.done:
        for group in range(run.count("records") // 4, 20):
            run.truncate("records", group * 4)
            run.append("records", [{"group": group, "i": i} for i in range(4)])
            run.log({"group": group})
            time.sleep(0.005)
        run.write_json("results", {"n": run.count("records")})
        run.finish({"n": 80})
    print("end", flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 300)
    story = tmp_path / "story.py"
    story.write_text(textwrap.dedent(STORY))
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}

    def start(out: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(story), str(tmp_path / out), str(tmp_path / "a.wav")],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def told(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    calm = start("calm")
    assert told(calm) == "ready"
    begun = time.monotonic()
    assert told(calm) == "end" and calm.wait() == 0
    took = time.monotonic() - begun
    draw, kills = random.Random(7), 0
    for _ in range(40):
        rough = start("rough")
        assert told(rough) == "ready"
        # Short enough that a build is cut many times, long enough that each gets somewhere.
        time.sleep(took * draw.uniform(0.0, 0.5) if kills < 7 else 0)
        if kills < 7:
            rough.send_signal(signal.SIGKILL)
        ended = told(rough) == "end"
        rough.wait()
        assert rough.stdout is not None
        rough.stdout.close()
        if ended:
            break
        kills += 1
    assert ended and kills >= 4
    assert calm.stdout is not None
    calm.stdout.close()
    assert contents(tmp_path / "rough") == contents(tmp_path / "calm")
    assert len(contents(tmp_path / "calm")) >= 10 + 1 + 2 + 2 + 4


def state_as(folder: Path, schema: int) -> None:
    """Write `dataset.json` for the shards as they are now."""
    told = {k: v for k, v in load_json(folder / MARKER).items() if k != SEAL}
    for shard in told["shards"]:
        path = folder / shard["file"]
        shard |= {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    write_json(folder / MARKER, sealed({**told, "schema": schema}))


def as_schema_1(folder: Path) -> None:
    """Rewrite a dataset as the first version wrote it: without the columns of later ones."""
    for path in folder.glob("shard-*.parquet"):
        table = pq.read_table(path).drop_columns(["rejected", "facts", "need", "twins"])
        footer = parse_json(table.schema.metadata[FOOTER_KEY]) | {"schema": 1}
        pq.write_table(table.replace_schema_metadata({FOOTER_KEY: canonical(footer)}), path)
    state_as(folder, 1)


def test_a_dataset_of_an_earlier_schema_is_read_and_is_the_same_dataset(tmp_path: Path) -> None:
    """No item changed with the new column: ids are equal, and nothing is made again."""
    folder = tmp_path / "d"
    build_dataset(folder, units(2), name="n", plan=1)
    new = list(open_dataset(folder))
    as_schema_1(folder)
    before = contents(folder)
    old = open_dataset(folder, verify=True)
    assert list(old) == new and old.get(new[3].id) == new[3]
    assert [row["rejected"] for row in old.rows(["id", "rejected"])] == [""] * len(new)
    build_dataset(folder, units(2), name="n", plan=1)
    assert contents(folder) == before
    # An unfinished one goes on, with the columns of today.
    (folder / MARKER).unlink()
    build_dataset(folder, units(2), name="n", plan=1)
    assert open_dataset(folder).info.schema == 6 and list(open_dataset(folder)) == new
    # A column of the first schema that is not there is damage, whatever the version.
    as_schema_1(folder)
    (path,) = [p for p in folder.glob("shard-*.parquet") if "00001" in p.name]
    pq.write_table(pq.read_table(path).drop_columns("rationales"), path)
    state_as(folder, 1)
    with pytest.raises(DataError, match="no column rationales"):
        list(open_dataset(folder))
