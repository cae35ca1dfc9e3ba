"""The study of hard negatives from end to end, with a text tower that needs no weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

pytest.importorskip("torch")

from harken.models.embedding import EMBEDDERS, EmbedderKind
from harken.recipes.effects import compa
from harken.recipes.effects.run import results_of, run_effect
from harken.report.effect import plot_file, section
from tones import tones


class Ordered:
    """Hashes of words with their places: it knows the order of words, and no meaning."""

    name = "ordered"

    def encode(self, texts: Sequence[str]) -> Any:
        found = np.zeros((len(texts), 64), np.float32)
        for row, text in enumerate(texts):
            for place, word in enumerate(text.split()):
                found[row, crc32(f"{place} {word}".encode()) % 64] += 1
        return found


@pytest.fixture
def text_tower(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    EMBEDDERS.add(EmbedderKind("ordered", "for a test", lambda target="": Ordered()))
    monkeypatch.setattr(compa, "TEXT", "ordered")
    yield
    EMBEDDERS.forget("ordered")


def test_five_seeds_leave_out_all_of_ten_labels() -> None:
    labels = [f"label {number}" for number in range(10)]
    kept = [compa._kept_from(labels, seed) for seed in range(5)]
    assert sorted(label for pair in kept for label in pair) == sorted(labels)
    assert compa._kept_from(labels, 5) == kept[0]


@pytest.mark.slow
def test_the_study_runs_and_goes_on(tmp_path: Path, text_tower: None) -> None:
    tones(tmp_path / "corpus")

    def study(seeds: int) -> dict[str, Any]:
        return run_effect("compa", tmp_path / "out", seeds=seeds, size="smoke",
                          model="resnet", corpus=tmp_path / "corpus")  # fmt: skip

    study(1)
    done = tmp_path / "out" / "compa" / "seed-0" / "compa" / "lines.jsonl"
    before = done.stat().st_mtime_ns
    found = study(2)
    assert done.stat().st_mtime_ns == before
    assert results_of("compa", tmp_path / "out") == found
    assert [arm["name"] for arm in found["arms"]] == [
        "start", "clap", "compa", "clap-mean", "compa-mean", "unseen",
    ]  # fmt: skip
    exams = {(cell["arm"], cell["exam"]) for cell in found["cells"]}
    assert {exam for arm, exam in exams if arm == "unseen"} == {"zero-shot", "two labels"}
    assert len({exam for arm, exam in exams if arm == "compa"}) == 16
    assert all(claim["seeds"] == [0, 1] for claim in found["claims"])
    unseen = {cell["seed"]: cell["n"] for cell in found["cells"]
              if (cell["arm"], cell["exam"]) == ("unseen", "two labels")}  # fmt: skip
    assert unseen[0] > 0 and unseen[1] > 0
    text = section(found, "plot.svg")
    (row,) = [line for line in text.splitlines() if line.startswith("| order group |")]
    assert row.endswith("| – |") and "not run" not in row  # unseen does not take it
    assert "order group" in plot_file(found) and "R@5" not in plot_file(found)
