"""Runs told apart, items not all were asked, one inference by recording, three runs and more."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import RunError
from harken.evaluate.compare import compare, compare_many
from harken.evaluate.results import tabulate
from harken.item import Item
from harken.report import comparison
from harken.runs import Run
from scored_records import record

ITEMS = [
    Item(f"{i}?", "a", ("a", "b", "c", "d"), task=f"t{i % 2}", recordings=(f"r{i}",))
    for i in range(16)
]


def made(
    folder: Path,
    right: int,
    items: list[Item] = ITEMS,
    conditions: tuple[str, ...] = ("audio", "none"),
    rotations: int = 1,
    **spec: Any,
) -> Path:
    """A run in which the first so many items are right with audio, and none without."""
    records = [
        record(item, condition, 0.9 if at < right and condition == "audio" else 0.1, turn)
        for condition in conditions
        for at, item in enumerate(items)
        for turn in range(rotations)
    ]
    with Run.open(folder, {"kind": "evaluate", "model": "m", "identity": "i", **spec}) as run:
        run.append("records", records)
        run.write_json("results", tabulate(records))
        run.finish({})
    return folder


def harken(*words: object) -> Any:
    return CliRunner().invoke(app, [*map(str, words)])


def test_folders_of_one_name_are_told_apart_by_path_and_settings(tmp_path: Path) -> None:
    a = made(tmp_path / "a" / "mmau", 4, rotations=1, seed=1, sampling={"temperature": 0.0})
    b = made(tmp_path / "b" / "mmau", 8, rotations=1, seed=1, sampling={"temperature": 0.7})
    found = compare(a, b)
    assert found["first"]["label"] == "a/mmau: m; sampling.temperature 0.0"
    assert found["second"]["label"] == "b/mmau: m; sampling.temperature 0.7"
    said = harken("compare", a, b).stdout
    assert "first: a/mmau: m; sampling.temperature 0.0" in said
    assert str(tmp_path) not in json.dumps(found)  # the same bytes wherever it is


@pytest.mark.parametrize("many", [False, True])
def test_items_that_one_run_lacks_are_refused_or_counted(tmp_path: Path, many: bool) -> None:
    runs = [
        made(tmp_path / "x", 4),
        made(tmp_path / "y", 8, ITEMS[3:]),
        made(tmp_path / "z", 8, ITEMS[:12]),
    ]
    if not many:
        runs = runs[:2]
    done = harken("compare", *runs)
    assert isinstance(done.exception, RunError)
    assert "16 in the first, 13 in the second, 13 shared" in str(done.exception)
    assert "--shared" in str(done.exception)
    done = harken("compare", *runs, "--shared", "--json")
    found = json.loads(done.stdout)
    assert found["items"] == (9 if many else 13)
    left = {key.partition(":")[0]: own for key, own in found["left_out"].items()}
    if many:
        assert left["x"] == {"items": 7, "requests": 14}
        assert left["y"] == {"items": 4, "requests": 8}
        assert left["z"] == {"items": 3, "requests": 6}
    else:
        assert left == {
            "first": {"items": 3, "requests": 6}, "second": {"items": 0, "requests": 0},
        }  # fmt: skip
    said = " ".join(harken("compare", *runs, "--shared").stdout.split())
    assert f"{7 if many else 3} items ({14 if many else 6} requests) of" in said


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({"rotations": 1}, {"rotations": 2}, "different rotations"),
        ({"items": ITEMS[:8]}, {"items": ITEMS[8:]}, "different items"),
        ({"conditions": ("audio",)}, {"conditions": ("none",)}, "share no condition"),
    ],
)
def test_runs_that_do_not_fit_are_refused(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], told: str
) -> None:
    runs = made(tmp_path / "a", 4, **one), made(tmp_path / "b", 4, **other)
    with pytest.raises(RunError, match=told):
        compare(*runs)
    if "rotations" in told:
        assert compare(*runs, shared=True)["left_out"]["second"] == {"items": 0, "requests": 32}
    else:
        with pytest.raises(RunError, match="share no"):
            compare(*runs, shared=True)


@pytest.mark.parametrize("count", [3, 4])
def test_many_runs_are_side_by_side_and_each_against_the_first(tmp_path: Path, count: int) -> None:
    right = [4, 12, 6, 16][:count]
    runs = [made(tmp_path / f"run{at}", n, seed=at) for at, n in enumerate(right)]
    found = compare_many(runs)
    whole = found["scores"]["audio"][0]
    assert whole["accuracy"] == [n / 16 for n in right] and whole["items"] == [16] * count
    assert [row["label"] for row in found["versus"]["audio"]] == [
        f"run{at}: m; seed {at}" for at in range(1, count)
    ]
    for row, pair, n in zip(found["versus"]["audio"], found["pairs"], right[1:], strict=True):
        assert row["difference"] == pair["conditions"]["audio"][0]["paired"]["difference"]
        assert row["difference"] == (n - 4) / 16
    p = sorted(row["p"] for row in found["versus"]["audio"])
    holm = min(row["p_holm"] for row in found["versus"]["audio"])
    assert holm == pytest.approx(min(1.0, p[0] * (count - 1)))
    said = harken("compare", *runs)
    assert said.exit_code == 0
    for at in range(count):
        assert f"run{at}" in said.stdout
    for words in ("right, all tasks", "audio, against run0", "none, against run0", "t0", "t1"):
        assert words in said.stdout


def test_one_run_is_nothing_to_compare(tmp_path: Path) -> None:
    done = harken("compare", made(tmp_path / "a", 4))
    assert getattr(done.exception, "exit_code", 0) == 2


def test_flipped_items_are_printed_with_both_replies(tmp_path: Path) -> None:
    old = made(tmp_path / "old", 10)
    items = ITEMS[6:] + ITEMS[:6]  # right: the first ten of these, so 6 to 15
    new = made(tmp_path / "new", 10, items)
    said = harken("compare", old, new, "--flips", 2).stdout
    assert said.count("\ngained ") == 2 and said.count("\nlost ") == 2
    assert "… 4 more gained: --flips 6" in said and "… 4 more lost: --flips 6" in said
    lost = next(line for line in said.splitlines() if line.startswith("lost "))
    item = next(item for item in ITEMS if item.id in lost)
    after = said[said.index(lost) + len(lost) :].strip().splitlines()[0]
    assert f"({item.task}): {item.question}" in lost
    assert after.startswith("true: a; “a” (correct) → “") and after.endswith("(wrong)")
    everything = harken("compare", old, new, "--flips", 100).stdout
    assert everything.count("\ngained ") == 6 and "more" not in everything.split("Flipped")[1]
    assert "Flipped" not in harken("compare", old, new, "--flips", 0).stdout


@pytest.mark.parametrize("sizes", [(1,) * 8, (2, 2, 2), (4, 1, 1), (3, 3, 3, 1), (8,)], ids=str)
def test_p_takes_recordings_and_not_items_as_independent(
    tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    """All items gain: p is that of as many signs as there are recordings, counted one by one."""
    items = [
        Item(f"{r}.{i}?", "a", ("a", "b"), task="t", recordings=(f"r{r}",))
        for r, size in enumerate(sizes)
        for i in range(size)
    ]
    found = compare(made(tmp_path / "a", 0, items), made(tmp_path / "b", len(items), items))
    own = found["conditions"]["audio"][0]["paired"]
    signs = product((-1, 1), repeat=len(sizes))
    sums = [sum(s * n for s, n in zip(sign, sizes, strict=True)) for sign in signs]
    exact = sum(abs(total) >= len(items) for total in sums) / len(sums)
    assert own["p"] == pytest.approx(exact)
    assert own["p_items"] == pytest.approx(2 / 2 ** len(items))
    assert own["p"] >= own["p_items"]
    said = comparison.two(found, width=120)
    assert "p (Holm)" in said and "McNemar" in said and "by recording" in said
