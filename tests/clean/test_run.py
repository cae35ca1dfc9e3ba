"""The job: folders, the loss account, the same bytes, and a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_fingerprint import RATE, events
from typer.testing import CliRunner

from harken.audio.clip import Clip
from harken.audio.load import encode_flac, write_wav
from harken.audio.probe import file_sha256
from harken.clean.run import account, run
from harken.cli.main import app
from harken.engines.load import open_engine
from harken.errors import DataError
from harken.hashing import seal_fits
from harken.item import Contribution, Item, ListeningNeed
from harken.parsing import load_json, parse_json
from harken.shards.read import read_items
from harken.shards.steps import Counts
from harken.shards.write import write_dataset
from made_items import contents

LONG = "Which of these two sounds can be heard in this recording?"
FILTERS = ["exact", "acoustic", "minhash", "disagreement", "position"]


def asked(path: Path, name: str, split: str = "train", question: str = "What is it?") -> Item:
    clip = Clip(path=str(path), sha256=file_sha256(path))
    return Item(question, name, ("rain", "dog"), (clip,), "identify", split=split, licence="CC0")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Six items that stay, and five that do not: see `test_every_filter_drops_its_own`."""
    folder = tmp_path_factory.mktemp("sounds")
    for seed in range(6):
        write_wav(folder / f"{seed}.wav", events(seed, 2.0), RATE)
    (folder / "copy.wav").write_bytes((folder / "0.wav").read_bytes())
    loud = np.clip(1.5 * events(1, 2.0), -1, 1).astype(np.float32)
    (folder / "loud.flac").write_bytes(encode_flac(loud[0], RATE))
    write_wav(folder / "cut.wav", events(2, 2.0)[:, RATE // 2 :], RATE)
    own = [asked(folder / f"{n}.wav", ("rain", "dog")[n % 2]) for n in range(5)]
    own[4] = replace(own[4], question=LONG)
    return [
        *own,
        asked(folder / "5.wav", "dog", "test"),
        replace(asked(folder / "copy.wav", "rain"), question="What  is it?"),  # exact
        asked(folder / "loud.flac", "dog"),  # acoustic
        replace(asked(folder / "cut.wav", "rain", "test"), question="What was it?"),  # takes train
        asked(folder / "3.wav", "rain"),  # contradicts
        asked(
            folder / "4.wav", "rain", question=LONG.replace("recording", "recordings")
        ),  # minhash
    ]


def reasons(folder: Path) -> dict[str, str]:
    """Question and answer -> the last line of the history, of what was dropped."""
    return {
        item.id: f"{item.history[-1].step}: {item.history[-1].note}"
        for item in read_items(folder / "dropped")
    }


def test_every_filter_drops_its_own(items: list[Item], tmp_path: Path) -> None:
    summary = run(items, tmp_path / "out", filters=FILTERS)
    kept = [item.id for item in read_items(tmp_path / "out" / "kept")]
    assert kept == [item.id for item in items if item.id in kept]  # in the order of the input
    assert [step["step"] for step in summary["steps"]] == FILTERS
    found = {step["step"]: step["dropped"] for step in summary["steps"]}
    assert found == {
        "exact": {"an exact duplicate": 1},
        "acoustic": {"a recording of another split": 1, "an acoustic duplicate": 1},
        "minhash": {"nearly the same text": 1},
        "disagreement": {"other answers to the same question": 2},
        "position": {},
    }
    assert (summary["read"], summary["kept"], summary["dropped"]) == (11, 5, 6)
    assert summary["splits"] == {
        "test": {"kept": 2, "dropped": 0},
        "train": {"kept": 3, "dropped": 6},
    }
    why = reasons(tmp_path / "out")
    assert why[items[2].id] == (
        f"acoustic: a recording of another split: of {items[8].id} in the split test"
    )
    assert items[8].id in kept
    pair = {items[0].id, items[6].id}
    (gone,) = pair & {*why}
    (stays,) = pair & {*kept}
    assert stays == min(pair) and why[gone].endswith(f"of {stays} in the split train")
    assert {items[3].id, items[9].id} <= {*why}
    held = load_json(tmp_path / "out" / "clean.json")
    assert seal_fits(held) and held["read"] == 11
    assert not (tmp_path / "out" / "features").exists()


def test_the_order_of_the_input_decides_nothing(items: list[Item], tmp_path: Path) -> None:
    kept = []
    for name, order in (("a", items), ("b", items[::-1]), ("c", items[4:] + items[:4])):
        run(order, tmp_path / name, filters=FILTERS)
        why = reasons(tmp_path / name)
        kept.append(({item.id for item in read_items(tmp_path / name / "kept")}, why))
    assert kept[0] == kept[1] == kept[2]


def test_the_same_bytes_twice_and_no_other_job_in_the_folder(
    items: list[Item], tmp_path: Path
) -> None:
    run(items, tmp_path / "a", filters=FILTERS)
    first = contents(tmp_path / "a")
    run(items, tmp_path / "a", filters=FILTERS)
    assert contents(tmp_path / "a") == first
    with open_engine("local", 2) as engine:
        run(items, tmp_path / "b", filters=FILTERS, engine=engine)
    assert contents(tmp_path / "b") == first
    others: list[dict[str, Any]] = [{"filters": ["exact"]}, {"filters": FILTERS, "seed": 1}]
    for other in others:
        with pytest.raises(DataError, match="another dataset"):
            run(items, tmp_path / "a", **other)
    with pytest.raises(DataError, match="no items"):
        run([], tmp_path / "c")


@pytest.mark.parametrize(
    "change",
    [
        {"contribution": Contribution("weak", "bits", 1.0)},
        {"plan": {"source": "x"}},
        {"need": ListeningNeed(True)},
    ],
)
def test_items_of_the_same_ids_are_other_items(
    items: list[Item], tmp_path: Path, change: dict[str, Any]
) -> None:
    """What was measured or noted anew is not given back as it was."""
    run(items, tmp_path / "a", filters=["exact"])
    anew = [replace(item, **change) for item in items]
    with pytest.raises(DataError, match="another dataset"):
        run(anew, tmp_path / "a", filters=["exact"])


def test_the_account_must_add_up() -> None:
    def counts(**changes: Any) -> Counts:
        step = {"step": "exact", "read": 5, "kept": 3, "dropped": {"twice": 2}, "told": {}}
        return Counts(5, 3, {"twice": 2}, [{**step, **changes}])

    assert account(counts())["dropped"] == 2
    for changes in ({"kept": 4}, {"read": 4}, {"dropped": {}}):
        with pytest.raises(DataError):
            account(counts(**changes))


def test_a_broken_clip_is_told_and_stays_unless_it_is_asked_for(
    items: list[Item], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    odd = Item("What?", "dog", ("rain", "dog"), (Clip(path=str(broken)),), split="train")
    summary = run([*items[:2], odd], tmp_path / "a", filters=["acoustic"])
    assert summary["kept"] == 3
    assert sum(summary["steps"][0]["told"]["unreadable"].values()) == 1
    summary = run([*items[:2], odd], tmp_path / "b", filters=["readable"])
    assert summary["dropped"] == 1


KILLED = """
import sys, time
from harken.clean import run, workspace
from harken.shards.read import read_items
plain, taken = workspace.features_of, []
def slow(clip):
    time.sleep(0.15)
    taken.append(clip)
    return plain(clip)
workspace._BATCH = 2
workspace.features_of = slow
run.run(list(read_items(sys.argv[1])), sys.argv[2], filters=["acoustic", "minhash"])
print(len(taken))
"""


@pytest.mark.slow
def test_a_killed_job_keeps_what_it_computed(items: list[Item], tmp_path: Path) -> None:
    write_dataset(items, tmp_path / "items", name="items")
    words = [sys.executable, "-c", KILLED, str(tmp_path / "items"), str(tmp_path / "out")]
    process = subprocess.Popen(words)
    features = tmp_path / "out" / "features"
    for _ in range(600):
        if len(list(features.glob("*.npz"))) >= 2:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "clean.json").exists()
    held = len(list(features.glob("*.npz")))
    assert held >= 2
    again = subprocess.run(words, check=True, capture_output=True, text=True)
    clips = {clip.key for item in items for clip in item.clips}
    assert int(again.stdout) == len(clips) - 2 * held
    run(read_items(tmp_path / "items"), tmp_path / "whole", filters=["acoustic", "minhash"])
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_command_says_its_plan_and_its_account(items: list[Item], tmp_path: Path) -> None:
    write_dataset(items, tmp_path / "items", name="items")
    words = ["clean", str(tmp_path / "items"), "-o", str(tmp_path / "out")]
    for name in FILTERS:
        words += ["--filter", name]
    planned = CliRunner().invoke(app, [*words, "--plan", "--json"])
    assert planned.exit_code == 0 and not (tmp_path / "out").exists()
    plan = parse_json(planned.stdout)
    assert plan["items"] == 11 and plan["splits"] == {"test": 2, "train": 9}
    assert [one["filter"] for one in plan["filters"]] == FILTERS
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert "11 items read: 5 kept" in done.stdout and "minhash: 1 nearly the same" in done.stdout
    checked = CliRunner().invoke(app, ["check", str(tmp_path / "out"), "--json"])
    assert checked.exit_code == 0
    kinds = sorted(one["kind"] for one in parse_json(checked.stdout)["artefacts"])
    assert kinds == ["cleaned", "dataset", "dataset"]
