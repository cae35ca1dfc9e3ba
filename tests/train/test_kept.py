"""Records that a stage keeps in the run: made in fixed pieces, whenever it was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harken.runs import Run
from harken.train.kept import kept_records


@pytest.mark.parametrize("there", range(8))
def test_half_a_piece_is_made_again_whole(tmp_path: Path, there: int) -> None:
    """A batch gives its last digits with its neighbours only."""
    asked: list[range] = []

    def make(numbers: range) -> list[dict[str, int]]:
        asked.append(numbers)
        return [{"number": n} for n in numbers]

    with Run.open(tmp_path / "run", {}) as run:
        run.append("s-labels", [{"number": n} for n in range(there)])
        found = kept_records(run, "s", "labels", 7, make, size=3)
        assert found == [{"number": n} for n in range(max(7, there))]
        whole = [range(3), range(3, 6), range(6, 7)]
        assert asked == whole[there // 3 :] if there < 7 else asked == []
        asked.clear()
        assert kept_records(run, "s", "labels", 7, make, size=3) == found and not asked
