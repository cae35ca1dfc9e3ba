"""How a row of a release becomes an item: its clips, its options."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_bench_golden import opened

from harken.evaluate.benchmarks.types import row_of


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("in/a.wav", ""),
        ("in/../in/a.wav", ""),
        ("../a.wav", "is outside"),
        ("../release-2/a.wav", "is outside"),  # its path begins with that of the folder
        ("in/b.wav", "missing audio"),
        ("in", "missing audio"),
    ],
)
def test_clips_are_files_within_the_release(name: str, told: str, tmp_path: Path) -> None:
    benchmark, items = opened("mmar")
    for folder in ("release/in", "release-2", "."):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "a.wav").write_bytes(b"sound")
    row = {**row_of(items[0]), "audio_path": name}
    clips, lost = benchmark.clips_of(row, tmp_path / "release")
    assert len(clips) == (not told) and len(lost) == bool(told)
    assert all(told in one for one in lost)


def test_a_row_that_names_no_clip_is_at_fault_where_one_is_needed(tmp_path: Path) -> None:
    benchmark, items = opened("jailbreak")
    row = {**row_of(items[0]), "audio": None}
    assert benchmark.clips_of(row, tmp_path) == ((), [])  # its requests may be text
    needed = type("Needed", (type(benchmark),), {"requires_audio": True})()
    assert needed.clips_of(row, tmp_path) == ((), ["names no audio"])


@pytest.mark.parametrize(
    ("choices", "shown", "tags"),
    [
        (["a", "b"], ("a", "b"), []),
        (["a", "b", "a"], ("a", "b"), ["repeated-choices"]),
        (["a", "b", " "], ("a", "b"), ["empty-choice"]),
        (["a", "", "a"], ("a",), ["repeated-choices", "empty-choice"]),
    ],
)
def test_odd_options_are_tagged(
    choices: list[str], shown: tuple[str, ...], tags: list[str]
) -> None:
    benchmark, items = opened("mmar")
    item = benchmark.item({**row_of(items[0]), "choices": choices, "answer": "a"}, ())
    assert item.choices == shown and item.plan["options"] == choices
    assert [tag for tag in item.tags if tag != "mmar"] == tags
