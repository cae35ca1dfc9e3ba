"""joint: pairs and single-clip items, each with its share of every batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harken.audio.clip import silence
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.runs import Run
from harken.train.joint import JointSettings, divided, joint, takes
from tiny_audio import NAMES, alike, mini, named


def both(folder: Path) -> list[Item]:
    single = [named(folder, name, seed, 0.3) for name in NAMES for seed in range(2)]
    return [*single, *(alike(folder, a, b) for a in NAMES[:2] for b in NAMES[:3])]


@pytest.mark.parametrize(("single", "counts"), [(0.25, (6, 2)), (0.5, (4, 4)), (0.875, (1, 7))])
def test_every_batch_has_the_shares(tmp_path: Path, single: float, counts: tuple[int, int]) -> None:
    how = JointSettings(steps=6, batch=4, accumulate=2, single=single, threads=1, lr=5e-3)
    with Run.open(tmp_path / "run", {}) as run:
        joint(mini(), both(tmp_path / "sounds"), how, run)
        records = run.records("metrics")
    assert [(r["from_pairs"], r["from_single"]) for r in records] == [counts] * 6
    assert all(r["clips"] == 2 * counts[0] + counts[1] for r in records)
    assert records[-1]["loss"] < records[0]["loss"]


def test_items_are_divided_by_clips_and_tasks(tmp_path: Path) -> None:
    items = both(tmp_path)
    none = items[0].with_clips(())
    three = items[0].with_clips((silence(1.0), silence(2.0), silence(3.0)))
    other = replace(items[-1], task="which-clip")
    (pairs, single), reasons = divided([*items, none, three, other], JointSettings())
    assert len(pairs) == 7 and len(single) == 8
    assert reasons == Counter({"without clips": 1, "with three or more clips": 1})
    assert takes([*items, none, three, other]) == [*items, other]
    how = JointSettings(pair_tasks=("which-clip",), single_tasks=("identify",))
    (pairs, single), reasons = divided([*items, other], how)
    assert pairs == [other] and len(single) == 8
    assert reasons == Counter({"of the task same-sound with 2 clip(s)": 6})


def test_one_kind_alone_is_refused_with_the_counts(tmp_path: Path) -> None:
    items = both(tmp_path / "sounds")
    single, pairs = items[:8], items[8:]
    three = items[0].with_clips((silence(1.0), silence(2.0), silence(3.0)))
    for number, (own, how, words) in enumerate(
        [
            (single, JointSettings(), "of 8 items 0 are pairs .* and 8 have one clip"),
            (pairs, JointSettings(), "of 6 items 6 are pairs .* and 0 have one clip"),
            ([three], JointSettings(), "left out: 1 with three or more clips"),
            (items, JointSettings(pair_tasks=("x",)), "left out: 6 of the task same-sound"),
        ]
    ):
        with pytest.raises(DataError, match=words):
            joint(mini(), own, how, Run.open(tmp_path / f"run{number}", {}))


def test_a_share_of_nothing_or_all_is_refused() -> None:
    for single in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match="single is"):
            JointSettings(single=single)
